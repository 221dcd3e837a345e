"""Many at once who want their money back, or to fly otherwise, on the real code of all services."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from bookings.models import Booking, Cancellation, Rebooking
from flights.models import Flight
from payments.models import Payment, Refund
from tests.money import acts, promises
from tests.money.network import Network
from tests.threads import run_at_once, start

CROWD = 20
RACES = 8
SEATS = 8
CANCELLED = "CANCELLED"


@pytest.fixture
def flight(network: Network) -> Iterator[Flight]:
    """When all is over, it must add up."""
    yield acts.make_flight(200)
    assert promises.broken_promises() == []
    acts.settle()
    promises.check_the_end()


def book(flight: Flight, seats: int) -> int:
    return acts.create(acts.make_traveller().pk, flight.pk, seats).json()["id"]


@pytest.fixture
def booked(flight: Flight) -> int:
    """Eight seats, paid and captured."""
    booking_id = book(flight, SEATS)
    assert acts.pay(booking_id, "tok_visa", "key").status_code == 200
    return booking_id


def quote_of(booking_id: int, seats: int) -> dict[str, Any]:
    """What to send to have so many seats cancelled by a quote of now."""
    return {"noOfSeats": seats, "quote": acts.quote(booking_id, noOfSeats=seats).json()["id"]}


def told(answers: list[Any]) -> Counter[tuple[int, str | None]]:
    return Counter((answer.status_code, answer.json().get("code")) for answer in answers)


def all_by_one_quote(booking_id: int) -> list[dict[str, Any]]:
    return [quote_of(booking_id, SEATS)] * CROWD


def all_without_a_quote(booking_id: int) -> list[dict[str, Any]]:
    return [{}] * CROWD


def each_in_their_own_way(booking_id: int) -> list[dict[str, Any]]:
    return [{}, *(quote_of(booking_id, 1 + n % SEATS) for n in range(CROWD - 1))]


@pytest.mark.parametrize("rules", ["none", "half"])
@pytest.mark.parametrize("how", [all_by_one_quote, all_without_a_quote, each_in_their_own_way])
def test_what_twenty_cancel_at_once_comes_back_once(
    booked: int, how: Callable[[int], list[dict[str, Any]]], rules: str
) -> None:
    acts.set_rules(rules)
    ways = how(booked)
    answers = told(run_at_once(*(partial(acts.cancel, booked, **way) for way in ways)))
    booking = Booking.objects.get(pk=booked)
    cancelled = [done.no_of_seats for done in booking.cancellations.all()]
    if how is each_in_their_own_way:
        refused = {(409, "quote_outdated"), (409, "too_many_seats")}
        assert set(answers) <= {(200, None), *refused}
    else:
        assert answers == {(200, None): CROWD}
        assert cancelled == [SEATS]
    assert (booking.status, sum(cancelled)) == (CANCELLED, SEATS)
    acts.settle()
    back = acts.COMES_BACK[rules] * SEATS
    assert sum(refund.amount for refund in Refund.objects.all()) == back


def test_what_twenty_want_by_an_outdated_quote_does_not_happen(booked: int) -> None:
    ways = all_by_one_quote(booked)
    acts.set_rules("half")
    answers = told(run_at_once(*(partial(acts.cancel, booked, **way) for way in ways)))
    assert answers == {(409, "quote_outdated"): CROWD}
    assert not Cancellation.objects.exists()


def test_twenty_refunds_at_once_give_no_more_back_than_was_captured(booked: int) -> None:
    refunds = [partial(acts.refund, booked, "9000.00", f"key-{n}") for n in range(CROWD)]
    answers = told(run_at_once(*refunds))
    assert answers == {(201, None): 4, (409, "refund_too_large"): CROWD - 4}
    acts.settle()
    assert Payment.objects.get().refundable == 4000


def test_twenty_refunds_at_once_under_one_key_are_one(booked: int) -> None:
    answers = run_at_once(*[partial(acts.refund, booked, "9000.00", "key")] * CROWD)
    assert told(answers) == {(201, None): CROWD}
    assert len({answer.json()["id"] for answer in answers}) == 1
    acts.settle()
    assert Payment.objects.get().amount_refunded == 9000


def test_refunds_and_cancellations_at_once_give_no_more_back_than_was_captured(
    booked: int,
) -> None:
    assert acts.refund(booked, "9000.00", "before").status_code == 201
    refunds = [partial(acts.refund, booked, "9000.00", f"key-{n}") for n in range(CROWD // 2)]
    cancels = [partial(acts.cancel, booked)] * (CROWD // 2)
    answers = told(run_at_once(*refunds, *cancels))
    too_late = {(409, "refund_too_large"), (409, "nothing_to_refund")}
    assert set(answers) <= {(200, None), (201, None), *too_late}
    acts.settle()
    assert Payment.objects.get().refundable == 0


def test_seats_that_go_one_by_one_while_somebody_cancels_the_rest_go_once(booked: int) -> None:
    def cancel_one_by_one() -> None:
        while Booking.objects.get(pk=booked).status != CANCELLED:
            quote = acts.quote(booked, noOfSeats=1)
            if quote.status_code == 200:
                answer = acts.cancel(booked, noOfSeats=1, quote=quote.json()["id"])
                assert answer.status_code in (200, 409), answer.content

    results = run_at_once(*[cancel_one_by_one] * 4, partial(acts.cancel, booked))
    assert results[:-1] == [None] * 4
    assert results[-1].status_code == 200
    assert sum(Cancellation.objects.values_list("no_of_seats", flat=True)) == SEATS
    acts.settle()
    assert Payment.objects.get().refundable == 0


def test_paying_cancelling_a_seat_extending_and_the_sweep_race_and_it_adds_up(
    flight: Flight,
) -> None:
    bookings = [book(flight, 3) for _ in range(RACES)]
    Booking.objects.filter(pk__in=bookings[::2]).update(payment_deadline=timezone.now())
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            for work in acts.CLOCKWORK.values():
                work()
            over.wait(0.02)

    def each(act: Callable[[int], Any]) -> Callable[[], list[Any]]:
        return lambda: [act(booking_id) for booking_id in bookings]

    def cancel_a_seat(booking_id: int) -> Any:
        quote = acts.quote(booking_id, noOfSeats=1)
        found = quote.status_code == 200
        return acts.cancel(booking_id, noOfSeats=1, quote=quote.json()["id"]) if found else quote

    sweeper = start(sweep)
    paid, cancelled, extended = run_at_once(
        each(lambda booking_id: acts.pay(booking_id, "tok_visa", "key")),
        each(cancel_a_seat),
        each(lambda booking_id: acts.extend(booking_id, acts.later(booking_id, acts.WINDOW))),
    )
    over.set()
    assert sweeper.result(30) is None

    in_time = dict.fromkeys(bookings[1::2])  # nothing but each other was in their way
    assert set(told([*paid, *cancelled, *extended])) <= {
        *((200, None), (409, "booking_expired"), (409, "booking_cancelled")),
        *((409, "payment_in_progress"), (409, "quote_outdated"), (409, "already_booked")),
    }
    acts.settle()
    for booking_id, answer in zip(bookings, paid, strict=True):
        assert (Booking.objects.get(pk=booking_id).status == "BOOKED") == (
            answer.status_code == 200
        )
        assert answer.status_code == 200 or booking_id not in in_time


def test_who_is_rebooked_and_cancels_at_once_has_no_seat_anywhere(flight: Flight) -> None:
    other = acts.make_flight(200)
    for _ in range(RACES):
        booking_id = book(flight, 2)
        acts.pay(booking_id, "tok_visa", "key")
        code, cancelled = run_at_once(
            partial(acts.rebook, booking_id, other.pk), partial(acts.cancel, booking_id)
        )
        assert code in (None, "not_rebookable")
        assert cancelled.status_code == 200
    acts.recover()
    assert [each.remaining_seats for each in Flight.objects.all()] == [200, 200]


def test_of_two_who_rebook_a_booking_at_once_one_does(flight: Flight) -> None:
    others = [acts.make_flight(2 * RACES).pk for _ in range(2)]
    for _ in range(RACES):
        booking_id = book(flight, 2)
        acts.pay(booking_id, "tok_visa", "key")
        codes = run_at_once(*(partial(acts.rebook, booking_id, to, flight.pk) for to in others))
        assert sorted(codes, key=str) in ([None, "not_rebookable"], [None, "request_in_flight"])
    assert Rebooking.objects.filter(status="DONE").count() == RACES
