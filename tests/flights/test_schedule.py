from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from flights.airports import real_airports
from flights.models import Airline, Flight
from flights.schedule import distance_km, flights_a_week, generate_schedule, make_legs

BEGIN = date(2050, 3, 7)  # a Monday; Europe's clocks change on the 27th


def key(flight: Flight) -> tuple:
    return (flight.flight_number, flight.departure_time, flight.arrival_time, flight.price,
            flight.departure_airport_id, flight.arrival_airport_id)  # fmt: skip


def test_a_distance_is_the_great_circle() -> None:
    rows = real_airports()
    assert distance_km(rows["LHR"], rows["JFK"]) == pytest.approx(5540, rel=0.01)
    assert distance_km(rows["SYD"], rows["GRU"]) == pytest.approx(13370, rel=0.01)
    assert distance_km(rows["DEL"], rows["DEL"]) == 0


def test_busier_and_nearer_pairs_fly_more_often() -> None:
    assert flights_a_week(0, 1, 1000) > flights_a_week(0, 30, 1000) > flights_a_week(30, 31, 1000)
    assert flights_a_week(0, 1, 1000) > flights_a_week(0, 1, 9000) > 0


def test_the_same_seed_makes_the_same_week() -> None:
    week = list(make_legs(airports=30, seed=4))
    assert week == list(make_legs(airports=30, seed=4))
    assert week != list(make_legs(airports=30, seed=5))


def test_every_leg_has_its_own_number_and_a_way_back() -> None:
    legs = list(make_legs(airports=40, seed=1))
    assert len({leg.number for leg in legs}) == len(legs)
    ways = Counter((leg.departure, leg.arrival) for leg in legs)
    assert all(ways[departure, arrival] == ways[arrival, departure] for departure, arrival in ways)
    assert len({leg.departure for leg in legs}) == 40


def test_far_flights_take_longer_and_cost_more() -> None:
    legs = list(make_legs(airports=20, seed=1))
    to_bombay = [leg for leg in legs if (leg.departure, leg.arrival) == ("DEL", "BOM")]
    to_new_york = [leg for leg in legs if (leg.departure, leg.arrival) == ("DEL", "JFK")]
    assert max(leg.minutes for leg in to_bombay) < 180 < 600 < to_new_york[0].minutes
    assert max(leg.price for leg in to_bombay) < min(leg.price for leg in to_new_york)


@pytest.mark.django_db
def test_a_schedule_is_flown_on_its_weekdays_at_its_local_times() -> None:
    made = generate_schedule(begin=BEGIN, days=28, airports=8, seed=1)
    legs = {leg.number: leg for leg in make_legs(airports=8, seed=1)}
    flights = list(Flight.objects.with_details())
    assert made == len(flights) == sum(leg.weekdays.bit_count() for leg in legs.values()) * 4
    for flight in flights:
        leg = legs[flight.flight_number]
        local = flight.departure_local_time
        if local.date() in (date(2050, 3, 13), date(2050, 3, 27)):
            continue  # clocks change somewhere
        assert local.hour * 60 + local.minute == leg.leaves
        assert leg.weekdays >> local.weekday() & 1
        assert flight.duration_minutes == leg.minutes
        assert 0.84 * leg.price - 10 <= flight.price <= 1.31 * leg.price + 10
        assert flight.remaining_seats == flight.total_seats == flight.airplane.capacity
    assert Airline.objects.filter(code=flights[0].airline).exists()


@pytest.mark.django_db
def test_the_same_schedule_again_makes_nothing_and_more_days_make_the_rest() -> None:
    generate_schedule(begin=BEGIN, days=3, airports=5, seed=1)
    first = {key(flight) for flight in Flight.objects.all()}
    assert generate_schedule(begin=BEGIN, days=3, airports=5, seed=1) == 0
    more = generate_schedule(begin=BEGIN, days=5, airports=5, seed=1)
    flights = {key(flight) for flight in Flight.objects.all()}
    assert flights > first
    assert len(flights) == len(first) + more
    Flight.objects.all().delete()
    generate_schedule(begin=BEGIN, days=5, airports=5, seed=1)
    assert {key(flight) for flight in Flight.objects.all()} == flights


@pytest.mark.django_db
def test_many_days_are_made_in_several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flights.schedule.FLIGHTS_PER_INSERT", 50)
    told: list[int] = []
    made = generate_schedule(begin=BEGIN, days=7, airports=5, seed=1, progress=told.append)
    assert told == sorted(set(told))
    assert told[-1] == made
    assert len(told) > 2
    last = Flight.objects.order_by("departure_time").last()
    assert last is not None
    assert last.departure_time > datetime(2050, 3, 12, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_the_command_begins_tomorrow(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("generate_schedule", "--days", "2", "--airports", "4", "--seed", "3")
    count = Flight.objects.count()
    assert capsys.readouterr().out.startswith(f"{count} flights made")
    first = Flight.objects.earliest("departure_time")
    today = datetime.now(UTC).date()
    assert first.departure_time.astimezone(ZoneInfo("UTC")).date() - today <= timedelta(days=1)


@pytest.mark.parametrize(
    "options", [("--days", "0"), ("--airports", "1"), ("--airports", "9999"), ("--begin", "soon")]
)
def test_the_command_refuses_odd_numbers(options: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("generate_schedule", *options)
