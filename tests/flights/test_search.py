"""Search over HTTP: what it finds equals a filter over the very file that was imported."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from flights.imports import HEADER, import_flights
from flights.models import Airplane, Airport, Flight
from tests.flights.conftest import ZONES

pytestmark = pytest.mark.django_db

Row = dict[str, str]
# Days around which clocks change, in 2050: America (March and November), Europe (March and
# October), Sydney (April and October); and a day on which none does.
CHANGES = [(3, 13), (3, 27), (4, 3), (10, 2), (10, 30), (11, 6), (12, 24)]


@pytest.fixture
def timetable(airport: Callable[[str], Airport], airplane: Airplane) -> list[Row]:
    """700 flights around the days on which clocks change, imported from a file."""
    for code in ZONES:
        airport(code)
    rows = list(random_rows(random.Random(7), 700))  # noqa: S311
    lines = [HEADER, *(",".join(row.values()) for row in rows)]
    done = import_flights(lines, report=lambda line, fault: pytest.fail(f"{line}: {fault}"))
    assert done.added == 700
    return rows


def random_rows(chance: random.Random, count: int) -> Iterator[Row]:
    while count:
        departure, arrival = chance.sample(list(ZONES), 2)
        if chance.random() < 0.5:
            departure, arrival = chance.choice([("LHR", "JFK"), ("SYD", "APW")])
        month, day = chance.choice(CHANGES)
        leaves = datetime(2050, month, day, tzinfo=UTC) + timedelta(
            minutes=chance.randrange(-24 * 12, 36 * 12) * 5
        )
        lands = leaves + timedelta(minutes=chance.randrange(60, 1000, 5))
        local = [
            moment.astimezone(ZoneInfo(ZONES[code]))
            for moment, code in ((leaves, departure), (lands, arrival))
        ]
        if any(moment.fold for moment in local):
            continue  # a file can't name the second of two same hours
        yield {
            "flight_number": f"{chance.choice(['UK', 'BA', '6E'])}{count}",
            "airplane_model": "A320",
            "total_seats": str(chance.choice([1, 2, 180])),
            "departure_airport": departure,
            "arrival_airport": arrival,
            "departure_local": local[0].strftime("%Y-%m-%dT%H:%M"),
            "arrival_local": local[1].strftime("%Y-%m-%dT%H:%M"),
            "price": str(chance.choice([4000, 4500, 5000, Decimal("5000.01")])),
            "currency": "INR",
            "boarding_gate": "",
        }
        count -= 1


def utc(row: Row, end: str) -> datetime:
    zone = ZoneInfo(ZONES[row[f"{end}_airport"]])
    return datetime.fromisoformat(row[f"{end}_local"]).replace(tzinfo=zone).astimezone(UTC)


SORT_KEYS: dict[str, Callable[[Row], Any]] = {
    "departureTime": lambda row: utc(row, "departure"),
    "arrivalTime": lambda row: utc(row, "arrival"),
    "price": lambda row: Decimal(row["price"]),
    "duration": lambda row: utc(row, "arrival") - utc(row, "departure"),
}


def brute_force(rows: list[Row], asked: dict[str, str]) -> set[str]:
    """The numbers of the flights that `asked` means, by the plainest reading of the file."""

    def matches(row: Row) -> bool:
        low, _, high = asked.get("price", "-").partition("-")
        clock = row["departure_local"][11:]
        return all(
            (
                asked.get("trips", "").replace("-", "")
                in ("", row["departure_airport"] + row["arrival_airport"]),
                row["departure_local"].startswith(asked.get("tripDate", "")),
                int(row["total_seats"]) >= int(asked.get("travellers", 1)),
                Decimal(low or 0) <= Decimal(row["price"]) <= Decimal(high or 10**9),
                row["flight_number"].startswith(asked.get("airline", "")),
                asked.get("departureAfter", "00:00") <= clock,
                clock <= asked.get("departureBefore", "23:59"),
            )
        )

    return {row["flight_number"] for row in rows if matches(row)}


def search(client: APIClient, asked: dict[str, str]) -> list[dict[str, Any]]:
    """All pages of a search."""
    found, url = [], f"/api/v1/flights/?{urlencode(asked)}"
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.json()
        found += answer.json()["results"]
        url = answer.json()["next"]
    return found


def random_questions(chance: random.Random, count: int) -> Iterator[dict[str, str]]:
    choices: dict[str, Callable[[], str]] = {
        "trips": lambda: chance.choice(["LHR-JFK", "SYD-APW", "JFK-LHR", "HNL-SYD"]),
        "tripDate": lambda: str(
            date(2050, *chance.choice(CHANGES)) + timedelta(days=chance.choice([-1, 0, 0, 1]))
        ),
        "travellers": lambda: chance.choice(["1", "2", "3", "181"]),
        "price": lambda: chance.choice(["4000-4500", "4500-", "-4000", "5000-5000", "5000.01-"]),
        "airline": lambda: chance.choice(["UK", "BA", "6E", "AA"]),
        "departureAfter": lambda: f"{chance.randrange(12):02}:{chance.choice(['00', '15'])}",
        "departureBefore": lambda: f"{chance.randrange(12, 24):02}:{chance.choice(['00', '55'])}",
        "limit": lambda: chance.choice(["20", "200"]),
    }
    for _ in range(count):
        names = chance.sample(list(choices), chance.randrange(1, 5))
        yield {name: choices[name]() for name in names}


def test_every_answer_equals_a_filter_over_the_file(
    anyone: APIClient, timetable: list[Row]
) -> None:
    sizes = set()
    for asked in random_questions(random.Random(11), 120):  # noqa: S311
        found = search(anyone, asked)
        numbers = [flight["flightNumber"] for flight in found]
        assert sorted(numbers) == sorted(brute_force(timetable, asked)), asked
        times = [flight["departureTime"] for flight in found]
        assert times == sorted(times)
        sizes.add(len(found))
    assert len(sizes) > 20  # the questions had answers of many sizes


def test_a_day_is_found_whole_in_every_zone(anyone: APIClient, timetable: list[Row]) -> None:
    """With and without the trip, which are two ways to find a day."""
    for month, day in CHANGES:
        for offset in (-1, 0, 1):
            asked = {"tripDate": str(date(2050, month, day) + timedelta(days=offset))}
            for trip in ({}, {"trips": "LHR-JFK"}, {"trips": "SYD-APW"}):
                found = search(anyone, asked | trip)
                wanted = brute_force(timetable, asked | trip)
                assert {flight["flightNumber"] for flight in found} == wanted


@pytest.mark.parametrize(
    "sort",
    [
        "price_ASC",
        "price_DESC",
        "duration_ASC,departureTime_DESC",
        "price_ASC,departureTime_DESC",
        "price_DESC,duration_DESC,arrivalTime_DESC",
        "arrivalTime_ASC",
        "departureTime_DESC",
    ],
)
@pytest.mark.parametrize("limit", ["3", "200"])
def test_answers_are_sorted_as_asked(
    anyone: APIClient, timetable: list[Row], sort: str, limit: str
) -> None:
    by_number = {row["flight_number"]: row for row in timetable}
    asked = {"trips": "LHR-JFK", "tripDate": "2050-03-27"}
    found = search(anyone, {**asked, "sort": sort, "limit": limit})
    rows = [by_number[flight["flightNumber"]] for flight in found]
    assert {row["flight_number"] for row in rows} == brute_force(timetable, asked)
    assert len(rows) > 10
    keys = [key.partition("_")[::2] for key in sort.split(",")]
    for one, next_one in pairwise(rows):
        assert not comes_after(one, next_one, keys)


def comes_after(one: Row, other: Row, keys: list[tuple[str, str]]) -> bool:
    for key, direction in keys:
        mine, theirs = SORT_KEYS[key](one), SORT_KEYS[key](other)
        if mine != theirs:
            return (mine > theirs) == (direction == "ASC")
    return False


def test_the_calendar_equals_the_cheapest_of_each_day_in_the_file(
    anyone: APIClient, timetable: list[Row]
) -> None:
    for trip, month in (("LHR-JFK", "2050-03"), ("SYD-APW", "2050-10"), ("LHR-JFK", "2050-11")):
        asked = {"trips": trip, "month": month, "travellers": "2"}
        answer = anyone.get(f"/api/v1/flights/calendar/?{urlencode(asked)}")
        cheapest: dict[str, Decimal] = {}
        numbers = brute_force(timetable, {"trips": trip, "tripDate": month, "travellers": "2"})
        for row in timetable:
            if row["flight_number"] in numbers:
                day, price = row["departure_local"][:10], Decimal(row["price"])
                cheapest[day] = min(price, cheapest.get(day, price))
        found = {day["date"]: Decimal(day["price"]) for day in answer.json()["results"]}
        assert found == cheapest
        assert list(found) == sorted(found)
        assert len(found) > 1


def test_the_calendar_passes_over_what_can_not_be_booked(
    anyone: APIClient, make_flight: Callable[..., Flight]
) -> None:
    noon = datetime(2050, 6, 1, 6, tzinfo=UTC)
    make_flight(departure_time=noon, price=1000, remaining_seats=0)
    make_flight(departure_time=noon, price=2000, status="CANCELLED")
    bookable = make_flight(departure_time=noon, price=3000)
    answer = anyone.get("/api/v1/flights/calendar/?trips=DEL-BOM&month=2050-06")
    assert answer.json()["results"] == [
        {"date": "2050-06-01", "flightId": bookable.pk, "price": "3000.00", "currency": "INR"}
    ]


# --- What is shown by default ---


@pytest.fixture
def unbookable(make_flight: Callable[..., Flight]) -> list[Flight]:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    return [
        make_flight(departure_time=an_hour_ago),
        make_flight(status="CANCELLED"),
        make_flight(remaining_seats=0),
    ]


def test_only_flights_that_can_be_booked_are_found(
    anyone: APIClient, flight: Flight, unbookable: list[Flight]
) -> None:
    assert [found["id"] for found in search(anyone, {})] == [flight.pk]


def test_all_flights_are_found_where_asked(
    anyone: APIClient, flight: Flight, unbookable: list[Flight]
) -> None:
    found = {one["id"]: one["status"] for one in search(anyone, {"includeUnbookable": "true"})}
    departed, cancelled, full = (one.pk for one in unbookable)
    assert found == {
        flight.pk: "SCHEDULED",
        departed: "DEPARTED",
        cancelled: "CANCELLED",
        full: "SCHEDULED",
    }


def test_pages_stay_whole_while_seats_are_sold(
    anyone: APIClient, make_flight: Callable[..., Flight]
) -> None:
    leaves = timezone.now() + timedelta(days=1)
    flights = [make_flight(departure_time=leaves) for _ in range(6)]
    first = anyone.get("/api/v1/flights/?limit=3").json()
    Flight.objects.filter(pk=flights[0].pk).update(remaining_seats=0)
    Flight.objects.filter(pk=flights[4].pk).update(remaining_seats=1)
    second = anyone.get(first["next"]).json()
    seen = [flight["id"] for page in (first, second) for flight in page["results"]]
    assert seen == [flight.pk for flight in flights]


def test_a_flight_is_shown_with_local_times(
    anyone: APIClient, make_flight: Callable[..., Flight]
) -> None:
    flight = make_flight(
        "LHR-JFK", datetime(2050, 7, 1, 9, 30, tzinfo=UTC), 450, price=Decimal("5000.5")
    )
    answer = anyone.get(f"/api/v1/flights/{flight.pk}/")
    assert answer.json() == {
        "id": flight.pk,
        "flightNumber": "UK1",
        "airline": "UK",
        "airplane": {"id": flight.airplane_id, "modelNumber": "A320", "capacity": 180},
        "departureAirport": {
            "code": "LHR",
            "name": "LHR Airport",
            "city": "City of LHR",
            "country": "Nowhere",
            "timeZone": "Europe/London",
        },
        "arrivalAirport": {
            "code": "JFK",
            "name": "JFK Airport",
            "city": "City of JFK",
            "country": "Nowhere",
            "timeZone": "America/New_York",
        },
        "departureTime": "2050-07-01T09:30:00Z",
        "arrivalTime": "2050-07-01T17:00:00Z",
        "departureLocalTime": "2050-07-01T10:30:00+01:00",
        "arrivalLocalTime": "2050-07-01T13:00:00-04:00",
        "durationMinutes": 450,
        "price": "5000.50",
        "currency": "INR",
        "boardingGate": "",
        "fare": "STANDARD",
        "totalSeats": 180,
        "remainingSeats": 180,
        "status": "SCHEDULED",
    }


# --- Wrong questions ---


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("trips=DEL", "#/trips"),
        ("trips=del-bom", "#/trips"),
        ("trips=DEL-DEL", "#/trips"),
        ("trips=DEL-QQQ", "#/trips"),
        ("trips=", "#/trips"),
        ("tripDate=24.12.2026", "#/tripDate"),
        ("tripDate=2026-02-30", "#/tripDate"),
        ("tripDate=9999-12-31", "#/tripDate"),
        ("tripDate=20261224", "#/tripDate"),
        ("tripDate=2026-W52-4", "#/tripDate"),
        ("travellers=0", "#/travellers"),
        ("travellers=two", "#/travellers"),
        ("travellers=99999999999999999999", "#/travellers"),
        ("price=5000", "#/price"),
        ("price=-", "#/price"),
        ("price=6000-4000", "#/price"),
        ("price=1e3-2e3", "#/price"),
        ("price=1-2-3", "#/price"),
        ("airline=", "#/airline"),
        ("airline=Vistara", "#/airline"),
        ("airline=u%C3%A7", "#/airline"),
        ("departureAfter=25:00", "#/departureAfter"),
        ("departureAfter=6:30", "#/departureAfter"),
        ("departureAfter=06:30:00", "#/departureAfter"),
        ("departureBefore=noon", "#/departureBefore"),
        ("departureAfter=10:00&departureBefore=09:00", "#/departureBefore"),
        ("includeUnbookable=perhaps", "#/includeUnbookable"),
        ("sort=cheapest_ASC", "#/sort"),
        ("sort=departureTime", "#/sort"),
        ("sort=departureTime_UP", "#/sort"),
        ("sort=departureTime_ASC,departureTime_DESC", "#/sort"),
        ("sort=price_ASC", "#/sort"),
        ("sort=price_ASC&trips=DEL-BOM", "#/sort"),
        ("sort=departureTime_ASC,price_ASC&tripDate=2026-12-24", "#/sort"),
        ("limit=0", "#/limit"),
        ("limit=201", "#/limit"),
        ("cursor=nonsense", "#/cursor"),
        ("colour=blue", "#/colour"),
        ("travellers=1&travellers=2", "#/travellers"),
    ],
)
def test_a_wrong_question_is_a_400_that_names_it(
    anyone: APIClient, flight: Flight, query: str, pointer: str
) -> None:
    answer = anyone.get(f"/api/v1/flights/?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "validation_error"
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("month=2026-12", "#/trips"),
        ("trips=DEL-BOM", "#/month"),
        ("trips=DEL-BOM&month=2026-13", "#/month"),
        ("trips=DEL-BOM&month=2026-12-01", "#/month"),
        ("trips=DEL-QQQ&month=2026-12", "#/trips"),
        ("trips=DEL-BOM&month=2026-12&price=1-2", "#/price"),
    ],
)
def test_a_wrong_question_to_the_calendar_is_a_400_that_names_it(
    anyone: APIClient, flight: Flight, query: str, pointer: str
) -> None:
    answer = anyone.get(f"/api/v1/flights/calendar/?{query}")
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


# --- What it costs ---


@pytest.mark.parametrize("count", [1, 60])
@pytest.mark.parametrize(
    ("query", "statements"),
    [
        ("", 4),  # flights, airplanes, and airports at both ends
        ("trips=DEL-BOM&tripDate=2050-06-01&sort=price_ASC", 5),  # and the zone of DEL
    ],
)
def test_a_page_takes_a_fixed_number_of_statements(
    anyone: APIClient,
    make_flight: Callable[..., Flight],
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    query: str,
    statements: int,
) -> None:
    for minute in range(count):
        make_flight(departure_time=datetime(2050, 6, 1, 8, minute, tzinfo=UTC))
    with django_assert_num_queries(statements):
        answer = anyone.get(f"/api/v1/flights/?{query}")
    assert len(answer.json()["results"]) == min(count, 50)


def test_the_calendar_takes_two_statements(
    anyone: APIClient, flight: Flight, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        anyone.get("/api/v1/flights/calendar/?trips=DEL-BOM&month=2050-06")


def test_a_hold_writes_no_index_of_the_flight(flight: Flight) -> None:
    """Updates of remaining_seats stay HOT: no index and no partial index names a column of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexdef FROM pg_indexes WHERE tablename = 'flights_flight'"
            " AND indexdef ~ 'remaining_seats|updated_at|status'"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'flights_flight'")
        assert cursor.fetchone() == (["fillfactor=85"],)


def test_a_search_answer_may_be_kept_but_must_be_checked(anyone: APIClient, flight: Flight) -> None:
    first = anyone.get("/api/v1/flights/")
    assert "max-age=0" in first.headers["Cache-Control"]
    again = anyone.get("/api/v1/flights/", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    Flight.objects.update(remaining_seats=3)
    changed = anyone.get("/api/v1/flights/", headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Asia/Kolkata", date(2026, 12, 24), datetime(2026, 12, 23, 18, 30, tzinfo=UTC)),
        # Midnight is skipped: the day begins at one.
        ("America/Havana", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC)),
        # Midnight comes twice: the day begins with the first.
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        # The evening hour comes twice: the next day begins after the second.
        ("America/Santiago", date(2026, 4, 5), datetime(2026, 4, 5, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_when_its_calendar_turns(
    make_flight: Callable[..., Flight],
    airport: Callable[[str], Airport],
    zone: str,
    day: date,
    begins: datetime,
) -> None:
    """Seen by the first flight of the day and by the last of the day before."""
    Airport.objects.filter(pk=airport("DEL").pk).update(time_zone=zone)
    last = make_flight(departure_time=begins - timedelta(microseconds=1))
    first = make_flight(departure_time=begins)
    for known_zone in (zone, None):
        found = set(Flight.objects.departing_on(day, known_zone))
        assert found == {first}
        found = set(Flight.objects.departing_on(day - timedelta(days=1), known_zone))
        assert found == {last}
    assert Flight.objects.departing_between(time(23), None).filter(pk=last.pk).exists()
