"""More time to pay, given by staff. The hold is extended first, and then the booking.

So a booking never lasts longer than its seats do, whatever dies in between; a hold that lasts
longer than its booking is released with it.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from bookings import clients, errors, moves
from bookings.models import Booking
from bookings.services import refuse_unless_payable
from bookings.states import MessageKind
from common.wire import to_wire_time


def extend(*, booking_id: int, payment_deadline: datetime) -> Booking:
    """Let the booking be paid until `payment_deadline` (UTC). Repeatable.

    At most MAX_PAYMENT_WINDOW_SECONDS after it was made, and not beyond departure.

    Raises BookingNotFound, DeadlineTooLate (with `latest`), DeadlineTooEarly, SeatsLost,
    FlightsUnavailable, and what paying would raise: BookingExpired, BookingCancelled,
    AlreadyBooked, PaymentInProgress.
    """
    booking = _extendable(booking_id, payment_deadline)
    grace = timedelta(seconds=settings.HOLD_GRACE_SECONDS)
    try:
        clients.flights().extend(
            flight_id=booking.flight_id,
            reference=booking.hold_reference,
            expires_at=payment_deadline + grace,
        )
    except errors.HoldGone:
        raise errors.SeatsLost from None
    return _move_deadline(booking_id, payment_deadline)


def latest_deadline(booking: Booking) -> datetime:
    """How far the time to pay can be extended at most (UTC)."""
    window = timedelta(seconds=settings.MAX_PAYMENT_WINDOW_SECONDS)
    return min(booking.created_at + window, booking.departure_time)


@transaction.atomic(durable=True)
def _move_deadline(booking_id: int, payment_deadline: datetime) -> Booking:
    booking = _extendable(booking_id, payment_deadline)
    if booking.payment_deadline != payment_deadline:
        booking.payment_deadline = payment_deadline
        booking.save(update_fields=["payment_deadline", "updated_at"])
        moves.tell(booking, MessageKind.EXTENDED, about=int(payment_deadline.timestamp()))
    return booking


@transaction.atomic
def _extendable(booking_id: int, payment_deadline: datetime) -> Booking:
    """The booking, locked, if it may be extended so far."""
    booking = moves.lock_booking(booking_id)
    refuse_unless_payable(booking)
    if payment_deadline < booking.payment_deadline:
        raise errors.DeadlineTooEarly
    latest = latest_deadline(booking)
    if payment_deadline > latest:
        raise errors.DeadlineTooLate(latest=to_wire_time(latest))
    return booking
