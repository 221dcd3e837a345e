"""People, bookings, and the other services as `responses` plays them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import responses
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings import clients
from bookings.models import Booking
from common.breaker import CircuitBreaker
from tests.bookings.others import FLIGHT, OtherServices
from tests.people import make_staff


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """No breaker or connection of one test reaches the next."""
    made = (clients.flights, clients.payments)  # as they are: a test may put others there
    for client in made:
        client.cache_clear()
    yield
    for client in made:
        client.cache_clear()


@pytest.fixture
def others() -> Iterator[OtherServices]:
    """The flights and payments services, as `responses` plays them; a call to neither fails."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield OtherServices(mock)


@pytest.fixture(autouse=True)
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tasks that were sent; no worker runs in these tests."""
    sent: list[str] = []
    monkeypatch.setattr("bookings.outbox.broker", CircuitBreaker())
    monkeypatch.setattr(
        "bookings.outbox.current_app.send_task", lambda name, **kwargs: sent.append(name)
    )
    return sent


@pytest.fixture
def traveller(db: None) -> User:
    return User.objects.create_user("asha", "asha@example.com", "correct horse")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("ben", "ben@example.com", "correct horse")


@pytest.fixture
def staff(db: None) -> User:
    return make_staff("support")


@pytest.fixture
def api(traveller: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(traveller)
    return client


@pytest.fixture
def make_booking(traveller: User) -> Callable[..., Booking]:
    def make(**changes: Any) -> Booking:
        columns = {
            "flight_id": 1,
            "flight": FLIGHT,
            "user": traveller,
            "no_of_seats": 2,
            "total_cost": Decimal("10000"),
            "currency": "INR",
            "payment_deadline": timezone.now() + timedelta(minutes=5),
            "reference": (reference := uuid4()),
            "hold_reference": reference,
        }
        return Booking.objects.create(**{**columns, **changes})

    return make


@pytest.fixture
def booking(make_booking: Callable[..., Booking]) -> Booking:
    return make_booking()
