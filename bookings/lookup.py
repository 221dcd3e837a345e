"""Looking up a booking by its locator and a surname, without an account.

Who knows both gets a token for that booking alone, to read it. The token is signed and not stored;
it lasts LOOKUP_TOKEN_MINUTES, and no longer than the same look-up would find the booking.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from bookings import errors, names
from bookings.models import Booking, Passenger
from bookings.states import BookingStatus

SALT = "bookings.lookup"
NOBODY = "Nobody-of-this-Name"  # compared where there is no such booking


@dataclass(frozen=True)
class Found:
    """A booking, and a token to read it until `expiry` (UTC)."""

    booking: Booking
    token: str
    expiry: datetime


def find(*, locator: str, surname: str) -> Found:
    """The booking of a locator, for who knows the surname of somebody still travelling on it.

    Neither case nor diacritics, spaces and hyphens matter. Raises BookingNotFound for every miss,
    after the same work.
    """
    rows = _travelling().filter(booking__locator=locator.upper())
    surnames = [*rows.values_list("booking_id", "surname")] or [(0, NOBODY)]
    wanted = names.fold(surname)
    same = [constant_time_compare(names.fold(its), wanted) for _, its in surnames]
    booking_id = surnames[0][0]  # a locator is one booking's
    if not (any(same) and wanted and booking_id):
        raise errors.BookingNotFound
    token = signing.dumps([booking_id, _key(wanted)], salt=SALT)
    return Found(Booking.objects.get(pk=booking_id), token, timezone.now() + _lifetime())


def booking_of(token: str) -> int | None:
    """The id of the booking that a token may read; None if the token is no good (any more)."""
    try:
        booking_id, key = signing.loads(token, salt=SALT, max_age=_lifetime())
    except signing.BadSignature:
        return None
    surnames = _travelling().filter(booking=booking_id).values_list("surname", flat=True)
    good = [constant_time_compare(_key(names.fold(its)), key) for its in surnames]
    return booking_id if any(good) else None


def _travelling() -> QuerySet[Passenger]:
    everybody = Passenger.objects.filter(cancellation=None)
    return everybody.exclude(booking__status=BookingStatus.CANCELLED)


def _lifetime() -> timedelta:
    return timedelta(minutes=settings.LOOKUP_TOKEN_MINUTES)


def _key(folded: str) -> str:
    """What the token says of the surname: who reads the token does not read the name."""
    return salted_hmac(SALT, folded, algorithm="sha256").hexdigest()[:32]
