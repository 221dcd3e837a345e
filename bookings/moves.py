"""The moves of a booking and of its attempts: each with all that belongs to it, in one transaction.

Every function works on a booking that the caller has locked with `lock_booking`, on what was read
under that lock, inside the caller's transaction. Deadlines and states read before it mean nothing.
"""

from datetime import datetime
from typing import Any

from django.utils import timezone

from bookings.errors import BookingNotFound
from bookings.models import Booking, OutboxMessage, PaymentAttempt
from bookings.states import (
    ATTEMPT_MOVES,
    BOOKING_MOVES,
    AttemptStatus,
    BookingStatus,
    CancellationReason,
    OutboxKind,
)


def lock_booking(booking_id: int) -> Booking:
    """The booking, locked until the end of the transaction. Raises BookingNotFound.

    The only place that locks a single Booking row.
    """
    try:
        return Booking.objects.select_for_update(of=("self",)).get(pk=booking_id)
    except Booking.DoesNotExist:
        raise BookingNotFound from None


def lock_attempt(attempt: PaymentAttempt) -> PaymentAttempt:
    """`attempt` read again under its booking's lock; its `booking` is the locked row."""
    booking = lock_booking(attempt.booking_id)
    current = booking.attempts.get(pk=attempt.pk)
    current.booking = booking
    return current


def start_attempt(booking: Booking, **details: Any) -> PaymentAttempt:
    """An attempt to pay the whole booking, PROCESSING. From here nothing else may pay it."""
    booking.paying_since = timezone.now()
    booking.save(update_fields=["paying_since", "updated_at"])
    return PaymentAttempt.objects.create(
        booking=booking, amount=booking.total_cost, currency=booking.currency, **details
    )


def book(attempt: PaymentAttempt, *, provider_id: int, capture_due_at: datetime) -> None:
    """The seats are the traveller's. The money is captured now, or by the relay when it is due."""
    _move_attempt(attempt, AttemptStatus.AUTHORIZED, provider_id=provider_id)
    _move_booking(attempt.booking, BookingStatus.BOOKED)
    OutboxMessage.objects.create(
        kind=OutboxKind.CAPTURE, booking=attempt.booking, attempt=attempt, due_at=capture_due_at
    )


def decline(attempt: PaymentAttempt) -> None:
    """The provider said no, for good. The booking may be paid by another attempt."""
    if attempt.status == AttemptStatus.PROCESSING:
        _move_attempt(attempt, AttemptStatus.DECLINED)


def take_back(attempt: PaymentAttempt) -> bool:
    """Give up on a PROCESSING attempt, and void whatever it did or will do at the provider.

    Both in one transaction, so that neither is ever without the other. Returns whether it moved.
    """
    if attempt.status != AttemptStatus.PROCESSING:
        return False
    _move_attempt(attempt, AttemptStatus.VOIDED)
    OutboxMessage.objects.create(kind=OutboxKind.VOID, booking=attempt.booking, attempt=attempt)
    return True


def settle(attempt: PaymentAttempt, status: AttemptStatus) -> None:
    """Note what became of money that was authorised, unless that was noted before."""
    if status in ATTEMPT_MOVES[AttemptStatus(attempt.status)]:
        _move_attempt(attempt, status)


def cancel(booking: Booking, reason: CancellationReason) -> None:
    """The booking is over: its seats go back, and its money, where any was authorised."""
    was_booked = booking.status == BookingStatus.BOOKED
    _move_booking(booking, BookingStatus.CANCELLED, reason)
    OutboxMessage.objects.create(kind=OutboxKind.RELEASE, booking=booking)
    if was_booked:
        _give_back(booking)


def _give_back(booking: Booking) -> None:
    """No capture any more; and a void, or a refund if the capture was faster."""
    for attempt in booking.attempts.filter(
        status__in=(AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED)
    ):
        attempt.outbox.filter(kind=OutboxKind.CAPTURE).delete()
        OutboxMessage.objects.create(kind=OutboxKind.GIVE_BACK, booking=booking, attempt=attempt)


def _move_booking(booking: Booking, to: BookingStatus, reason: str = "") -> None:
    if to not in BOOKING_MOVES[BookingStatus(booking.status)]:
        raise AssertionError(f"a booking does not go from {booking.status} to {to}")
    booking.status = to
    booking.cancellation_reason = reason
    booking.save(update_fields=["status", "cancellation_reason", "paying_since", "updated_at"])


def _move_attempt(attempt: PaymentAttempt, to: AttemptStatus, **changes: Any) -> None:
    """Compare and set: from the state that was read under the booking's lock, or not at all."""
    if to not in ATTEMPT_MOVES[AttemptStatus(attempt.status)]:
        raise AssertionError(f"an attempt does not go from {attempt.status} to {to}")
    if attempt.status == AttemptStatus.PROCESSING:
        attempt.booking.paying_since = None
        attempt.booking.save(update_fields=["paying_since", "updated_at"])
    attempt.status = to
    for name, value in changes.items():
        setattr(attempt, name, value)
    attempt.save(update_fields=["status", "updated_at", *changes])
