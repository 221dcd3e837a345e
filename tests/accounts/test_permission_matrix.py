"""The table of matrix.py, line by line, with tokens and with sessions; and nothing beside it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import responses
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.response import Response

from accounts import tasks
from accounts.models import User
from bookings import clients, lookup
from bookings.models import Booking, Passenger
from common.service_auth import service_authorization
from flights.models import Airline, Airplane, Airport, City, Flight, SeatHold
from payments.models import Payment
from tests.accounts.matrix import CALLERS, ROWS, Row, address
from tests.bookings.others import FLIGHT, OtherServices
from tests.people import PASSWORD, make_staff

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
STAFF = {"support": "support", "schedule": "schedule manager", "finance": "finance"}
STAFF["admin"] = "admin"
PEOPLE = ["owner", "other", *STAFF]

pytestmark = pytest.mark.django_db


# --- Which routes there are -----------------------------------------------------------------------


def routes(resolver: Any, prefix: str = "/") -> Iterator[tuple[str, set[str]]]:
    """Every route but those of the admin, with the methods that it takes."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if route.startswith("/admin/"):
            continue
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            yield route, methods(pattern)


def methods(pattern: URLPattern) -> set[str]:
    view: Any = pattern.callback
    if actions := getattr(view, "actions", None):  # a viewset's
        taken, allowed = {*actions}, view.cls.http_method_names
    elif view_class := getattr(view, "view_class", None) or getattr(view, "cls", None):
        taken = {name for name in view_class.http_method_names if hasattr(view_class, name)}
        allowed = view_class.http_method_names
    else:
        taken = allowed = {"get"}
    return {name.upper() for name in taken & {*allowed}} & {*METHODS}


ROUTES = dict(routes(get_resolver()))
# Pages that answer to more methods than they have a use for, and do no more than for GET or POST.
INDIFFERENT = {
    "/": {"POST", "PUT", "PATCH", "DELETE"},
    "/account/reset/<uidb64>/<token>/": {"PUT"},
    "/api-auth/login/": {"PUT"},
    "/api/v1/problems/<slug:code>/": {"POST", "PUT", "PATCH", "DELETE"},
}


def test_every_route_and_method_has_its_line() -> None:
    there = {(method, route) for route, taken in ROUTES.items() for method in taken}
    there -= {(method, route) for route, taken in INDIFFERENT.items() for method in taken}
    told = [(row.method, row.route) for row in ROWS]
    assert sorted(there - {*told}) == [], "add a line to tests/accounts/matrix.py"
    assert sorted({*told} - there) == [], "there is no such route (any more)"
    assert len(told) == len({*told})


def test_anothers_booking_is_not_there_whatever_one_asks() -> None:
    of_a_booking = [row for row in ROWS if "/bookings/<int:pk>/" in row.route]
    assert {row.statuses["other"] for row in of_a_booking} == {404}
    assert len(of_a_booking) > 5


# --- What each caller gets ------------------------------------------------------------------------


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """One of everything that routes name, and the other services, which are well."""
    monkeypatch.setattr(tasks.send_reset_mail, "delay", lambda email: None)
    # Making the API's description takes seconds, and it is the same for everybody.
    monkeypatch.setattr("drf_spectacular.views.SpectacularAPIView.get", lambda *args: Response({}))
    monkeypatch.setattr("bookings.outbox.current_app.send_task", lambda name, **kwargs: None)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        OtherServices(mock).all_well()
        yield {"password": PASSWORD, "problem": "not_found", "link": "MQ/x-x", **things()}
    clients.flights.cache_clear()
    clients.payments.cache_clear()


def things() -> dict[str, Any]:
    now = timezone.now()
    owner = User.objects.create_user("owner", "owner@example.com", PASSWORD)
    city = City.objects.create(name="City", country="Nowhere")
    airports = [
        Airport.objects.create(code=code, name=code, city=city, time_zone="Asia/Kolkata")
        for code in ("DEL", "BOM")
    ]
    airplane = Airplane.objects.create(model_number="A320", capacity=180)
    flight = Flight.objects.create(
        flight_number="UK808",
        airplane=airplane,
        departure_airport=airports[0],
        arrival_airport=airports[1],
        departure_time=now + timedelta(days=1),
        arrival_time=now + timedelta(days=1, hours=2),
        price=5000,
        total_seats=180,
        remaining_seats=178,
    )
    hold = SeatHold.objects.create(
        flight=flight,
        reference=uuid4(),
        no_of_seats=2,
        price=5000,
        currency="INR",
        expires_at=now + timedelta(minutes=5),
    )
    booking = Booking.objects.create(
        flight_id=1,
        flight=FLIGHT,
        user=owner,
        no_of_seats=2,
        total_cost=10000,
        currency="INR",
        payment_deadline=now + timedelta(minutes=5),
    )
    passengers = [
        Passenger.objects.create(booking=booking, surname=name, sold_surname=name)
        for name in ("Rao", "Iyer")
    ]
    payment = Payment.objects.create(
        idempotency_key=uuid4().hex,
        reference=uuid4(),
        amount=100,
        currency="INR",
        payment_method="tok_visa",
        status="REQUIRES_CAPTURE",
    )
    return {
        "owner": owner.pk,
        "city": city.pk,
        "empty_city": City.objects.create(name="Empty", country="Nowhere").pk,
        "airport": "DEL",
        "airline": Airline.objects.create(code="QQ", name="Q").pk,
        "airplane": airplane.pk,
        "flight": flight.pk,
        "hold": hold.reference,
        "payment": payment.pk,
        "booking": booking.pk,
        "locator": booking.locator,
        "passenger": passengers[0].pk,
        "later": (now + timedelta(hours=1)).isoformat(),
    }


@pytest.fixture
def people(world: dict[str, Any]) -> dict[str, User]:
    staff = {name: make_staff(role, name) for name, role in STAFF.items()}
    other = User.objects.create_user("other", "other@example.com", PASSWORD)
    return {"owner": User.objects.get(pk=world["owner"]), "other": other, **staff}


@pytest.fixture
def with_token(world: dict[str, Any], people: dict[str, User]) -> Callable[[str], Client]:
    def client(caller: str) -> Client:
        if caller == "stranger":
            return Client()
        if caller == "service":
            return Client(headers={"Authorization": service_authorization()})
        if caller == "guest":
            found = lookup.find(locator=world["locator"], surname="Rao")
            return Client(headers={"Authorization": f"Booking {found.token}"})
        token = AuthToken.objects.create(people[caller])[1]
        return Client(headers={"Authorization": f"Token {token}"})

    return client


@pytest.fixture
def with_session(people: dict[str, User]) -> Callable[[str], Client]:
    def client(caller: str) -> Client:
        browser = Client()
        browser.force_login(people[caller])
        return browser

    return client


def ask(client: Client, method: str, path: str, body: Any) -> int:
    """The status that somebody gets; what the request did is undone."""
    content = {} if method == "GET" else {"data": body, "content_type": "application/json"}
    before = transaction.savepoint()
    try:
        send = getattr(client, method.lower())
        return send(path, headers={"Idempotency-Key": uuid4().hex}, **content).status_code
    finally:
        transaction.savepoint_rollback(before)


def differences(got: dict[str, int], row: Row) -> list[str]:
    return [
        f"{row} as {caller}: {status}, and the table says {row.statuses[caller]}"
        for caller, status in got.items()
        if status != row.statuses[caller]
    ]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_each_caller_gets_the_status_of_the_table(
    row: Row, world: dict[str, Any], with_token: Callable[[str], Client]
) -> None:
    path, body = row.path(world), row.content(world)
    got = {caller: ask(with_token(caller), row.method, path, body) for caller in CALLERS}
    assert differences(got, row) == []


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_session_opens_what_a_token_opens(
    row: Row, world: dict[str, Any], with_session: Callable[[str], Client]
) -> None:
    path, body = row.path(world), row.content(world)
    got = {caller: ask(with_session(caller), row.method, path, body) for caller in PEOPLE}
    assert differences(got, row) == []


@pytest.mark.parametrize("route", [route for route in ROUTES if route.startswith("/api/")])
def test_other_methods_are_refused_to_everybody(
    route: str, world: dict[str, Any], with_token: Callable[[str], Client]
) -> None:
    path = address(route, world)
    for method in {*METHODS} - ROUTES[route] - INDIFFERENT.get(route, set()):
        # Who may do most: they are told that there is nothing to be done.
        got = {who: ask(with_token(who), method, path, {}) for who in ("owner", "admin", "service")}
        assert set(got.values()) <= {401, 403, 404, 405}, (method, got)
