"""Fixtures of the flights tests: a small catalogue, and who asks for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from common.service_auth import service_authorization
from flights.models import Airplane, Airport, City, Flight
from tests.people import make_staff

ZONES = {
    "DEL": "Asia/Kolkata",
    "BOM": "Asia/Kolkata",
    "LHR": "Europe/London",
    "JFK": "America/New_York",
    "SYD": "Australia/Sydney",
    "APW": "Pacific/Apia",
    "HNL": "Pacific/Honolulu",
}


@pytest.fixture
def anyone() -> APIClient:
    return APIClient()


@pytest.fixture
def traveller(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.create_user("asha", password="correct horse"))
    return client


@pytest.fixture
def staff(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_staff("schedule manager"))
    return client


@pytest.fixture
def service() -> APIClient:
    """A client that shows the secret of our services."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=service_authorization())
    return client


@pytest.fixture
def airport(db: None) -> Callable[[str], Airport]:
    def get_or_make(code: str) -> Airport:
        city, _ = City.objects.get_or_create(name=f"City of {code}", country="Nowhere")
        return Airport.objects.get_or_create(
            code=code, defaults={"name": f"{code} Airport", "city": city, "time_zone": ZONES[code]}
        )[0]

    return get_or_make


@pytest.fixture
def airplane(db: None) -> Airplane:
    return Airplane.objects.create(model_number="A320", capacity=180)


@pytest.fixture
def make_flight(airport: Callable[[str], Airport], airplane: Airplane) -> Callable[..., Flight]:
    """Make a flight: by default DEL to BOM tomorrow, 180 seats for 5000 INR."""
    numbers = iter(range(1, 10_000))

    def make(
        trip: str = "DEL-BOM",
        departure_time: datetime | None = None,
        minutes: int = 120,
        **changes: Any,
    ) -> Flight:
        departure, arrival = trip.split("-")
        leaves = departure_time or timezone.now() + timedelta(days=1)
        columns = {
            "flight_number": f"UK{next(numbers)}",
            "airplane": airplane,
            "departure_airport": airport(departure),
            "arrival_airport": airport(arrival),
            "departure_time": leaves,
            "arrival_time": leaves + timedelta(minutes=minutes),
            "price": Decimal(5000),
            "total_seats": 180,
        }
        columns |= changes
        columns.setdefault("remaining_seats", columns["total_seats"])
        return Flight.objects.create(**columns)

    return make


@pytest.fixture
def flight(make_flight: Callable[..., Flight]) -> Flight:
    return make_flight()
