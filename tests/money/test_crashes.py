"""A process may die at any point: before or after any request to another service, or any commit.

For every point of what a process does there is a child that dies of it, and then life goes on
without it. How many points there are, nobody needs to know: they are counted while it lives.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from bookings.models import Booking
from flights.models import Flight, SeatHold
from flights.tasks import release_expired_holds
from payments.models import Payment
from tests.money import acts
from tests.money.mother import Life, Mother

pytestmark = [pytest.mark.usefixtures("no_nudges"), pytest.mark.timeout(600)]

BOOKED = ("BOOKED", "", 1)
BY_USER = ("CANCELLED", "USER", 0)
TIMED_OUT = ("CANCELLED", "TIMEDOUT", 0)
SEATS_LOST = ("CANCELLED", "SEATS_LOST", 0)
PAYMENT_FAILED = ("CANCELLED", "PAYMENT_FAILED", 0)

RELAY = ("command", "relay_outbox")


@pytest.fixture
def mother(live_server: Any, settings: Any, fresh_clients: None) -> Iterator[Mother]:
    """Bears the children that die. The other services are a real server, which survives them."""
    settings.FLIGHTS_URL = settings.PAYMENTS_URL = live_server.url
    acts.forget_clients()
    with Mother(live_server.url) as mother:
        yield mother


def a_booking() -> int:
    """A booking of 2 of the 10 seats of a flight."""
    return acts.create(acts.make_traveller().pk, acts.make_flight(10).pk, 2).json()["id"]


def pay(booking_id: int, method: str = "tok_visa", key: str = "first") -> tuple[Any, ...]:
    return ("pay", booking_id, method, key)


def ended(booking_id: int) -> tuple[str, str, int]:
    """Status, reason, and how many payments for it were captured and kept."""
    booking = Booking.objects.get(pk=booking_id)
    payments = Payment.objects.filter(reference=booking.reference, status="SUCCEEDED")
    kept = sum(payment.refundable > 0 for payment in payments)
    return booking.status, booking.cancellation_reason, kept


def check(life: Life, booking_id: int, allowed: set[tuple[str, str, int]]) -> None:
    """Whatever the child left behind ends in one of the `allowed` ways, by itself."""
    assert acts.broken_promises() == [], life.points
    acts.settle()
    assert ended(booking_id) in allowed, life.points
    acts.check_the_end()


def die_everywhere(
    mother: Mother, prepare: Any, acts_of: Any, allowed: set[tuple[str, str, int]]
) -> int:
    """Have a child die at each point of `acts_of(booking)`, anew `prepare`d; return their number.

    One child more lives to the end.
    """
    for die_at in count(1):
        acts.forget_everything()
        booking_id = prepare(mother)
        life = mother.bear(*acts_of(booking_id), die_at=die_at)
        check(life, booking_id, allowed)
        if not life.died:
            return len(life.points)
    raise AssertionError("it never lives")


# --- Where it begins ----------------------------------------------------------------------------


def unpaid(mother: Mother) -> int:
    return a_booking()


def paid(mother: Mother) -> int:
    booking_id = a_booking()
    acts.pay(booking_id, "tok_visa", "first")
    return booking_id


def overdue(mother: Mother) -> int:
    booking_id = a_booking()
    acts.time_passes(acts.WINDOW)
    return booking_id


def without_seats(mother: Mother) -> int:
    """Its hold was released by a clock that is ahead of the bookings' clock."""
    booking_id = a_booking()
    booking = Booking.objects.get(pk=booking_id)
    SeatHold.objects.filter(reference=booking.reference).update(expires_at=booking.created_at)
    release_expired_holds()
    return booking_id


def not_authorised(mother: Mother) -> int:
    return died_paying(mother, "before POST /api/v1/payments/")


def authorised(mother: Mother) -> int:
    return died_paying(mother, "after POST /api/v1/payments/")


def not_captured(mother: Mother) -> int:
    return died_paying(mother, "/capture/")


def not_capturable(mother: Mother) -> int:
    return died_paying(mother, "/capture/", "tok_capture_fails")


def died_paying(mother: Mother, die_at: str, method: str = "tok_visa") -> int:
    """Somebody died while paying, a minute ago."""
    booking_id = a_booking()
    assert mother.bear(pay(booking_id, method), die_at=die_at).died
    acts.time_passes(acts.LEASE)
    return booking_id


def reconcile(booking_id: int) -> list[tuple[Any, ...]]:
    return [("command", "reconcile_payments"), RELAY]


def cancel(booking_id: int) -> list[tuple[Any, ...]]:
    return [("cancel", booking_id), RELAY]


def pay_and_relay(booking_id: int) -> list[tuple[Any, ...]]:
    return [pay(booking_id), RELAY]


def decline_pay_and_cancel(booking_id: int) -> list[tuple[Any, ...]]:
    return [pay(booking_id, "tok_declined"), pay(booking_id, key="second"), *cancel(booking_id)]


def expire(booking_id: int) -> list[tuple[Any, ...]]:
    return [("command", "expire_bookings"), RELAY, ("command", "release_expired_holds")]


# --- How it ends --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "acts_of", "allowed", "least"),
    [
        (unpaid, cancel, {BY_USER, TIMED_OUT}, 8),
        (paid, cancel, {BY_USER, BOOKED}, 12),
        (not_captured, cancel, {BY_USER, BOOKED}, 10),
        (overdue, expire, {TIMED_OUT}, 8),
        (not_authorised, reconcile, {TIMED_OUT}, 6),
        (authorised, reconcile, {BOOKED}, 8),
        (not_captured, reconcile, {BOOKED}, 6),
        (not_capturable, reconcile, {PAYMENT_FAILED}, 8),
        (without_seats, pay_and_relay, {SEATS_LOST, TIMED_OUT}, 10),
        (unpaid, decline_pay_and_cancel, {BY_USER, BOOKED, TIMED_OUT}, 24),
    ],
)
def test_what_a_dead_process_left_behind_ends_right_by_itself(
    mother: Mother, prepare: Any, acts_of: Any, allowed: set[tuple[str, str, int]], least: int
) -> None:
    assert die_everywhere(mother, prepare, acts_of, allowed) >= least


def test_seats_of_a_booking_whose_maker_died_are_booked_or_come_back(mother: Mother) -> None:
    for die_at in count(1):
        acts.forget_everything()
        traveller, flight = acts.make_traveller().pk, acts.make_flight(10).pk
        life = mother.bear(("create", traveller, flight, 2, "order"), die_at=die_at)
        # Asked again, as somebody does whose connection was lost: one booking, never two.
        assert acts.create(traveller, flight, 2, "order").status_code == 201
        check(life, Booking.objects.get().pk, {TIMED_OUT})
        assert Flight.objects.get().remaining_seats == 10
        if not life.died:
            break
    assert len(life.points) >= 4


@pytest.mark.parametrize("method", ["tok_visa", "tok_error_once"])
def test_a_booking_whose_payer_died_is_soon_booked_or_can_be_paid(
    mother: Mother, method: str
) -> None:
    for die_at in count(1):
        acts.forget_everything()
        booking_id = a_booking()
        life = mother.bear(pay(booking_id, method), die_at=die_at)
        acts.recover()
        if ended(booking_id)[0] != "BOOKED":
            again = acts.pay(booking_id, "tok_visa", "second")
            assert again.status_code == 200, (life.points, again.content)
        check(life, booking_id, {BOOKED})
        if not life.died:
            break
    assert len(life.points) >= 12


@pytest.mark.parametrize("method", ["tok_declined", "tok_capture_fails"])
def test_a_booking_that_cannot_be_paid_is_never_charged_whenever_its_payer_dies(
    mother: Mother, method: str
) -> None:
    allowed = {TIMED_OUT, PAYMENT_FAILED} if method == "tok_capture_fails" else {TIMED_OUT}
    points = die_everywhere(mother, unpaid, lambda id_: [pay(id_, method)], allowed)
    assert points >= 6
