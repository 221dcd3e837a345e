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
from tests.money import acts, promises
from tests.money.mother import Life, Mother

pytestmark = [pytest.mark.usefixtures("no_nudges"), pytest.mark.timeout(600)]

# Status, reason, and how much of the 10,000 INR that it cost is kept.
End = tuple[str, str, int]
BOOKED = ("BOOKED", "", 10_000)
ONE_SEAT = ("BOOKED", "", 5_000)
ONE_SEAT_AND_HALF_OF_THE_OTHER = ("BOOKED", "", 7_500)
PARTLY_REFUNDED = ("BOOKED", "", 9_000)
BY_USER = ("CANCELLED", "USER", 0)
BY_USER_FOR_HALF = ("CANCELLED", "USER", 5_000)
TIMED_OUT = ("CANCELLED", "TIMEDOUT", 0)
SEATS_LOST = ("CANCELLED", "SEATS_LOST", 0)
PAYMENT_FAILED = ("CANCELLED", "PAYMENT_FAILED", 0)

RELAY = ("command", "relay_outbox")
HOUR = 3600.0


@pytest.fixture(scope="module")
def nursery(live_server: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Mother]:
    with django_db_blocker.unblock():
        mother = Mother(live_server.url)
    with mother:
        yield mother


@pytest.fixture
def mother(nursery: Mother, live_server: Any, settings: Any, fresh_clients: None) -> Mother:
    """Bears the children that die. The other services are a real server, which survives them."""
    settings.FLIGHTS_URL = settings.PAYMENTS_URL = live_server.url
    acts.forget_clients()
    return nursery


def a_booking() -> int:
    """A booking of 2 of the 10 seats of a flight."""
    return acts.create(acts.make_traveller().pk, acts.make_flight(10).pk, 2).json()["id"]


def pay(booking_id: int, method: str = "tok_visa", key: str = "first") -> tuple[Any, ...]:
    return ("pay", booking_id, method, key)


def ended(booking_id: int) -> End:
    booking = Booking.objects.get(pk=booking_id)
    payments = Payment.objects.filter(reference=booking.reference)
    kept = sum(payment.refundable for payment in payments)
    return booking.status, booking.cancellation_reason, int(kept)


def check(life: Life, booking_id: int, allowed: set[End]) -> None:
    """Whatever the child left behind ends in one of the `allowed` ways, by itself."""
    assert promises.broken_promises() == [], life.points
    acts.settle()
    assert ended(booking_id) in allowed, life.points
    promises.check_the_end()


def die_everywhere(mother: Mother, prepare: Any, acts_of: Any, allowed: set[End]) -> int:
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


def by_half(prepare: Any) -> Any:
    """The same, and from then on half of the price of a cancelled seat comes back."""

    def prepare_and_rule(mother: Mother) -> int:
        booking_id = prepare(mother)
        acts.set_rules("half")
        return booking_id

    prepare_and_rule.__name__ = f"{prepare.__name__}_by_half"
    return prepare_and_rule


def without_a_seat(prepare: Any) -> Any:
    """The same, and one of the two seats was cancelled since; nobody was told of that yet."""

    def prepare_and_cancel(mother: Mother) -> int:
        booking_id = by_half(prepare)(mother)
        wanted = {"noOfSeats": 1, "quote": acts.quote(booking_id, noOfSeats=1).json()["id"]}
        assert acts.cancel(booking_id, **wanted).status_code == 200
        return booking_id

    prepare_and_cancel.__name__ = f"{prepare.__name__}_without_a_seat"
    return prepare_and_cancel


# --- What is done -------------------------------------------------------------------------------


def relay(booking_id: int) -> list[tuple[Any, ...]]:
    return [RELAY]


def reconcile(booking_id: int) -> list[tuple[Any, ...]]:
    return [("command", "reconcile_payments"), RELAY]


def cancel(booking_id: int) -> list[tuple[Any, ...]]:
    return [("cancel", booking_id), RELAY]


def cancel_by_quote(booking_id: int, **wanted: Any) -> list[tuple[Any, ...]]:
    quote = acts.quote(booking_id, **wanted).json()["id"]
    return [("cancel", booking_id, {**wanted, "quote": quote}), RELAY]


def cancel_a_seat(booking_id: int) -> list[tuple[Any, ...]]:
    return cancel_by_quote(booking_id, noOfSeats=1)


def cancel_a_seat_and_pay(booking_id: int) -> list[tuple[Any, ...]]:
    return [cancel_a_seat(booking_id)[0], pay(booking_id), RELAY]


def refund(booking_id: int) -> list[tuple[Any, ...]]:
    return [("refund", booking_id, "1000.00", "first"), RELAY]


def extend(booking_id: int) -> list[tuple[Any, ...]]:
    return [("extend", booking_id, acts.later(booking_id, HOUR))]


def rebook(booking_id: int) -> list[tuple[Any, ...]]:
    return [("rebook", booking_id, acts.make_flight(2).pk), RELAY]


def rebook_where_no_room_is(booking_id: int) -> list[tuple[Any, ...]]:
    return [("rebook", booking_id, acts.make_flight(1).pk), RELAY]


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
        (by_half(paid), cancel_by_quote, {BY_USER_FOR_HALF, BOOKED}, 8),
        (by_half(not_captured), cancel_by_quote, {BY_USER_FOR_HALF, BOOKED}, 10),
        (unpaid, cancel_a_seat_and_pay, {ONE_SEAT, TIMED_OUT}, 16),
        (by_half(paid), cancel_a_seat, {ONE_SEAT_AND_HALF_OF_THE_OTHER, BOOKED}, 8),
        (without_a_seat(not_captured), relay, {ONE_SEAT_AND_HALF_OF_THE_OTHER}, 10),
        (without_a_seat(not_capturable), relay, {PAYMENT_FAILED}, 10),
        (paid, refund, {PARTLY_REFUNDED, BOOKED}, 6),
        (unpaid, extend, {TIMED_OUT}, 6),
        (paid, rebook, {BOOKED}, 10),
        (paid, rebook_where_no_room_is, {BOOKED}, 8),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_dead_process_left_behind_ends_right_by_itself(
    mother: Mother, prepare: Any, acts_of: Any, allowed: set[End], least: int
) -> None:
    assert die_everywhere(mother, prepare, acts_of, allowed) >= least


@pytest.mark.parametrize(
    ("acts_of", "end"),
    [
        (cancel_by_quote, BY_USER_FOR_HALF),
        (cancel_a_seat, ONE_SEAT_AND_HALF_OF_THE_OTHER),
        (refund, PARTLY_REFUNDED),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_who_asks_again_because_a_process_died_gets_it_and_gets_it_once(
    mother: Mother, acts_of: Any, end: End
) -> None:
    for die_at in count(1):
        acts.forget_everything()
        booking_id = by_half(paid)(mother)
        request = acts_of(booking_id)[0]
        life = mother.bear(request, die_at=die_at)
        assert mother.bear(request).result[0] in (200, 201), life.points
        check(life, booking_id, {end})
        if not life.died:
            break
    assert len(life.points) >= 2


def test_time_to_pay_is_given_by_asking_again_whenever_a_process_died_of_it(
    mother: Mother,
) -> None:
    for die_at in count(1):
        acts.forget_everything()
        booking_id = a_booking()
        request = extend(booking_id)[0]
        life = mother.bear(request, die_at=die_at)
        booking = Booking.objects.get(pk=booking_id)
        hold = SeatHold.objects.get(reference=booking.hold_reference)
        assert hold.expires_at > booking.payment_deadline, life.points
        assert mother.bear(request).result[0] == 200
        acts.time_passes(acts.WINDOW + acts.GRACE)  # the hold would have expired by now
        acts.CLOCKWORK["reap"]()
        assert acts.pay(booking_id, "tok_visa", "key").status_code == 200, life.points
        check(life, booking_id, {BOOKED})
        if not life.died:
            break
    assert len(life.points) >= 6


def test_a_booking_whose_rebooker_died_is_on_the_other_flight_or_can_soon_be_put_there(
    mother: Mother,
) -> None:
    for die_at in count(1):
        acts.forget_everything()
        booking_id = paid(mother)
        request = rebook(booking_id)[0]
        life = mother.bear(request, die_at=die_at)
        acts.recover()
        booking = Booking.objects.get(pk=booking_id)
        if booking.flight_id != request[-1]:
            assert acts.rebook(booking_id, request[-1]) is None, life.points
        check(life, booking_id, {BOOKED})
        assert Flight.objects.get(pk=request[-1]).remaining_seats == 0
        if not life.died:
            break
    assert len(life.points) >= 8


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
