"""Moving a BOOKED booking to another flight, at no cost: new seats first, then the old ones go.

The same order as paying, and for the same reasons: what is going to be asked for is written down
first, the new seats are confirmed before the booking moves, and whatever a crash leaves behind is
found by its row and taken back. The money stays where it is.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bookings import clients, errors, moves, outbox
from bookings.models import Booking, Rebooking
from bookings.states import BookingStatus, MessageKind, RebookingStatus
from common.errors import RequestInFlight, SeatholdError


def rebook(*, booking_id: int, from_flight_id: int, to_flight_id: int) -> Booking:
    """The booking, with as many seats on another flight. The old seats are given back.

    Raises BookingNotFound, NotRebookable (not BOOKED on that flight any more), RequestInFlight when
    somebody else is at it, FlightNotFound, FlightClosed, SeatsUnavailable, FlightsUnavailable. Then
    the booking stands as it was, and no new seat is kept.
    """
    rebooking = _start(booking_id, from_flight_id, to_flight_id)
    try:
        sold = _take_seats(rebooking)
    except errors.HoldGone:
        _take_back(rebooking)
        raise errors.NotRebookable from None
    except SeatholdError:
        _take_back(rebooking)
        raise
    if not _finish(rebooking, sold):
        raise errors.NotRebookable
    return Booking.objects.get(pk=booking_id)


def unfinished_rebookings() -> QuerySet[Rebooking]:
    """Rebookings that are PROCESSING for longer than anybody works on them."""
    return Rebooking.objects.filter(
        status=RebookingStatus.PROCESSING, created_at__lte=Now() - _lease()
    )


def take_back(rebookings: Sequence[Rebooking]) -> int:
    """Give up rebookings that nobody works on any more; return how many. Repeatable."""
    return sum(_take_back(rebooking) for rebooking in rebookings)


def _lease() -> timedelta:
    return timedelta(seconds=settings.PAY_LEASE_SECONDS)


@transaction.atomic(durable=True)
def _start(booking_id: int, from_flight_id: int, to_flight_id: int) -> Rebooking:
    booking = moves.lock_booking(booking_id)
    if booking.status != BookingStatus.BOOKED or booking.flight_id != from_flight_id:
        raise errors.NotRebookable
    if booking.rebookings.filter(status=RebookingStatus.PROCESSING).exists():
        raise RequestInFlight
    return Rebooking.objects.create(
        booking=booking, from_flight_id=from_flight_id, to_flight_id=to_flight_id
    )


def _take_seats(rebooking: Rebooking) -> clients.SoldSeats:
    """Confirmed seats on the other flight. Raises what holding and confirming raise."""
    flight_id, reference = rebooking.to_flight_id, rebooking.hold_reference
    sold = clients.flights().hold(
        flight_id=flight_id,
        reference=reference,
        no_of_seats=rebooking.booking.no_of_seats,
        expires_at=timezone.now() + _lease(),
    )
    if not Rebooking.objects.filter(pk=rebooking.pk, status=RebookingStatus.PROCESSING).exists():
        # Taken back, and its hold released, maybe before it was there: it will expire. A release
        # that is written from here on finds it.
        raise errors.HoldGone
    clients.flights().confirm(flight_id=flight_id, reference=reference)
    return sold


@transaction.atomic(durable=True)
def _finish(rebooking: Rebooking, sold: clients.SoldSeats) -> bool:
    """The booking moves, unless it changed or the rebooking was taken back; returns whether."""
    booking, was = moves.lock_booking(rebooking.booking_id), rebooking.booking
    rebooking = Rebooking.objects.get(pk=rebooking.pk)  # as it is under the booking's lock
    outbox.nudge()
    as_it_was = (BookingStatus.BOOKED, was.flight_id, was.no_of_seats)
    if (booking.status, booking.flight_id, booking.no_of_seats) != as_it_was:
        _void(booking, rebooking)
        return False
    if rebooking.status != RebookingStatus.PROCESSING:
        return False
    moves.rebook(booking, rebooking, sold.flight)
    moves.tell(booking, MessageKind.REBOOKED, about=rebooking.pk)
    return True


@transaction.atomic(durable=True)
def _take_back(rebooking: Rebooking) -> bool:
    booking = moves.lock_booking(rebooking.booking_id)
    moved = _void(booking, Rebooking.objects.get(pk=rebooking.pk))
    outbox.nudge()
    return moved


def _void(booking: Booking, rebooking: Rebooking) -> bool:
    """Its hold is released, if there is or ever was one. The booking is locked."""
    if rebooking.status != RebookingStatus.PROCESSING:
        return False
    rebooking.status = RebookingStatus.VOIDED
    rebooking.save(update_fields=["status", "updated_at"])
    moves.release(booking, rebooking.to_flight_id, rebooking.hold_reference)
    return True
