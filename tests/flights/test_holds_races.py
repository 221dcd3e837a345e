"""What happens at once: threads with their own connections, on a real PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from common.errors import SeatholdError
from flights import errors, holds
from flights.models import Flight, SeatHold
from flights.states import HoldStatus

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run all at the same moment, each on its own connection; results and errors in order."""
    start = Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait()
            return work()
        except SeatholdError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def hold(
    flight: Flight, seats: int, reference: Any = None, seconds: float = 300
) -> holds.HeldSeats:
    return holds.hold_seats(
        flight_id=flight.pk,
        reference=reference or uuid4(),
        no_of_seats=seats,
        expires_at=timezone.now() + timedelta(seconds=seconds),
    )


def expired_hold(flight: Flight, seats: int = 2) -> SeatHold:
    taken = hold(flight, seats).hold
    SeatHold.objects.filter(pk=taken.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    return taken


def assert_seats_add_up(flight: Flight) -> None:
    flight.refresh_from_db()
    live = SeatHold.objects.live().filter(flight=flight).values_list("no_of_seats", flat=True)
    assert flight.total_seats - flight.remaining_seats == sum(live)


def test_the_last_seats_raced_for_are_sold_exactly_once(make_flight: Callable[..., Flight]) -> None:
    flight = make_flight(total_seats=10)
    answers = at_once(*[lambda: hold(flight, 2)] * 12)
    won = [answer for answer in answers if isinstance(answer, holds.HeldSeats)]
    lost = [answer for answer in answers if isinstance(answer, errors.SeatsUnavailable)]
    assert (len(won), len(lost)) == (5, 7)
    assert_seats_add_up(flight)
    assert flight.remaining_seats == 0


def test_one_reference_raced_for_is_held_once(flight: Flight) -> None:
    reference = uuid4()
    answers = at_once(*[lambda: hold(flight, 2, reference)] * 6)
    assert sorted(answer.created for answer in answers) == [False] * 5 + [True]
    assert_seats_add_up(flight)
    assert flight.remaining_seats == 178


def test_releasing_twice_at_once_gives_the_seats_back_once(flight: Flight) -> None:
    references = [hold(flight, 2).hold.reference for _ in range(3)]
    counts = at_once(*[lambda: holds.release_holds(references=references)] * 4)
    assert sorted(counts) == [0, 0, 0, 3]
    assert_seats_add_up(flight)
    assert flight.remaining_seats == 180


@pytest.mark.parametrize("round_", range(10))
def test_confirming_against_reaping_has_one_winner(flight: Flight, round_: int) -> None:
    late = expired_hold(flight)
    confirmed, reaped = at_once(
        lambda: holds.confirm_hold(flight_id=flight.pk, reference=late.reference),
        lambda: holds.release_expired_holds(),
    )
    late.refresh_from_db()
    if isinstance(confirmed, errors.HoldReleased):
        assert (late.status, reaped) == (HoldStatus.RELEASED, 1)
    else:
        assert (late.status, reaped) == (HoldStatus.CONFIRMED, 0)
    assert_seats_add_up(flight)


def test_confirming_waits_for_the_reaper_and_then_sees_what_it_did(flight: Flight) -> None:
    """The other order than luck gives: the reaper holds the flight's lock first."""
    late = expired_hold(flight)
    taken = Barrier(2)

    def reap() -> int:
        with holds.flight_locked(flight_id=flight.pk):
            taken.wait()
            return holds.release_expired_holds()

    def confirm() -> Any:
        taken.wait()
        return holds.confirm_hold(flight_id=flight.pk, reference=late.reference)

    reaped, refused = at_once(reap, confirm)
    assert reaped == 1
    assert isinstance(refused, errors.HoldReleased)
    assert_seats_add_up(flight)


def test_the_reaper_sees_under_the_lock_that_a_hold_was_confirmed(flight: Flight) -> None:
    late = expired_hold(flight)
    taken = Barrier(2)

    def confirm() -> None:
        with holds.flight_locked(flight_id=flight.pk):
            taken.wait()
            holds.confirm_hold(flight_id=flight.pk, reference=late.reference)

    def reap() -> int:
        taken.wait()
        return holds.release_expired_holds()

    assert at_once(confirm, reap) == [None, 0]
    late.refresh_from_db()
    assert late.status == HoldStatus.CONFIRMED
    assert_seats_add_up(flight)


def test_batches_over_the_same_flights_do_not_wait_for_each_other(
    make_flight: Callable[..., Flight],
) -> None:
    flights = [make_flight() for _ in range(6)]
    references = [hold(flight, 2).hold.reference for flight in flights]
    counts = at_once(
        lambda: holds.release_holds(references=references),
        lambda: holds.release_holds(references=references[::-1]),
        lambda: holds.release_holds(references=references[3:] + references[:3]),
    )
    assert sum(counts) == 6
    for flight in flights:
        assert_seats_add_up(flight)


def test_several_reapers_release_each_hold_once(make_flight: Callable[..., Flight]) -> None:
    flights = [make_flight() for _ in range(4)]
    for flight in flights * 5:
        expired_hold(flight)
    assert sum(at_once(*[holds.release_expired_holds] * 4)) == 20
    for flight in flights:
        assert_seats_add_up(flight)
        assert flight.remaining_seats == 180


def test_seats_sold_while_totals_change_are_not_lost(flight: Flight) -> None:
    def shrink() -> None:
        with holds.flight_locked(flight_id=flight.pk) as locked:
            holds.change_flight(locked, total_seats=100)

    at_once(shrink, *[lambda: hold(flight, 3)] * 8)
    assert_seats_add_up(flight)
    assert (flight.total_seats, flight.remaining_seats) == (100, 76)


def test_a_flight_cancelled_meanwhile_takes_no_hold(flight: Flight) -> None:
    taken = Barrier(2)

    def cancel() -> None:
        with holds.flight_locked(flight_id=flight.pk):
            taken.wait()
            holds.cancel_flight(flight_id=flight.pk)

    def late_hold() -> Any:
        taken.wait()
        return hold(flight, 1)

    assert isinstance(at_once(cancel, late_hold)[1], errors.FlightClosed)


def test_a_flight_held_meanwhile_is_not_deleted(flight: Flight) -> None:
    taken = Barrier(2)

    def take() -> None:
        with holds.flight_locked(flight_id=flight.pk):
            taken.wait()
            hold(flight, 1)

    def delete() -> None:
        taken.wait()
        holds.delete_flight(flight_id=flight.pk)

    assert isinstance(at_once(take, delete)[1], errors.FlightInUse)
    assert_seats_add_up(flight)
