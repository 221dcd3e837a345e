from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from common.wire import to_wire_time
from flights.models import Flight, SeatHold

pytestmark = pytest.mark.django_db


def wanted(seats: int = 2, minutes: float = 5) -> dict[str, Any]:
    expires_at = timezone.now() + timedelta(minutes=minutes)
    return {"noOfSeats": seats, "expiresAt": to_wire_time(expires_at)}


@pytest.fixture
def path(flight: Flight) -> str:
    return f"/api/v1/flights/{flight.pk}/holds/{uuid4()}/"


def test_put_answers_201_then_200_with_what_was_sold(
    service: APIClient, path: str, flight: Flight
) -> None:
    body = wanted(seats=3)
    first, again = service.put(path, body), service.put(path, body)
    assert (first.status_code, again.status_code) == (201, 200)
    held = first.json()
    assert held["reference"] == path.split("/")[-2]
    assert held["expiresAt"] == body["expiresAt"]
    assert (held["flightId"], held["noOfSeats"], held["status"]) == (flight.pk, 3, "HELD")
    assert (held["price"], held["currency"]) == ("5000.00", "INR")
    assert held["flight"]["departureAirport"]["code"] == "DEL"
    assert held["flight"]["remainingSeats"] == 177
    assert again.json() == held


def test_put_refuses_other_seats_under_the_same_reference(service: APIClient, path: str) -> None:
    service.put(path, wanted(2))
    answer = service.put(path, wanted(3))
    assert (answer.status_code, answer.json()["code"]) == (409, "hold_conflict")


def test_put_says_how_many_seats_remain(
    service: APIClient, make_flight: Callable[..., Flight]
) -> None:
    flight = make_flight(total_seats=3)
    answer = service.put(f"/api/v1/flights/{flight.pk}/holds/{uuid4()}/", wanted(4))
    assert (answer.status_code, answer.json()["code"]) == (409, "seats_unavailable")
    assert answer.json()["remainingSeats"] == 3
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_put_refuses_closed_and_unknown_flights(
    service: APIClient, path: str, flight: Flight
) -> None:
    unknown = service.put(f"/api/v1/flights/{flight.pk + 1}/holds/{uuid4()}/", wanted())
    assert (unknown.status_code, unknown.json()["code"]) == (404, "flight_not_found")
    Flight.objects.update(status="CANCELLED")
    closed = service.put(path, wanted())
    assert (closed.status_code, closed.json()["code"]) == (409, "flight_closed")


def test_put_refuses_an_expiry_in_the_past(service: APIClient, path: str) -> None:
    answer = service.put(path, wanted(minutes=-1))
    assert (answer.status_code, answer.json()["code"]) == (409, "hold_expired")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"noOfSeats": 0}, "#/noOfSeats"),
        ({"noOfSeats": "2"}, "#/noOfSeats"),
        ({"noOfSeats": 10**30}, "#/noOfSeats"),
        ({"expiresAt": "soon"}, "#/expiresAt"),
        ({"expiresAt": "2030-01-01T00:00:00"}, "#/expiresAt"),
        ({"price": "1.00"}, "#/price"),
    ],
)
def test_put_names_the_field_at_fault(
    service: APIClient, path: str, change: dict[str, Any], pointer: str
) -> None:
    answer = service.put(path, wanted() | change)
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert not SeatHold.objects.exists()


def test_confirm_answers_200_as_often_as_asked(service: APIClient, path: str) -> None:
    service.put(path, wanted())
    answers = [service.post(f"{path}confirm/") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["status"] == "CONFIRMED"


def test_confirm_refuses_released_and_unknown_holds(service: APIClient, path: str) -> None:
    unknown = service.post(f"{path}confirm/")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "hold_not_found")
    service.put(path, wanted())
    service.delete(path)
    released = service.post(f"{path}confirm/")
    assert (released.status_code, released.json()["code"]) == (409, "hold_released")
    again = service.put(path, wanted())
    assert (again.status_code, again.json()["code"]) == (409, "hold_released")


def test_delete_answers_204_for_held_released_and_unknown(service: APIClient, path: str) -> None:
    assert service.delete(path).status_code == 204
    service.put(path, wanted())
    assert [service.delete(path).status_code for _ in range(2)] == [204, 204]


def test_delete_leaves_a_confirmed_hold_alone(service: APIClient, path: str) -> None:
    service.put(path, wanted())
    service.post(f"{path}confirm/")
    answer = service.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "hold_confirmed")
    assert SeatHold.objects.get().status == "CONFIRMED"


def test_release_counts_what_was_live(service: APIClient, path: str, flight: Flight) -> None:
    service.put(path, wanted())
    service.post(f"{path}confirm/")
    body = {
        "holds": [
            {"flightId": flight.pk, "reference": path.split("/")[-2]},
            {"flightId": flight.pk, "reference": str(uuid4())},
        ]
    }
    answers = [service.post("/api/v1/holds/release/", body) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"released": 1}, {"released": 0}]
    flight.refresh_from_db()
    assert flight.remaining_seats == 180


def test_release_wants_some_holds(service: APIClient) -> None:
    answer = service.post("/api/v1/holds/release/", {"holds": []})
    assert answer.status_code == 400


def test_holds_are_listed_by_status_and_flight(
    service: APIClient, path: str, make_flight: Callable[..., Flight]
) -> None:
    other = make_flight()
    service.put(path, wanted())
    service.post(f"{path}confirm/")
    second = str(uuid4())
    service.put(f"/api/v1/flights/{other.pk}/holds/{second}/", wanted())

    def listed(query: str) -> list[str]:
        answer = service.get(f"/api/v1/holds/?{query}")
        return [hold["reference"] for hold in answer.json()["results"]]

    first = path.split("/")[-2]
    assert sorted(listed("")) == sorted([first, second])
    assert listed("status=CONFIRMED") == [first]
    assert listed(f"flightId={other.pk}") == [second]
    assert listed(f"flightId={other.pk}&status=CONFIRMED") == []
    assert service.get("/api/v1/holds/?status=LOST").status_code == 400


@pytest.mark.parametrize(
    ("client", "status"), [("anyone", 401), ("traveller", 403), ("staff", 403)]
)
def test_only_services_touch_holds(
    request: pytest.FixtureRequest, path: str, client: str, status: int
) -> None:
    stranger: APIClient = request.getfixturevalue(client)
    answers = [
        stranger.put(path, wanted()),
        stranger.post(f"{path}confirm/"),
        stranger.delete(path),
        stranger.get("/api/v1/holds/"),
        stranger.post("/api/v1/holds/release/", {"holds": []}),
    ]
    assert [answer.status_code for answer in answers] == [status] * 5
    assert not SeatHold.objects.exists()


def test_a_wrong_secret_is_a_401_that_says_how_to_prove_oneself(
    anyone: APIClient, path: str
) -> None:
    anyone.credentials(HTTP_AUTHORIZATION="Service not-a-secret-of-ours")
    answer = anyone.put(path, wanted())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"]


def test_the_older_of_two_secrets_is_accepted(anyone: APIClient, path: str) -> None:
    anyone.credentials(HTTP_AUTHORIZATION="Service tests-older-service-secret")
    assert anyone.put(path, wanted()).status_code == 201


def test_a_hold_shrinks_and_lasts_longer_for_services_alone(
    service: APIClient, staff: APIClient, path: str
) -> None:
    service.put(path, wanted(seats=3))
    assert service.post(f"{path}shrink/", {"noOfSeats": 2}).json()["noOfSeats"] == 2
    until = wanted(minutes=60)["expiresAt"]
    assert service.post(f"{path}extend/", {"expiresAt": until}).json()["expiresAt"] == until
    for what, body in (("shrink", {"noOfSeats": 1}), ("extend", {"expiresAt": until})):
        assert staff.post(f"{path}{what}/", body).status_code == 403
        assert APIClient().post(f"{path}{what}/", body).status_code == 401
    assert service.post(f"{path}shrink/", {"noOfSeats": 0}).status_code == 400
