"""What is wrong with the seats or the money of one booking, by what three services know of it.

Each finding is a sentence. What the outbox still has to tell is under way, and not wrong.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from bookings.clients import ProviderPayment
from bookings.models import Booking, OutboxMessage, PaymentAttempt, Rebooking
from bookings.states import AttemptStatus, BookingStatus, OutboxKind, RebookingStatus, RefundStatus

REAPER_SECONDS = 60  # how long an expired hold may wait for the reaper

LIVE = ("HELD", "CONFIRMED")
PAID = (AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.REFUNDED)


def judge_seats(booking: Booking | None, hold: dict[str, Any] | None) -> Iterator[str]:
    """What is wrong with a hold (as the flights service shows it) and the booking that has it."""
    if hold is not None:
        yield from _judge_expiry(hold)
    if booking is None:
        # A fresh hold may be one that is just being booked.
        if hold is not None and hold["status"] == "CONFIRMED" and not _is_expected(hold):
            yield f"hold {hold['reference']} is CONFIRMED, and there is no booking for it"
        return
    status = hold["status"] if hold else None
    pending = _pending(booking)
    if hold is not None and status in LIVE:
        yield from _judge_size(booking, hold, pending)
    if booking.status == BookingStatus.BOOKED and status != "CONFIRMED":
        yield f"{_name(booking)} is BOOKED, and its hold is {status or 'not there'}"
    told = OutboxKind.RELEASE in pending
    if booking.status == BookingStatus.CANCELLED and status in LIVE and not told:
        yield f"{_name(booking)} is CANCELLED, and its hold is {status}, with no release under way"


def judge_money(booking: Booking | None, payments: Sequence[ProviderPayment]) -> Iterator[str]:
    """What is wrong with the money for a booking, by its attempts and the provider's payments."""
    if booking is None:
        for payment in payments:
            yield f"payment {payment.id} is for {payment.reference}, which is no booking"
        return
    name = _name(booking)
    attempts = {str(attempt.provider_key): attempt for attempt in booking.attempts.all()}
    for payment in payments:
        if payment.key not in attempts:
            yield f"{name} has payment {payment.id}, under a key that is not of its attempts"
    known = {payment.key: payment for payment in payments}
    for key, attempt in attempts.items():
        yield from _judge_attempt(booking, attempt, known.get(key))
        yield from _judge_refunds(booking, attempt)
    yield from _judge_books(booking, [a for a in attempts.values() if a.status in PAID])


def _judge_expiry(hold: dict[str, Any]) -> Iterator[str]:
    late = timezone.now() - timedelta(seconds=REAPER_SECONDS)
    if hold["status"] == "HELD" and datetime.fromisoformat(hold["expiresAt"]) < late:
        yield f"hold {hold['reference']} has expired at {hold['expiresAt']}, and is still HELD"


def _is_expected(hold: dict[str, Any]) -> bool:
    """Whether a hold without a booking is on its way in, or out again: by a rebooking."""
    ours = {"hold_reference": hold["reference"]}
    return (
        Rebooking.objects.filter(status=RebookingStatus.PROCESSING, **ours).exists()
        or OutboxMessage.objects.filter(kind=OutboxKind.RELEASE, **ours).exists()
    )


def _judge_size(booking: Booking, hold: dict[str, Any], pending: set[str]) -> Iterator[str]:
    """A hold is for the seats of its booking, or for more that are about to be released."""
    shrinking = OutboxKind.SHRINK in pending and hold["noOfSeats"] > booking.no_of_seats
    same_seats = hold["noOfSeats"] == booking.no_of_seats or shrinking
    if hold["flightId"] != booking.flight_id or not same_seats:
        yield f"{_name(booking)} is for other seats than its hold"


def _judge_attempt(
    booking: Booking, attempt: PaymentAttempt, payment: ProviderPayment | None
) -> Iterator[str]:
    name = _name(booking)
    pending = _pending(booking, attempt)
    status = payment.status if payment else None
    if payment is not None and status == "SUCCEEDED":
        kept = (payment.amount or Decimal(0)) - payment.amount_refunded
        due = attempt.amount - attempt.amount_refunded if attempt.status in PAID else Decimal(0)
        under_way = OutboxKind.GIVE_BACK in pending and kept > due
        if kept != due and not under_way:
            yield f"{name} is {booking.status}, and {kept} {booking.currency} are kept, not {due}"
    elif attempt.status in (AttemptStatus.CAPTURED, AttemptStatus.REFUNDED):
        yield f"{name} has an attempt {attempt.status} whose payment is {status or 'not there'}"
    elif attempt.status == AttemptStatus.AUTHORIZED and not pending:
        yield f"{name} has an attempt AUTHORIZED with neither capture nor void under way"
    elif (
        status == "REQUIRES_CAPTURE" and attempt.status != AttemptStatus.PROCESSING and not pending
    ):
        yield f"{name} has an authorisation open, and its attempt is {attempt.status}"


def _judge_refunds(booking: Booking, attempt: PaymentAttempt) -> Iterator[str]:
    refunds = attempt.refunds.all()
    if sum(refund.amount for refund in refunds) != attempt.amount_refunded:
        yield f"{_name(booking)} has refunds of another sum than its attempt says"
    waiting = {message.refund_id for message in booking.outbox.all()}
    for refund in refunds:
        if refund.status == RefundStatus.PENDING and refund.pk not in waiting:
            yield f"{_name(booking)} has a refund of {refund.amount} that nobody makes"


def _judge_books(booking: Booking, paid: Sequence[PaymentAttempt]) -> Iterator[str]:
    """What was paid is what the seats cost that are booked, and those that were cancelled."""
    cancelled = _sum(c.refund + c.kept for c in booking.cancellations.all())
    standing = booking.total_cost if booking.status == BookingStatus.BOOKED else Decimal(0)
    amounts = [attempt.amount for attempt in paid]
    if booking.status == BookingStatus.BOOKED and len(paid) != 1:
        yield f"{_name(booking)} is BOOKED, and not by one payment of all it costs"
    elif paid and amounts != [standing + cancelled]:
        yield f"{_name(booking)} is {booking.status}, and paid with another sum than it costs"
    returned = _sum(c.refund for c in booking.cancellations.all())
    given = _sum(r.amount for a in paid for r in a.refunds.all() if r.cancellation_id)
    if paid and returned != given:
        yield f"{_name(booking)} is to get {returned} back by its rules, and gets {given}"


def _pending(booking: Booking, attempt: PaymentAttempt | None = None) -> set[str]:
    """What the outbox still has to tell about a booking's seats, or about one of its attempts."""
    wanted = attempt.pk if attempt else None
    return {message.kind for message in booking.outbox.all() if message.attempt_id == wanted}


def _name(booking: Booking) -> str:
    return f"booking {booking.locator} ({booking.pk})"


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
