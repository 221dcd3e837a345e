"""Staff's pages: they look at seats, and change them through holds alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from flights import holds
from flights.models import Airline, Airplane, Airport, Flight, SeatHold

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", password="correct horse"))
    return client


@pytest.fixture
def held(flight: Flight) -> SeatHold:
    return holds.hold_seats(
        flight_id=flight.pk,
        reference=uuid4(),
        no_of_seats=30,
        expires_at=timezone.now() + timedelta(minutes=5),
    ).hold


def form(flight: Flight, **changes: Any) -> dict[str, Any]:
    fields = {
        "flight_number": flight.flight_number,
        "airplane": flight.airplane_id,
        "departure_airport": flight.departure_airport_id,
        "arrival_airport": flight.arrival_airport_id,
        "departure_time_0": f"{flight.departure_time:%Y-%m-%d}",
        "departure_time_1": f"{flight.departure_time:%H:%M}",
        "arrival_time_0": f"{flight.arrival_time:%Y-%m-%d}",
        "arrival_time_1": f"{flight.arrival_time:%H:%M}",
        "price": flight.price,
        "currency": flight.currency,
        "boarding_gate": flight.boarding_gate,
        "fare": flight.fare,
        "holds-TOTAL_FORMS": 0,
        "holds-INITIAL_FORMS": 0,
    }
    return fields | changes


@pytest.mark.parametrize("model", ["city", "airport", "airline", "airplane", "flight", "seathold"])
def test_lists_and_pages_open_and_search(page: Client, held: SeatHold, model: str) -> None:
    Airline.objects.create(code="UK", name="Vistara")
    listed = page.get(reverse(f"admin:flights_{model}_changelist"), {"q": "UK1"})
    assert listed.status_code == 200
    keys = {
        "airport": "DEL",
        "airline": "UK",
        "seathold": held.pk,
        "flight": held.flight_id,
        "airplane": held.flight.airplane_id,
        "city": held.flight.departure_airport.city_id,
    }
    assert page.get(reverse(f"admin:flights_{model}_change", args=[keys[model]])).status_code == 200


@pytest.mark.parametrize(
    ("question", "found"), [("UK1", True), ("DEL", True), ("DEL BOM", True), ("BA1", False)]
)
def test_flights_are_found_by_number_and_airports(
    page: Client, flight: Flight, question: str, found: bool
) -> None:
    answer = page.get(reverse("admin:flights_flight_changelist"), {"q": question})
    assert (flight in answer.context["cl"].result_list) is found


def test_a_new_flight_has_all_its_seats(page: Client, flight: Flight) -> None:
    answer = page.post(
        reverse("admin:flights_flight_add"),
        form(flight, flight_number="UK999", total_seats=100, remaining_seats=5),
    )
    assert answer.status_code == 302
    made = Flight.objects.get(flight_number="UK999")
    assert (made.total_seats, made.remaining_seats, made.status) == (100, 100, "SCHEDULED")


def test_a_wrong_flight_is_refused_by_field(page: Client, flight: Flight) -> None:
    answer = page.post(
        reverse("admin:flights_flight_add"),
        form(flight, flight_number="808", arrival_airport="DEL", currency="XXX", total_seats=181),
    )
    errors = answer.context["adminform"].form.errors
    assert set(errors) == {"flight_number", "currency", "arrival_airport", "total_seats"}


def test_an_airplane_that_is_too_small_is_refused_by_field(page: Client, flight: Flight) -> None:
    small = Airplane.objects.create(model_number="ATR 72", capacity=70)
    url = reverse("admin:flights_flight_change", args=[flight.pk])
    answer = page.post(url, form(flight, airplane=small.pk))
    assert answer.context["adminform"].form.errors == {"airplane": ["It has 70 seats: too few."]}


def test_saving_a_form_keeps_the_seats_that_were_sold_meanwhile(
    page: Client, flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sell(checked: Flight) -> None:
        """Somebody takes seats after the page has read the flight, and before it writes it."""
        holds.hold_seats(
            flight_id=flight.pk,
            reference=uuid4(),
            no_of_seats=30,
            expires_at=timezone.now() + timedelta(minutes=5),
        )

    monkeypatch.setattr(Flight, "clean", sell)
    answer = page.post(
        reverse("admin:flights_flight_change", args=[flight.pk]),
        form(flight, price="4000", total_seats=1, remaining_seats=180, status="CANCELLED"),
    )
    assert answer.status_code == 302
    flight.refresh_from_db()
    assert flight.price == 4000
    assert (flight.remaining_seats, flight.total_seats) == (150, 180)
    assert flight.status == "SCHEDULED"


def test_the_action_cancels_flights_that_have_not_left(
    page: Client, make_flight: Callable[..., Flight]
) -> None:
    coming, gone = make_flight(), make_flight(departure_time=timezone.now() - timedelta(days=1))
    answer = page.post(
        reverse("admin:flights_flight_changelist"),
        {"action": "cancel_flights", "_selected_action": [coming.pk, gone.pk]},
        follow=True,
    )
    messages = [str(message) for message in answer.context["messages"]]
    assert messages == [f"{gone} has departed.", "1 flights are cancelled."]
    coming.refresh_from_db()
    gone.refresh_from_db()
    assert (coming.status, gone.status) == ("CANCELLED", "SCHEDULED")


def test_a_flight_is_deleted_only_without_holds(page: Client, held: SeatHold) -> None:
    path = reverse("admin:flights_flight_delete", args=[held.flight_id])
    page.post(path, {"post": "yes"})
    assert Flight.objects.filter(pk=held.flight_id).exists()
    SeatHold.objects.all().delete()
    assert page.post(path, {"post": "yes"}).status_code == 302
    assert not Flight.objects.filter(pk=held.flight_id).exists()


@pytest.mark.parametrize("name", ["add", "change", "delete"])
def test_holds_are_only_looked_at(page: Client, held: SeatHold, name: str) -> None:
    args = [] if name == "add" else [held.pk]
    answer = page.post(reverse(f"admin:flights_seathold_{name}", args=args), {"post": "yes"})
    assert answer.status_code == 403


@pytest.mark.parametrize(("model", "key"), [("airport", "DEL"), ("airplane", None)])
def test_the_catalogue_is_not_deleted_here(
    page: Client, flight: Flight, model: str, key: str | None
) -> None:
    path = reverse(f"admin:flights_{model}_delete", args=[key or flight.airplane_id])
    assert page.post(path, {"post": "yes"}).status_code == 403
    assert Airport.objects.filter(code="DEL").exists()
    assert Airplane.objects.exists()
