from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bookings import cancelling, outbox, services
from bookings.models import Booking, OutboxMessage
from bookings.states import AttemptStatus, BookingStatus, CancellationReason, OutboxKind
from common.database import database_clock
from tests.bookings.others import (
    CAPTURE,
    DOWN,
    REFUND,
    RELEASE,
    TIMED_OUT,
    VOID,
    OtherServices,
    provider_payment,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def booked(booking: Booking, others: OtherServices) -> Booking:
    """BOOKED, with its capture still in the outbox, due now."""
    others.authorise()
    others.confirm()
    others.capture("x", 503)
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1), tries=0)
    others.mock.reset()
    booking.refresh_from_db()
    return booking


def relay_all() -> int:
    total = 0
    while done := outbox.relay():
        total += done
    return total


def test_releases_of_many_bookings_go_in_one_call(
    make_booking: Callable[..., Booking], others: OtherServices
) -> None:
    bookings = [make_booking(flight_id=flight_id) for flight_id in (1, 1, 2)]
    for booking in bookings:
        cancelling.cancel(booking_id=booking.pk)
    others.release()
    assert outbox.relay() == 3
    [call] = others.sent(RELEASE)
    assert {(hold["flightId"], hold["reference"]) for hold in call["holds"]} == {
        (booking.flight_id, str(booking.reference)) for booking in bookings
    }
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize(("answer", "status"), [(DOWN, 0), (TIMED_OUT, 0), ("x", 503)])
def test_a_message_without_an_answer_stays_and_is_tried_later(
    booking: Booking, others: OtherServices, answer: Any, status: int
) -> None:
    cancelling.cancel(booking_id=booking.pk)
    others.release(answer, status)
    assert outbox.relay() == 0
    message = OutboxMessage.objects.get()
    assert (message.tries, message.dead_at) == (1, None)
    assert "FlightsUnavailable" in message.last_error
    assert 0 < (message.due_at - database_clock()).total_seconds() <= outbox.LONGEST_PAUSE
    assert outbox.relay() == 0
    assert len(others.sent(RELEASE)) == 1, "not due, not tried"


def test_time_outs_never_kill_a_message(booking: Booking, others: OtherServices) -> None:
    cancelling.cancel(booking_id=booking.pk)
    others.release(DOWN)
    for _ in range(outbox.TRIES_TO_DEATH + 2):
        OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        outbox.relay()
    assert OutboxMessage.objects.get().dead_at is None


def test_a_message_that_is_refused_again_and_again_dies_and_can_be_revived(
    booking: Booking, others: OtherServices
) -> None:
    cancelling.cancel(booking_id=booking.pk)
    others.release("nonsense", 400)
    for _ in range(outbox.TRIES_TO_DEATH):
        OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        outbox.relay()
    assert OutboxMessage.objects.get().dead_at is not None
    OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    outbox.relay()
    assert len(others.sent(RELEASE)) == outbox.TRIES_TO_DEATH, "the dead are left alone"
    assert outbox.retry(OutboxMessage.objects.all()) == 1
    others.mock.reset()
    others.release()
    assert outbox.relay() == 1


def test_one_release_that_is_refused_does_not_hold_up_the_others(
    make_booking: Callable[..., Booking], others: OtherServices
) -> None:
    bad, good = make_booking(), make_booking()
    for booking in (bad, good):
        cancelling.cancel(booking_id=booking.pk)

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        refused = str(bad.reference) in request.body.decode()
        return (400, {}, '{"code": "nonsense"}') if refused else (200, {}, '{"released": 1}')

    others.mock.add_callback("POST", RELEASE, answer)
    outbox.relay()
    assert OutboxMessage.objects.get().booking == bad


def test_a_claimed_message_is_left_alone_until_its_claim_runs_out(
    booking: Booking, others: OtherServices
) -> None:
    cancelling.cancel(booking_id=booking.pk)
    assert len(outbox._claim([OutboxKind.RELEASE], 10)) == 1
    assert outbox.relay() == 0, "its relay has died; nobody knows yet"
    due = OutboxMessage.objects.get().due_at
    assert abs((due - database_clock()).total_seconds() - outbox.claim_seconds()) < 2
    OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    others.release()
    assert outbox.relay() == 1


def test_the_relay_captures_what_paying_did_not(booked: Booking, others: OtherServices) -> None:
    others.capture()
    assert relay_all() == 1
    assert booked.attempts.get().status == AttemptStatus.CAPTURED
    assert not OutboxMessage.objects.exists()


def test_a_capture_refused_for_good_is_voided_then_cancelled_then_released(
    booked: Booking, others: OtherServices
) -> None:
    others.capture("capture_refused", 409)
    others.void()
    others.release()
    relay_all()
    booked.refresh_from_db()
    assert (booked.status, booked.cancellation_reason) == (
        BookingStatus.CANCELLED,
        CancellationReason.PAYMENT_FAILED,
    )
    assert booked.attempts.get().status == AttemptStatus.VOIDED
    assert not OutboxMessage.objects.exists()
    assert [len(others.sent(what)) for what in (CAPTURE, VOID, RELEASE)] == [1, 1, 1]


def test_giving_back_what_was_never_captured_voids_it(
    booked: Booking, others: OtherServices
) -> None:
    cancelling.cancel(booking_id=booked.pk)
    others.release()
    others.void()
    relay_all()
    assert booked.attempts.get().status == AttemptStatus.VOIDED
    assert others.sent(REFUND) == []
    assert not OutboxMessage.objects.exists()


def test_giving_back_what_was_captured_refunds_all_of_it_under_one_key(
    booked: Booking, others: OtherServices
) -> None:
    others.capture()
    relay_all()
    cancelling.cancel(booking_id=booked.pk)
    others.release()
    others.void("already_captured", 409)
    others.refund(DOWN)
    relay_all()
    others.mock.replace("POST", REFUND, json={"id": 1})
    OutboxMessage.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    relay_all()
    assert booked.attempts.get().status == AttemptStatus.REFUNDED
    assert others.sent(REFUND) == [{"amount": "10000.00"}] * 2
    keys = {
        call.request.headers["Idempotency-Key"]
        for call in others.mock.calls
        if str(call.request.url).endswith("/refunds/")
    }
    assert len(keys) == 1
    assert not OutboxMessage.objects.exists()


def test_a_capture_answered_after_the_cancellation_is_noted_and_then_refunded(
    booked: Booking, others: OtherServices
) -> None:
    [message] = outbox._claim([OutboxKind.CAPTURE], 1)
    cancelling.cancel(booking_id=booked.pk)
    others.capture()
    outbox._deliver(message, outbox._capture)
    assert booked.attempts.get().status == AttemptStatus.CAPTURED
    others.release()
    others.void("already_captured", 409)
    others.refund()
    relay_all()
    assert booked.attempts.get().status == AttemptStatus.REFUNDED


def test_an_attempt_taken_back_is_voided_by_its_key(
    booking: Booking, others: OtherServices
) -> None:
    attempt, _ = services._start_attempt(
        booking_id=booking.pk, key="k", payment_method="tok_visa", total_cost=None
    )
    services._take_back(attempt)
    others.void(provider_payment(status="CANCELED", amount=None))
    assert relay_all() == 1
    assert others.sent(VOID) == [{"idempotencyKey": str(attempt.provider_key)}]


def test_the_outbox_says_how_long_its_oldest_message_waits(booking: Booking) -> None:
    assert outbox.oldest_wait() == timedelta(0)
    cancelling.cancel(booking_id=booking.pk)
    OutboxMessage.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert timedelta(minutes=5) <= outbox.oldest_wait() < timedelta(minutes=6)


def test_without_a_broker_the_change_of_state_stands(
    booking: Booking, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("no broker")

    monkeypatch.setattr("bookings.outbox.current_app.send_task", broken)
    with django_capture_on_commit_callbacks(execute=True):
        cancelling.cancel(booking_id=booking.pk)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
