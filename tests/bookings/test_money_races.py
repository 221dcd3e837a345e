"""Two relays have an answer each, about the same money: what is noted first is what counts."""

from copy import copy

import pytest

from bookings import cancelling, outbox, services
from bookings.models import Booking, Message, OutboxMessage, PaymentAttempt, Refund
from bookings.states import AttemptStatus, OutboxKind, RefundStatus
from tests.bookings.others import OtherServices

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def capture(booking: Booking, others: OtherServices) -> OutboxMessage:
    """What a relay holds in its hands, when the booking is cancelled before it was captured."""
    others.authorise()
    others.confirm()
    others.capture("x", 503)
    services.pay(booking_id=booking.pk, key="k", payment_method="tok_visa")
    message = OutboxMessage.objects.get()
    cancelling.cancel(booking_id=booking.pk)
    return message


@pytest.mark.parametrize(
    ("first", "second", "attempt"),
    [
        (RefundStatus.VOIDED, RefundStatus.REFUNDED, AttemptStatus.VOIDED),
        (RefundStatus.REFUNDED, RefundStatus.VOIDED, AttemptStatus.REFUNDED),
    ],
)
def test_what_became_of_a_refund_is_noted_once(
    capture: OutboxMessage, first: RefundStatus, second: RefundStatus, attempt: AttemptStatus
) -> None:
    message = OutboxMessage.objects.get(kind=OutboxKind.GIVE_BACK)
    for status in (first, second):
        outbox._settle_refund(copy(message), Refund.objects.get(), status)
    assert Refund.objects.get().status == first
    assert PaymentAttempt.objects.get().status == attempt
    assert Message.objects.filter(kind="REFUNDED").count() == 1


def test_a_capture_that_is_refused_because_the_money_was_let_go_changes_nothing(
    capture: OutboxMessage, others: OtherServices, booking: Booking
) -> None:
    others.void()
    others.release()
    while outbox.relay():
        pass
    outbox._fail_capture(capture, PaymentAttempt.objects.get())
    booking.refresh_from_db()
    assert (booking.status, booking.cancellation_reason) == ("CANCELLED", "USER")
    assert Refund.objects.get().status == RefundStatus.VOIDED
    assert PaymentAttempt.objects.get().status == AttemptStatus.VOIDED
