"""Many at once, on the real code of all three services."""

import threading
from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from bookings.models import Booking
from payments.models import Payment
from tests.money import acts, promises
from tests.money.network import Network
from tests.threads import run_at_once, start, wait_until

CROWD = 50
RACES = 200
SWEEP_SECONDS = 0.02


@pytest.fixture
def booking(network: Network) -> Booking:
    answer = acts.create(acts.make_traveller().pk, acts.make_flight(10).pk, 2)
    return Booking.objects.get(pk=answer.json()["id"])


def pay_at_once(booking: Booking, keys: list[str]) -> Counter[Any]:
    answers = run_at_once(*(partial(acts.pay, booking.pk, "tok_visa", key) for key in keys))
    return Counter(
        (answer.status_code, answer.json().get("code")) if hasattr(answer, "json") else repr(answer)
        for answer in answers
    )


def test_a_booking_paid_at_once_under_fifty_keys_is_captured_once(booking: Booking) -> None:
    answers = pay_at_once(booking, [f"key-{n}" for n in range(CROWD)])
    assert answers.pop((200, None)) == 1
    assert set(answers) <= {(409, "payment_in_progress"), (409, "already_booked")}
    assert Payment.objects.get().status == "SUCCEEDED"
    acts.settle()
    promises.check_the_end()


def test_a_booking_paid_at_once_under_one_key_is_captured_once(booking: Booking) -> None:
    answers = pay_at_once(booking, ["one-key"] * CROWD)
    assert answers.pop((200, None)) >= 1
    assert set(answers) <= {(409, "request_in_flight")}
    assert Payment.objects.get().status == "SUCCEEDED"
    acts.settle()
    promises.check_the_end()


def test_payments_racing_the_sweep_at_the_deadline_end_in_one_of_two_ways(
    network: Network,
) -> None:
    flights = [acts.make_flight(100).pk for _ in range(5)]
    bookings = make_bookings([(flights[n % 5], 2) for n in range(RACES)])
    queue = iter(bookings)
    answers: dict[int, tuple[int, str | None]] = {}
    over = threading.Event()

    def pay_one_after_another() -> None:
        for booking_id in queue:  # an iterator of a list may be shared by threads
            answer = acts.pay(booking_id, "tok_visa", "key")
            answers[booking_id] = (answer.status_code, answer.json().get("code"))

    def let_the_deadline_come() -> None:
        """For all at the same moment, when some are paid and most are not."""
        wait_until(lambda: len(answers) >= RACES // 4, seconds=60)
        Booking.objects.update(payment_deadline=timezone.now())

    def sweep() -> None:
        while not over.is_set():
            for work in acts.CLOCKWORK.values():
                work()
            over.wait(SWEEP_SECONDS)

    sweepers = [start(sweep) for _ in range(2)]
    run_at_once(let_the_deadline_come, *[pay_one_after_another] * 12)
    over.set()
    assert [sweeper.result(30) for sweeper in sweepers] == [None, None]

    assert len(answers) == RACES
    assert set(answers.values()) == {(200, None), (409, "booking_expired")}
    acts.settle()
    told_booked = {id_ for id_, (status, _) in answers.items() if status == 200}
    assert set(booked_and_captured_once()) == told_booked
    ends = Booking.objects.exclude(pk__in=told_booked).values_list("status", "cancellation_reason")
    assert set(ends) == {("CANCELLED", "TIMEDOUT")}
    assert Payment.objects.filter(status="SUCCEEDED").count() == len(told_booked)
    promises.check_the_end()


def booked_and_captured_once() -> list[int]:
    captured = Payment.objects.filter(status="SUCCEEDED").values_list("reference", flat=True)
    once = [reference for reference, times in Counter(captured).items() if reference and times == 1]
    booked = Booking.objects.filter(status="BOOKED", reference__in=once)
    return list(booked.values_list("pk", flat=True))


def make_bookings(orders: list[tuple[int, int]]) -> list[int]:
    """Make a booking for each (flight id, seats), in order; return their ids."""
    return [acts.create(acts.make_traveller().pk, *order).json()["id"] for order in orders]


def test_seats_wanted_at_once_by_more_than_there_are_go_to_as_many_as_fit(
    network: Network,
) -> None:
    flight = acts.make_flight(40)
    orders = [partial(acts.create, acts.make_traveller().pk, flight.pk, 2) for _ in range(CROWD)]
    answers = Counter((a.status_code, a.json().get("code")) for a in run_at_once(*orders))
    assert answers == {(201, None): 20, (409, "seats_unavailable"): CROWD - 20}
    acts.settle()
    promises.check_the_end()
