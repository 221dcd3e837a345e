"""Who flies: names as on the travel document, one for each seat, and infants on laps."""

from collections.abc import Sequence
from dataclasses import dataclass

from bookings import errors
from bookings.models import Booking, Passenger
from bookings.states import PassengerType


@dataclass(frozen=True)
class PassengerName:
    """A passenger as the traveller gives them."""

    surname: str
    given_names: str = ""
    type: str = PassengerType.ADULT


def check(names: Sequence[PassengerName], *, no_of_seats: int) -> None:
    """Refuse passengers who do not fit the seats, if there are any. Raises PassengersDoNotFit."""
    if not names:
        return
    types = [name.type for name in names]
    infants, adults = types.count(PassengerType.INFANT), types.count(PassengerType.ADULT)
    if len(types) - infants != no_of_seats:
        raise errors.PassengersDoNotFit(
            f"{no_of_seats} seats need as many adults and children, not {len(types) - infants}."
        )
    if infants > adults:
        raise errors.PassengersDoNotFit("Each infant sits on the lap of an adult.")


def add(booking: Booking, names: Sequence[PassengerName]) -> None:
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
        for name in names
    )
