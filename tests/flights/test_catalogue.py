"""The catalogue: what staff write and everybody reads."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from flights import holds
from flights.models import Airline, Airplane, Airport, City, Flight

pytestmark = pytest.mark.django_db


@pytest.fixture
def wanted(airport: Callable[[str], Airport], airplane: Airplane) -> dict[str, Any]:
    airport("DEL")
    airport("BOM")
    return {
        "flightNumber": "UK808",
        "airplaneId": airplane.pk,
        "departureAirportId": "DEL",
        "arrivalAirportId": "BOM",
        "departureTime": "2050-12-24T04:30:00Z",
        "arrivalTime": "2050-12-24T12:10:00+05:30",
        "price": "5000.00",
    }


def take(flight: Flight, seats: int) -> None:
    holds.hold_seats(
        flight_id=flight.pk,
        reference=uuid4(),
        no_of_seats=seats,
        expires_at=timezone.now() + timedelta(minutes=5),
    )


def faults(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [fault["pointer"] for fault in answer.json()["errors"]]


# --- Flights ---


def test_staff_create_a_flight(staff: APIClient, wanted: dict[str, Any]) -> None:
    answer = staff.post("/api/v1/flights/", wanted)
    assert answer.status_code == 201
    flight = answer.json()
    assert (flight["totalSeats"], flight["remainingSeats"]) == (180, 180)
    assert (flight["currency"], flight["boardingGate"]) == ("INR", "")
    assert flight["arrivalTime"] == "2050-12-24T06:40:00Z"
    assert flight["airline"] == "UK"
    assert staff.get(f"/api/v1/flights/{flight['id']}").json() == flight


def test_a_flight_may_have_fewer_seats_than_its_airplane(
    staff: APIClient, wanted: dict[str, Any]
) -> None:
    answer = staff.post("/api/v1/flights/", wanted | {"totalSeats": 20, "boardingGate": "B2"})
    assert (answer.json()["totalSeats"], answer.json()["remainingSeats"]) == (20, 20)
    assert answer.json()["boardingGate"] == "B2"


WRONG = [
    ({"flightNumber": "808"}, "#/flightNumber"),
    ({"flightNumber": "UK0808"}, "#/flightNumber"),
    ({"flightNumber": "UK808 9"}, "#/flightNumber"),
    ({"airplaneId": 10**30}, "#/airplaneId"),
    ({"airplaneId": 0}, "#/airplaneId"),
    ({"airplaneId": "1"}, "#/airplaneId"),
    ({"departureAirportId": "QQQ"}, "#/departureAirportId"),
    ({"departureAirportId": "\0"}, "#/departureAirportId"),
    ({"departureAirportId": {}}, "#/departureAirportId"),
    ({"arrivalAirportId": "DEL"}, "#/arrivalAirportId"),
    ({"departureTime": "2050-12-24T04:30:00"}, "#/departureTime"),
    ({"departureTime": "1850-12-24T04:30:00Z"}, "#/departureTime"),
    ({"arrivalTime": "9999-12-31T23:59:00Z"}, "#/arrivalTime"),
    ({"arrivalTime": "2050-12-24T04:30:00Z"}, "#/arrivalTime"),
    ({"price": "0.00"}, "#/price"),
    ({"price": "-1.00"}, "#/price"),
    ({"price": "1.001"}, "#/price"),
    ({"price": 5000.5}, "#/price"),
    ({"price": "NaN"}, "#/price"),
    ({"price": "1.50", "currency": "JPY"}, "#/price"),
    ({"currency": "XXX"}, "#/currency"),
    ({"currency": "inr"}, "#/currency"),
    ({"totalSeats": 0}, "#/totalSeats"),
    ({"totalSeats": 181}, "#/totalSeats"),
    ({"totalSeats": "20"}, "#/totalSeats"),
    ({"boardingGate": "a gate with a long name"}, "#/boardingGate"),
    ({"remainingSeats": 3}, "#/remainingSeats"),
    ({"status": "CANCELLED"}, "#/status"),
    ({"airline": "BA"}, "#/airline"),
    ({"id": 7}, "#/id"),
]


@pytest.mark.parametrize(("change", "pointer"), WRONG)
def test_a_wrong_field_is_named_on_create(
    staff: APIClient, wanted: dict[str, Any], change: dict[str, Any], pointer: str
) -> None:
    assert faults(staff.post("/api/v1/flights/", wanted | change)) == [pointer]
    assert not Flight.objects.exists()


@pytest.mark.parametrize(("change", "pointer"), WRONG)
def test_a_wrong_field_is_named_on_change(
    staff: APIClient, wanted: dict[str, Any], change: dict[str, Any], pointer: str
) -> None:
    flight = staff.post("/api/v1/flights/", wanted).json()
    assert faults(staff.patch(f"/api/v1/flights/{flight['id']}/", change)) == [pointer]
    assert staff.get(f"/api/v1/flights/{flight['id']}/").json() == flight


def test_every_missing_field_is_named(staff: APIClient, wanted: dict[str, Any]) -> None:
    assert sorted(faults(staff.post("/api/v1/flights/", {}))) == sorted(
        f"#/{name}" for name in wanted
    )


def test_a_currency_without_small_change_takes_whole_prices(
    staff: APIClient, wanted: dict[str, Any]
) -> None:
    answer = staff.post("/api/v1/flights/", wanted | {"price": "5000", "currency": "JPY"})
    assert (answer.status_code, answer.json()["price"]) == (201, "5000")


def test_a_flight_number_departs_once_at_a_time(staff: APIClient, wanted: dict[str, Any]) -> None:
    assert staff.post("/api/v1/flights/", wanted).status_code == 201
    assert faults(staff.post("/api/v1/flights/", wanted)) == ["#/flightNumber"]
    later = {"departureTime": "2050-12-25T04:30:00Z", "arrivalTime": "2050-12-25T06:30:00Z"}
    other_day = staff.post("/api/v1/flights/", wanted | later)
    assert other_day.status_code == 201
    clash = {name: wanted[name] for name in ("departureTime", "arrivalTime")}
    path = f"/api/v1/flights/{other_day.json()['id']}/"
    assert faults(staff.patch(path, clash)) == ["#/flightNumber"]


def test_staff_change_a_flight(staff: APIClient, flight: Flight) -> None:
    take(flight, 30)
    answer = staff.patch(
        f"/api/v1/flights/{flight.pk}/",
        {"price": "4000.50", "totalSeats": 100, "flightNumber": "BA7", "arrivalAirportId": "BOM"},
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["price"], changed["totalSeats"], changed["remainingSeats"]) == (
        "4000.50",
        100,
        70,
    )
    assert (changed["flightNumber"], changed["airline"]) == ("BA7", "BA")


def test_total_seats_do_not_fall_below_what_is_held(staff: APIClient, flight: Flight) -> None:
    take(flight, 30)
    answer = staff.patch(f"/api/v1/flights/{flight.pk}/", {"totalSeats": 29})
    assert (answer.status_code, answer.json()["code"]) == (409, "seats_held")
    assert answer.json()["heldSeats"] == 30


def test_a_smaller_airplane_needs_fewer_seats(staff: APIClient, flight: Flight) -> None:
    small = Airplane.objects.create(model_number="ATR 72", capacity=70)
    path = f"/api/v1/flights/{flight.pk}/"
    assert faults(staff.patch(path, {"airplaneId": small.pk})) == ["#/totalSeats"]
    answer = staff.patch(path, {"airplaneId": small.pk, "totalSeats": 70})
    assert answer.json()["airplane"]["capacity"] == 70


def test_staff_cancel_a_flight(staff: APIClient, flight: Flight) -> None:
    path = f"/api/v1/flights/{flight.pk}/cancel/"
    answers = [staff.post(path) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["status"] == "CANCELLED"


def test_a_departed_flight_is_not_cancelled(
    staff: APIClient, make_flight: Callable[..., Flight]
) -> None:
    flight = make_flight(departure_time=timezone.now() - timedelta(hours=1))
    answer = staff.post(f"/api/v1/flights/{flight.pk}/cancel/")
    assert (answer.status_code, answer.json()["code"]) == (409, "flight_departed")


def test_a_flight_is_deleted_unless_seats_are_held(staff: APIClient, flight: Flight) -> None:
    take(flight, 1)
    path = f"/api/v1/flights/{flight.pk}/"
    answer = staff.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "flight_in_use")
    holds.release_holds(references=flight.holds.values_list("reference", flat=True))
    assert staff.delete(path).status_code == 204
    assert staff.delete(path).status_code == 404


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
@pytest.mark.parametrize("pk", ["1", str(2**63), "9" * 30])
def test_an_unknown_flight_is_a_404(staff: APIClient, method: str, pk: str) -> None:
    answer = getattr(staff, method)(f"/api/v1/flights/{pk}/")
    assert (answer.status_code, answer.json()["code"]) == (404, "flight_not_found")


# --- Cities, airports, airlines, airplanes ---

CATALOGUE: dict[str, dict[str, Any]] = {
    "cities": {"name": "Goa", "country": "India"},
    "airports": {"code": "GOI", "name": "Dabolim", "timeZone": "Asia/Kolkata"},
    "airlines": {"code": "UK", "name": "Vistara"},
    "airplanes": {"modelNumber": "ATR 72", "capacity": 70},
}


@pytest.fixture
def catalogue() -> dict[str, dict[str, Any]]:
    city = City.objects.create(name="Delhi", country="India")
    return CATALOGUE | {"airports": CATALOGUE["airports"] | {"cityId": city.pk}}


@pytest.mark.parametrize("kind", CATALOGUE)
def test_staff_look_after_the_catalogue(
    staff: APIClient, catalogue: dict[str, dict[str, Any]], kind: str
) -> None:
    made = staff.post(f"/api/v1/{kind}/", catalogue[kind])
    assert made.status_code == 201
    assert made.json().items() >= catalogue[kind].items()
    path = f"/api/v1/{kind}/{made.json().get('id') or made.json()['code']}/"
    assert staff.get(path).json() == made.json()
    field = "modelNumber" if kind == "airplanes" else "name"
    assert staff.patch(path, {field: "New"}).json() == made.json() | {field: "New"}
    assert made.json()[field] not in str(staff.get(f"/api/v1/{kind}/").json())
    assert staff.delete(path).status_code == 204
    assert staff.get(path).status_code == 404


@pytest.mark.parametrize("kind", CATALOGUE)
def test_what_exists_is_not_made_twice(
    staff: APIClient, catalogue: dict[str, dict[str, Any]], kind: str
) -> None:
    staff.post(f"/api/v1/{kind}/", catalogue[kind])
    first_field = "#/" + next(iter(catalogue[kind]))
    assert faults(staff.post(f"/api/v1/{kind}/", catalogue[kind])) == [first_field]


@pytest.mark.parametrize("kind", [*CATALOGUE, "flights"])
@pytest.mark.parametrize(
    ("client", "status"), [("anyone", 401), ("traveller", 403), ("service", 403)]
)
def test_only_staff_write(
    request: pytest.FixtureRequest, flight: Flight, kind: str, client: str, status: int
) -> None:
    stranger: APIClient = request.getfixturevalue(client)
    keys = {"airports": "DEL", "airlines": "UK", "cities": flight.departure_airport.city_id}
    path = f"/api/v1/{kind}/{keys.get(kind, flight.pk)}/"
    answers = [
        stranger.post(f"/api/v1/{kind}/", {}),
        stranger.patch(path, {}),
        stranger.delete(path),
    ]
    assert [answer.status_code for answer in answers] == [status] * 3
    assert stranger.get(f"/api/v1/{kind}/").status_code == 200


@pytest.mark.parametrize(("client", "status"), [("anyone", 401), ("traveller", 403)])
def test_only_staff_cancel_flights(
    request: pytest.FixtureRequest, flight: Flight, client: str, status: int
) -> None:
    stranger: APIClient = request.getfixturevalue(client)
    assert stranger.post(f"/api/v1/flights/{flight.pk}/cancel/").status_code == status
    flight.refresh_from_db()
    assert flight.status == "SCHEDULED"


def test_what_is_in_use_is_not_deleted(staff: APIClient, flight: Flight) -> None:
    paths = [
        f"cities/{flight.departure_airport.city_id}/",
        "airports/DEL/",
        "airports/BOM/",
        f"airplanes/{flight.airplane_id}/",
    ]
    for path in paths:
        answer = staff.delete(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (409, "in_use")


def test_a_capacity_does_not_fall_below_what_is_on_sale(
    staff: APIClient, flight: Flight, airplane: Airplane
) -> None:
    path = f"/api/v1/airplanes/{airplane.pk}/"
    answer = staff.patch(path, {"capacity": 179})
    assert (answer.status_code, answer.json()["code"]) == (409, "capacity_in_use")
    assert staff.patch(path, {"capacity": 180}).status_code == 200
    holds.cancel_flight(flight_id=flight.pk)
    assert staff.patch(path, {"capacity": 179}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "change", "pointer"),
    [
        ("airports", {"code": "go"}, "#/code"),
        ("airports", {"code": "GO1"}, "#/code"),
        ("airports", {"timeZone": "Mars/Olympus"}, "#/timeZone"),
        ("airports", {"timeZone": "../etc/passwd"}, "#/timeZone"),
        ("airports", {"cityId": 0}, "#/cityId"),
        ("airports", {"latitude": 91}, "#/latitude"),
        ("airlines", {"code": "12"}, "#/code"),
        ("airplanes", {"capacity": 0}, "#/capacity"),
        ("airplanes", {"capacity": 1001}, "#/capacity"),
        ("cities", {"name": ""}, "#/name"),
        ("cities", {"name": "x" * 101}, "#/name"),
        ("cities", {"population": 5}, "#/population"),
    ],
)
def test_a_wrong_field_of_the_catalogue_is_named(
    staff: APIClient,
    catalogue: dict[str, dict[str, Any]],
    kind: str,
    change: dict[str, Any],
    pointer: str,
) -> None:
    assert faults(staff.post(f"/api/v1/{kind}/", catalogue[kind] | change)) == [pointer]


@pytest.mark.parametrize("kind", ["airports", "airlines"])
def test_a_code_is_for_good(
    staff: APIClient, catalogue: dict[str, dict[str, Any]], kind: str
) -> None:
    code = staff.post(f"/api/v1/{kind}/", catalogue[kind]).json()["code"]
    assert faults(staff.patch(f"/api/v1/{kind}/{code}/", {"code": "ZZZ"[: len(code)]})) == [
        "#/code"
    ]
    assert staff.patch(f"/api/v1/{kind}/{code}/", {"code": code}).status_code == 200
    assert (Airport if kind == "airports" else Airline).objects.count() == 1


@pytest.mark.parametrize("path", ["airports/D%00L/", "airports/del/", "airlines/__/", "cities/x/"])
def test_an_odd_key_is_a_404(anyone: APIClient, path: str) -> None:
    assert anyone.get(f"/api/v1/{path}").status_code == 404


def test_catalogue_answers_may_be_kept_for_a_while(anyone: APIClient, flight: Flight) -> None:
    first = anyone.get("/api/v1/airports/DEL/")
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = anyone.get("/api/v1/airports/DEL/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_errors_are_not_kept(anyone: APIClient) -> None:
    assert anyone.get("/api/v1/airports/?colour=blue").headers["Cache-Control"] == "no-store"
