"""Who gets which answer: every route and method, and the status for each kind of caller.

    stranger   shows nothing                 support, schedule, finance, admin: staff of that role
    guest      looked up the owner's booking and shows the token of it (`Authorization: Booking …`)
    owner      a traveller: the account, the booking and its passenger are theirs
    other      another traveller, who asks for what is the owner's
    service    one of our own services (`Authorization: Service …`)

One line each, `METHOD route statuses {JSON body}`; `$name` is something of the tests' world.
404 hides another's booking, 403 refuses. 400 and 409 mean: let in, and the request was no good.
A method without a line must be refused to everybody; the admin's own pages are not in this table,
they ask Django's permissions (test_roles.py).
"""

import json
from dataclasses import dataclass
from string import Template
from typing import Any

CALLERS = "stranger guest owner other support schedule finance admin service".split()

TABLE = """
#                            stranger guest owner other support schedule finance admin service
GET    /                                        302 302 302 302 302 302 302 302 302
GET    /healthz                                 200 200 200 200 200 200 200 200 200
GET    /readyz                                  200 200 200 200 200 200 200 200 200
GET    root                                     200 200 200 200 200 200 200 200 200
GET    schema/                                  200 200 200 200 200 200 200 200 200
GET    docs/                                    200 200 200 200 200 200 200 200 200
GET    problems/<slug:code>/                    200 200 200 200 200 200 200 200 200

# --- Accounts: everybody their own, and services and guests have none -----------------------
POST   auth/register/                           201 201 201 201 201 201 201 201 201 {"username": "new", "email": "new@example.com", "password": "$password"}
POST   auth/login/                              200 200 200 200 200 200 200 200 200 {"username": "owner", "password": "$password"}
POST   auth/logout/                             401 401 204 204 204 204 204 204 403
POST   auth/logout/all/                         401 401 204 204 204 204 204 204 403
GET    auth/me/                                 401 401 200 200 200 200 200 200 403
PATCH  auth/me/                                 401 401 200 200 200 200 200 200 403 {"firstName": "A"}
DELETE auth/me/                                 401 401 204 204 204 204 204 204 403 {"password": "$password"}
POST   auth/password/change/                    401 401 204 204 204 204 204 204 403 {"currentPassword": "$password", "newPassword": "better horse"}
POST   auth/password/reset/                     202 202 202 202 202 202 202 202 202 {"email": "owner@example.com"}
POST   auth/password/reset/confirm/             400 400 400 400 400 400 400 400 400 {"uid": "MQ", "token": "x-x", "newPassword": "better horse"}
GET    /account/reset/<uidb64>/<token>/         200 200 200 200 200 200 200 200 200
POST   /account/reset/<uidb64>/<token>/         200 200 200 200 200 200 200 200 200
GET    /account/reset/done/                     200 200 200 200 200 200 200 200 200
GET    /api-auth/login/                         200 200 200 200 200 200 200 200 200
POST   /api-auth/login/                         200 200 200 200 200 200 200 200 200
POST   /api-auth/logout/                        200 200 200 200 200 200 200 200 200

# --- The catalogue: anyone reads; schedule managers and admins write -------------------------
GET    cities/                                  200 200 200 200 200 200 200 200 200
POST   cities/                                  401 401 403 403 403 201 403 201 403 {"name": "Agra", "country": "India"}
GET    cities/<int:pk>/                         200 200 200 200 200 200 200 200 200
PATCH  cities/<int:pk>/                         401 401 403 403 403 200 403 200 403 {"name": "Agra"}
DELETE cities/<int:pk>/                         401 401 403 403 403 204 403 204 403
GET    airports/                                200 200 200 200 200 200 200 200 200
POST   airports/                                401 401 403 403 403 201 403 201 403 {"code": "AGR", "name": "Agra", "cityId": $city, "timeZone": "Asia/Kolkata"}
GET    airports/<iata:pk>/                      200 200 200 200 200 200 200 200 200
PATCH  airports/<iata:pk>/                      401 401 403 403 403 200 403 200 403 {"name": "X"}
DELETE airports/<iata:pk>/                      401 401 403 403 403 409 403 409 403
GET    airlines/                                200 200 200 200 200 200 200 200 200
POST   airlines/                                401 401 403 403 403 201 403 201 403 {"code": "XX", "name": "X"}
GET    airlines/<iata:pk>/                      200 200 200 200 200 200 200 200 200
PATCH  airlines/<iata:pk>/                      401 401 403 403 403 200 403 200 403 {"name": "X"}
DELETE airlines/<iata:pk>/                      401 401 403 403 403 204 403 204 403
GET    airplanes/                               200 200 200 200 200 200 200 200 200
POST   airplanes/                               401 401 403 403 403 201 403 201 403 {"modelNumber": "X", "capacity": 9}
GET    airplanes/<int:pk>/                      200 200 200 200 200 200 200 200 200
PATCH  airplanes/<int:pk>/                      401 401 403 403 403 200 403 200 403 {"modelNumber": "X"}
DELETE airplanes/<int:pk>/                      401 401 403 403 403 409 403 409 403
GET    flights/                                 200 200 200 200 200 200 200 200 200
POST   flights/                                 401 401 403 403 403 400 403 400 403
GET    flights/calendar/                        400 400 400 400 400 400 400 400 400
GET    flights/<int:pk>/                        200 200 200 200 200 200 200 200 200
PATCH  flights/<int:pk>/                        401 401 403 403 403 200 403 200 403 {"price": "1.00"}
DELETE flights/<int:pk>/                        401 401 403 403 403 409 403 409 403
POST   flights/<int:pk>/cancel/                 401 401 403 403 403 200 403 200 403

# --- Holds and payments: our own services alone ----------------------------------------------
PUT    flights/<int:flight_id>/holds/<uuid:reference>/          401 401 403 403 403 403 403 403 200 {"noOfSeats": 2, "expiresAt": "2099-01-01T00:00:00Z"}
DELETE flights/<int:flight_id>/holds/<uuid:reference>/          401 401 403 403 403 403 403 403 204
POST   flights/<int:flight_id>/holds/<uuid:reference>/confirm/  401 401 403 403 403 403 403 403 200
POST   flights/<int:flight_id>/holds/<uuid:reference>/shrink/   401 401 403 403 403 403 403 403 200 {"noOfSeats": 1}
POST   flights/<int:flight_id>/holds/<uuid:reference>/extend/   401 401 403 403 403 403 403 403 200 {"expiresAt": "2099-01-01T00:00:00Z"}
GET    holds/                                   401 401 403 403 403 403 403 403 200
POST   holds/release/                           401 401 403 403 403 403 403 403 200 {"holds": [{"flightId": $flight, "reference": "$hold"}]}
GET    payments/                                401 401 403 403 403 403 403 403 200
POST   payments/                                401 401 403 403 403 403 403 403 200 {"reference": "$hold", "amount": "1.00", "currency": "INR", "paymentMethod": "tok_visa"}
GET    payments/<int:pk>/                       401 401 403 403 403 403 403 403 200
POST   payments/<int:pk>/capture/               401 401 403 403 403 403 403 403 200
POST   payments/<int:pk>/void/                  401 401 403 403 403 403 403 403 200
POST   payments/<int:pk>/refunds/               401 401 403 403 403 403 403 403 409 {"amount": "1.00"}
POST   payments/void/                           401 401 403 403 403 403 403 403 200 {"idempotencyKey": "k"}

# --- Bookings: one's own; support and finance see all, and each does their own work ----------
GET    bookings/                                401 403 200 200 200 200 200 200 403
POST   bookings/                                401 403 201 403 201 403 403 201 403 {"flightId": 1, "noOfSeats": 1, "userId": $owner}
POST   bookings/lookup/                         200 200 200 200 200 200 200 200 200 {"locator": "$locator", "surname": "Rao"}
GET    bookings/<int:pk>/                       401 200 200 404 200 404 200 200 403
POST   bookings/<int:pk>/cancel/                401 403 200 404 200 404 403 200 403
GET    bookings/<int:pk>/cancellation/          401 200 200 404 200 404 200 200 403
GET    bookings/<int:pk>/timeline/              401 200 200 404 200 404 200 200 403
POST   bookings/<int:pk>/extend/                401 403 403 404 200 404 403 200 403 {"paymentDeadline": "$later"}
POST   bookings/<int:pk>/payments/              401 403 200 404 200 404 403 200 403 {"paymentMethod": "tok_visa"}
POST   bookings/<int:pk>/refunds/               401 403 403 404 403 404 409 409 403 {"amount": "1.00", "reason": "late"}
PUT    bookings/<int:pk>/passengers/            401 403 200 404 200 404 403 200 403 {"passengers": [{"surname": "Rao"}, {"surname": "Iyer"}]}
PATCH  bookings/<int:pk>/passengers/<int:passenger_id>/  401 403 200 404 200 404 403 200 403 {"surname": "Rap"}
"""  # noqa: E501 - a table is read by its columns

# What stands for the parameters of routes: names in the tests' world.
PLACES = {
    "cities/<int:pk>": "empty_city",
    "airports/<iata:pk>": "airport",
    "airlines/<iata:pk>": "airline",
    "airplanes/<int:pk>": "airplane",
    "flights/<int:pk>": "flight",
    "flights/<int:flight_id>": "flight",
    "holds/<uuid:reference>": "hold",
    "payments/<int:pk>": "payment",
    "bookings/<int:pk>": "booking",
    "passengers/<int:passenger_id>": "passenger",
    "problems/<slug:code>": "problem",
    "reset/<uidb64>/<token>": "link",
}


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    method: str
    route: str
    statuses: dict[str, int]
    body: str

    @classmethod
    def read(cls, line: str) -> "Row":
        method, route, *rest = line.split(maxsplit=2 + len(CALLERS))
        numbers, body = rest[: len(CALLERS)], "".join(rest[len(CALLERS) :])
        return cls(method, full(route), dict(zip(CALLERS, map(int, numbers), strict=True)), body)

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    def path(self, world: dict[str, Any]) -> str:
        return address(self.route, world)

    def content(self, world: dict[str, Any]) -> Any:
        return json.loads(Template(self.body or "{}").substitute(world))


def full(route: str) -> str:
    """A route as the URLconf has it: the table leaves out the API's prefix."""
    return route if route.startswith("/") else f"/api/v1/{route.removeprefix('root')}"


def address(route: str, world: dict[str, Any]) -> str:
    """A path: things of the world in place of the route's parameters."""
    for place, name in PLACES.items():
        head = place.partition("/")[0]
        route = route.replace(f"/{place}/", f"/{head}/{world[name]}/")
    if "<" in route:
        raise LookupError(f"{route}: say in PLACES what its parameter stands for.")
    return route


ROWS = [Row.read(line) for line in TABLE.splitlines() if line and not line.startswith("#")]
