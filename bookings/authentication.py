"""Guests: who looked up a booking, and shows the token of it (`Authorization: Booking <token>`)."""

from functools import partial
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from bookings import lookup
from common.schema import OnlyWhoIsLetIn
from common.throttles import address_of, guess_wait

SCHEME = "Booking"


class Guest:
    """Who may read one booking, and nothing else: nobody's account, and never staff."""

    pk = id = None
    is_authenticated = True
    is_active = True
    is_anonymous = is_staff = is_superuser = False

    def __init__(self, booking_id: int) -> None:
        self.booking_id = booking_id

    def has_perm(self, *args: Any) -> bool:
        return False

    def __str__(self) -> str:
        return "guest"


class GuestAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Guest, None] | None:
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return None
        booking_id = lookup.booking_of(token.decode("latin-1"))
        if booking_id is None:
            raise AuthenticationFailed("This token is no good (any more): look the booking up.")
        return Guest(booking_id), None

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class GuestReads(BasePermission):
    """What a guest may do with the booking: see how it is, and what cancelling it would do."""

    actions = ("retrieve", "quote", "timeline")

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, Guest) and view.action in self.actions


class LookupThrottle(BaseThrottle):
    """By address, and by locator: nobody tries surnames in bulk. Closed without Redis: 503."""

    seconds = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        locator = request.data.get("locator") if isinstance(request.data, dict) else ""
        name = locator if isinstance(locator, str) else ""
        self.seconds = guess_wait("lookup", name, address_of(request))
        return not self.seconds

    def wait(self) -> int:
        return self.seconds


class GuestScheme(OnlyWhoIsLetIn, OpenApiAuthenticationExtension):
    target_class = GuestAuthentication
    name = "bookingToken"
    principal = partial(Guest, 0)

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "To read one booking: `Booking <token>`, from looking it up.",
        }
