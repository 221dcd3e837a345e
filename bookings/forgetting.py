"""Forgetting people: who closed their account, and how to reach those who flew with them.

Bookings stay, for money's sake, without names. A booking that still travels keeps them until it is
over: the airport asks for them. A daily task comes back for those.
"""

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import account_forgotten
from bookings import moves
from bookings.models import Booking, Passenger
from bookings.states import BookingStatus
from common.database import database_clock

CLOSED = "forgotten:"  # how the names of closed accounts begin (accounts/services.py)


@receiver(account_forgotten)
def forget_with_account(sender: Any, user: User, **kwargs: Any) -> None:
    """Within the transaction that closes the account, so that either all is forgotten or none."""
    _forget_all(Q(user=user))


def forget_travellers() -> int:
    """Forget who flew on bookings that are over by now, of closed accounts; return of how many."""
    return _forget_all(Q(user__username__startswith=CLOSED))


def _forget_all(whose: Q) -> int:
    named = Passenger.objects.filter(booking=OuterRef("pk")).exclude(surname="")
    something = Exists(named) | ~Q(contact_email="", contact_phone="")
    bookings = Booking.objects.filter(whose, something).order_by("pk").values_list("pk", flat=True)
    return sum(_forget(pk) for pk in bookings)


@transaction.atomic
def _forget(booking_id: int) -> bool:
    """Whether there is nothing of people left in a booking, because it is over."""
    booking = moves.lock_booking(booking_id)
    if booking.status != BookingStatus.CANCELLED and booking.departure_time > database_clock():
        return False
    nothing = dict.fromkeys(("given_names", "surname", "sold_given_names", "sold_surname"), "")
    booking.passengers.update(**nothing)
    booking.contact_email = booking.contact_phone = ""
    if booking.fingerprint:  # names can be tried against it
        booking.fingerprint = "forgotten"
    booking.save(update_fields=["contact_email", "contact_phone", "fingerprint"])
    return True
