"""What nobody may set: a field that a request does not know is refused, and nothing is done."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from bookings.models import Booking
from tests.bookings.others import FLIGHT
from tests.people import PASSWORD

AUTH, BOOKINGS = "/api/v1/auth/", "/api/v1/bookings/"
OF_A_BOOKING = {
    "id": 1,
    "reference": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "locator": "AAAAAA",
    "status": "BOOKED",
    "price": "0.01",
    "amount": "0.01",
    "currency": "JPY",
    "user": 1,
    "user_id": 1,
    "owner": 1,
    "paymentDeadline": "2099-01-01T00:00:00Z",
    "cancellationReason": "USER",
    "freeToCancel": True,
    "createdAt": "2020-01-01T00:00:00Z",
    "payments": [],
    "availableActions": ["pay"],
}
OF_AN_ACCOUNT = {
    "id": 1,
    "isStaff": True,
    "is_staff": True,
    "isSuperuser": True,
    "isActive": True,
    "groups": [1],
    "userPermissions": [1],
    "nameKey": "root",
    "sessionsEnded": 0,
    "dateJoined": "2020-01-01T00:00:00Z",
}

pytestmark = pytest.mark.django_db


def refused(client: Client, method: str, path: str, body: dict[str, Any], name: str) -> None:
    answer = client.generic(method, path, json.dumps(body), "application/json")
    assert answer.status_code == 400, answer.content
    assert {"pointer": f"#/{name}", "code": "unknown"}.items() <= answer.json()["errors"][0].items()


@pytest.mark.parametrize(("name", "value"), OF_A_BOOKING.items())
def test_a_booking_is_made_of_what_is_asked_for_alone(owner: Client, name: str, value: Any) -> None:
    refused(owner, "POST", BOOKINGS, {"flightId": 1, "noOfSeats": 1, name: value}, name)
    assert not Booking.objects.exists()


@pytest.mark.parametrize(("name", "value"), OF_A_BOOKING.items())
@pytest.mark.parametrize("action", ["cancel", "payments"])
def test_what_is_done_with_a_booking_sets_nothing(
    owner: Client, user: User, action: str, name: str, value: Any
) -> None:
    booking = Booking.objects.create(
        flight_id=1,
        flight=FLIGHT,
        user=user,
        no_of_seats=1,
        total_cost=5000,
        currency="INR",
        payment_deadline="2099-01-01T00:00:00Z",
    )
    before = Booking.objects.values().get()
    body = {name: value} | ({"paymentMethod": "tok_visa"} if action == "payments" else {})
    refused(owner, "POST", f"{BOOKINGS}{booking.pk}/{action}/", body, name)
    assert Booking.objects.values().get() == before


@pytest.mark.parametrize(("name", "value"), OF_AN_ACCOUNT.items())
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "register/", {"username": "x", "email": "x@example.com", "password": PASSWORD}),
        ("POST", "login/", {"username": "asha", "password": PASSWORD}),
        ("PATCH", "me/", {"firstName": "X"}),
        ("DELETE", "me/", {"password": PASSWORD}),
        ("POST", "logout/", {}),
        ("POST", "logout/all/", {}),
        ("POST", "password/change/", {"currentPassword": PASSWORD, "newPassword": "better horse"}),
        ("POST", "password/reset/", {"email": "asha@example.com"}),
        (
            "POST",
            "password/reset/confirm/",
            {"uid": "x", "token": "x", "newPassword": "better horse"},
        ),
    ],
)
def test_no_request_about_an_account_sets_more(
    owner: Client,
    user: User,
    mailing: list[str],
    method: str,
    path: str,
    body: Any,
    name: str,
    value: Any,
) -> None:
    before = User.objects.values().get()
    refused(owner, method, AUTH + path, {**body, name: value}, name)
    assert User.objects.values().get() == before
    assert not mailing
