"""The moves of a booking and of its attempts: each with all that belongs to it, in one transaction.

Every function works on a booking that the caller has locked with `lock_booking`, on what was read
under that lock, inside the caller's transaction. Deadlines and states read before it mean nothing.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from bookings.errors import BookingNotFound
from bookings.models import Booking, Message, OutboxMessage, PaymentAttempt, Rebooking, Refund
from bookings.states import (
    ATTEMPT_MOVES,
    BOOKING_MOVES,
    REFUND_MOVES,
    AttemptStatus,
    BookingStatus,
    CancellationReason,
    MessageKind,
    OutboxKind,
    RebookingStatus,
    RefundStatus,
)
from common.log import event

# By hand: for one booking half of what the ORM needs, and for a thousand no more statements.
TELL = f"""
    INSERT INTO {Message._meta.db_table}
                (key, booking_id, kind, about, tries, last_error, created_at)
         SELECT gen_random_uuid(), unnest(%s), %s, %s, 0, '', clock_timestamp()
    ON CONFLICT (booking_id, kind, about) DO NOTHING
"""
RELEASE = f"""
    INSERT INTO {OutboxMessage._meta.db_table}
                (kind, booking_id, flight_id, hold_reference, tries, last_error, created_at)
         SELECT %s, id, flight_id, hold_reference, 0, '', clock_timestamp()
           FROM {Booking._meta.db_table} WHERE id = ANY (%s)
"""  # noqa: S608


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
    attempt = PaymentAttempt.objects.create(
        booking=booking, amount=booking.total_cost, currency=booking.currency, **details
    )
    event("attempt.processing", attempt=attempt.pk, booking=booking.pk)
    return attempt


def book(attempt: PaymentAttempt, *, provider_id: int, capture_due_at: datetime) -> None:
    """The seats are the traveller's. The money is captured now, or by the relay when it is due."""
    attempt.booking.paying_since = None  # written once, with the status: the row has many indexes
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


def settle(attempt: PaymentAttempt, status: AttemptStatus) -> bool:
    """Note what became of money that was authorised, unless that was noted before.

    Returns whether it was news.
    """
    if status not in ATTEMPT_MOVES[AttemptStatus(attempt.status)]:
        return False
    _move_attempt(attempt, status)
    return True


def cancel(booking: Booking, reason: CancellationReason) -> None:
    """The booking is over, and its seats go back. Its money, if any, is a matter of `give_back`."""
    _move_booking(booking, BookingStatus.CANCELLED, reason)
    release(booking, booking.flight_id, booking.hold_reference)


def cancel_seats(booking: Booking, no_of_seats: int) -> None:
    """The booking goes on with `no_of_seats` less, and costs less by their price."""
    booking.total_cost -= booking.seat_price * no_of_seats
    booking.no_of_seats -= no_of_seats
    booking.save(update_fields=["total_cost", "no_of_seats", "updated_at"])
    event("booking.seats_cancelled", booking=booking.pk, seats=no_of_seats)
    OutboxMessage.objects.create(
        kind=OutboxKind.SHRINK,
        booking=booking,
        flight_id=booking.flight_id,
        hold_reference=booking.hold_reference,
    )


def release(booking: Booking, flight_id: int, hold_reference: UUID) -> None:
    """A hold of the booking's, the one it has or another, is of no use any more."""
    OutboxMessage.objects.create(
        kind=OutboxKind.RELEASE,
        booking=booking,
        flight_id=flight_id,
        hold_reference=hold_reference,
    )


def rebook(booking: Booking, rebooking: Rebooking, flight: dict[str, Any]) -> None:
    """The booking has the new hold from here on, which is confirmed; the old one is released."""
    release(booking, booking.flight_id, booking.hold_reference)
    booking.flight_id = rebooking.to_flight_id
    booking.hold_reference = rebooking.hold_reference
    booking.flight = flight
    booking.save(update_fields=["flight_id", "hold_reference", "flight", "updated_at"])
    rebooking.status = RebookingStatus.DONE
    rebooking.save(update_fields=["status", "updated_at"])
    event("booking.rebooked", booking=booking.pk, flight=booking.flight_id)


def give_back(attempt: PaymentAttempt, amount: Decimal, **details: Any) -> Refund:
    """Give back `amount` of what was, or is about to be, captured; not more than is left of it.

    All of it: no capture any more, and a void, or a refund if the capture was faster. A part of
    it: the capture goes through first, then the refund.
    """
    attempt.amount_refunded += amount
    attempt.save(update_fields=["amount_refunded", "updated_at"])
    if amount == attempt.amount:
        attempt.outbox.filter(kind=OutboxKind.CAPTURE).delete()
    refund = Refund.objects.create(attempt=attempt, amount=amount, **details)
    OutboxMessage.objects.create(
        kind=OutboxKind.GIVE_BACK, booking_id=attempt.booking_id, attempt=attempt, refund=refund
    )
    return refund


def settle_refund(refund: Refund, status: RefundStatus) -> bool:
    """Note what became of a refund, unless that was noted before. Returns whether it was news.

    An attempt of which nothing is left is REFUNDED.
    """
    if status not in REFUND_MOVES[RefundStatus(refund.status)]:
        return False
    refund.status = status
    refund.save(update_fields=["status", "updated_at"])
    attempt = refund.attempt
    event(f"refund.{status.lower()}", refund=refund.pk, booking=attempt.booking_id)
    made = attempt.refunds.filter(status=RefundStatus.REFUNDED)
    if made.aggregate(sum=Sum("amount"))["sum"] == attempt.amount:
        settle(attempt, AttemptStatus.REFUNDED)
    return True


def tell(booking: Booking, kind: MessageKind, about: int = 0) -> None:
    """Have the traveller told, once: of `about`, the id of a refund or so, where there are more."""
    tell_all([booking.pk], kind, about)


def tell_all(booking_ids: list[int], kind: MessageKind, about: int = 0) -> None:
    """`tell` for many bookings."""
    with connection.cursor() as cursor:
        cursor.execute(TELL, [booking_ids, kind.value, about])


def release_all(booking_ids: list[int]) -> None:
    """Have the seats of bookings that are CANCELLED given back, as `release` does for one."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, [OutboxKind.RELEASE.value, booking_ids])


def _move_booking(booking: Booking, to: BookingStatus, reason: str = "") -> None:
    if to not in BOOKING_MOVES[BookingStatus(booking.status)]:
        raise AssertionError(f"a booking does not go from {booking.status} to {to}")
    booking.status = to
    booking.cancellation_reason = reason
    booking.save(update_fields=["status", "cancellation_reason", "paying_since", "updated_at"])
    event(f"booking.{to.lower()}", booking=booking.pk, reason=reason)


def _move_attempt(attempt: PaymentAttempt, to: AttemptStatus, **changes: Any) -> None:
    """Compare and set: from the state that was read under the booking's lock, or not at all."""
    if to not in ATTEMPT_MOVES[AttemptStatus(attempt.status)]:
        raise AssertionError(f"an attempt does not go from {attempt.status} to {to}")
    if attempt.booking.paying_since is not None and attempt.status == AttemptStatus.PROCESSING:
        attempt.booking.paying_since = None
        attempt.booking.save(update_fields=["paying_since", "updated_at"])
    attempt.status = to
    for name, value in changes.items():
        setattr(attempt, name, value)
    attempt.save(update_fields=["status", "updated_at", *changes])
    event(f"attempt.{to.lower()}", attempt=attempt.pk, booking=attempt.booking_id)
