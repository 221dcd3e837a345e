"""Who flies: names as on the travel document, one for each seat, and infants on laps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from bookings import errors, moves, names
from bookings.models import Booking, Passenger
from bookings.states import BookingStatus, PassengerType
from common.database import database_clock


@dataclass(frozen=True)
class PassengerName:
    """A passenger as the traveller gives them; a traceback or a log does not show the name."""

    surname: str = field(repr=False)
    given_names: str = field(default="", repr=False)
    type: str = PassengerType.ADULT


@dataclass(frozen=True)
class Contact:
    """How the travellers are reached; the phone number is as in E.164."""

    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


def check(given: Sequence[PassengerName], *, no_of_seats: int) -> None:
    """Refuse passengers who do not fit the seats, if there are any. Raises PassengersDoNotFit."""
    if not given:
        return
    types = [name.type for name in given]
    infants, adults = types.count(PassengerType.INFANT), types.count(PassengerType.ADULT)
    if len(types) - infants != no_of_seats:
        raise errors.PassengersDoNotFit(
            f"{no_of_seats} seats need as many adults and children, not {len(types) - infants}."
        )
    if infants > adults:
        raise errors.PassengersDoNotFit("Each infant sits on the lap of an adult.")


def add(booking: Booking, given: Sequence[PassengerName]) -> None:
    """Put passengers on a booking that has none, in the caller's transaction."""
    Passenger.objects.bulk_create(
        Passenger(
            booking=booking,
            type=name.type,
            given_names=name.given_names,
            surname=name.surname,
            sold_given_names=name.given_names,
            sold_surname=name.surname,
        )
        for name in given
    )


@transaction.atomic(durable=True)
def replace(
    *, booking_id: int, given: Sequence[PassengerName], contact: Contact | None = None
) -> Booking:
    """Say anew who flies, and where they are reached, if that is said; twice is once.

    Until the booking is paid. One that was paid without passengers takes them once, until it
    departs.

    Raises BookingNotFound, BookingCancelled, PaymentInProgress, PassengersSettled, FlightDeparted,
    PassengersDoNotFit.
    """
    booking = moves.lock_booking(booking_id)
    if _are_so(booking, given, contact):
        return booking
    _refuse_unless_open(booking)
    check(given, no_of_seats=booking.no_of_seats)
    travelling(booking).delete()
    add(booking, given)
    if contact is not None:
        booking.contact_email, booking.contact_phone = contact.email, contact.phone
    booking.save(update_fields=["contact_email", "contact_phone", "updated_at"])
    return booking


@transaction.atomic(durable=True)
def correct(
    *,
    booking_id: int,
    passenger_id: int,
    given_names: str | None = None,
    surname: str | None = None,
    freely: bool = False,
) -> Booking:
    """Correct a passenger's name; what is None stays. Before payment it may be any other name.

    After it the settings NAME_CORRECTION_LETTERS and NAME_CORRECTION_HOURS bound what may change,
    measured against the name that was sold; `freely` they do not.

    Raises BookingNotFound, PassengerNotFound, BookingCancelled, PaymentInProgress,
    NameCorrectionRefused (with `reason`).
    """
    booking = moves.lock_booking(booking_id)
    passenger = booking.passengers.filter(pk=passenger_id).first()
    if passenger is None:
        raise errors.PassengerNotFound
    _refuse_unless_changeable(booking)
    if passenger.cancellation_id is not None:
        raise errors.NameCorrectionRefused(
            "The seat of this passenger was cancelled.", reason="seat_cancelled"
        )
    passenger.given_names = passenger.given_names if given_names is None else given_names
    passenger.surname = passenger.surname if surname is None else surname
    if booking.status == BookingStatus.INITIATED:
        passenger.sold_given_names = passenger.given_names
        passenger.sold_surname = passenger.surname
    elif not freely:
        _refuse_beyond_the_rule(booking, passenger)
    passenger.save()
    booking.save(update_fields=["updated_at"])
    return booking


def refuse_if_missing(booking: Booking) -> None:
    """Where PASSENGERS_REQUIRED, raise PassengersMissing for a booking that nobody flies on."""
    if settings.PASSENGERS_REQUIRED and not travelling(booking).exists():
        raise errors.PassengersMissing


def travelling(booking: Booking) -> QuerySet[Passenger]:
    """Those whose seats are not cancelled."""
    return booking.passengers.filter(cancellation=None)


def _are_so(booking: Booking, given: Sequence[PassengerName], contact: Contact | None) -> bool:
    """Whether nothing would change: then the request is a repeated one."""
    now = [PassengerName(one.surname, one.given_names, one.type) for one in travelling(booking)]
    same = contact in (None, Contact(booking.contact_email, booking.contact_phone))
    return same and now == list(given)


def _refuse_unless_open(booking: Booking) -> None:
    """The booking is locked."""
    _refuse_unless_changeable(booking)
    if booking.status == BookingStatus.INITIATED:
        return
    if booking.passengers.exists():
        raise errors.PassengersSettled
    if booking.departure_time <= database_clock():
        raise errors.FlightDeparted


def _refuse_unless_changeable(booking: Booking) -> None:
    """The booking is locked."""
    if booking.status == BookingStatus.CANCELLED:
        raise errors.BookingCancelled(cancellation_reason=booking.cancellation_reason)
    if booking.paying_since is not None:
        raise errors.PaymentInProgress


def _refuse_beyond_the_rule(booking: Booking, passenger: Passenger) -> None:
    hours, allowed = settings.NAME_CORRECTION_HOURS, settings.NAME_CORRECTION_LETTERS
    if booking.departure_time - database_clock() < timedelta(hours=hours):
        raise errors.NameCorrectionRefused(
            f"Names can be corrected until {hours} hours before departure.", reason="too_late"
        )
    letters = names.distance(passenger.sold_given_names, passenger.given_names)
    letters += names.distance(passenger.sold_surname, passenger.surname)
    if letters > allowed:
        raise errors.NameCorrectionRefused(
            f"{letters} letters differ from the name as it was sold; {allowed} may.",
            reason="too_many_letters",
        )
