"""The examples of the API's description are what the services answer.

With UPDATE_EXAMPLES=1 the answers are written down as the examples.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from common.schema_hooks import EXAMPLES
from stack.harness import Answer, Client, LocalStack
from tests.system.conftest import SHORT_TIMES

pytestmark = pytest.mark.system

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# What is another each time, by its name.
VOLATILE = re.compile(r"\w*[iI]d|reference|locator|token|quote|passengers")
BOOK = {
    "noOfSeats": 2,
    "passengers": [
        {"givenNames": "Asha", "surname": "Rao"},
        {"givenNames": "Tara", "surname": "Rao", "type": "CHILD"},
    ],
    "contact": {"email": "asha@example.com", "phone": "+919800000000"},
}


class Notebook:
    """Calls, as they were sent and answered, by the operation that they are examples of."""

    def __init__(self) -> None:
        self.examples: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def note(self, operation: str, name: str, answer: Answer, request: Any = None) -> Any:
        """Note a call; return the body of its answer."""
        example: dict[str, Any] = {"name": name, "status": answer.status}
        if request is not None:
            example["request"] = request
        if answer.body != "":
            example["response"] = answer.body
        self.examples[operation].append(example)
        return answer.body

    def post(
        self, client: Client, path: str, operation: str, name: str, body: Any = None, **headers: str
    ) -> Any:
        return self.note(operation, name, client.post(path, body, **headers), body)

    def get(self, client: Client, path: str, operation: str, name: str) -> Any:
        return self.note(operation, name, client.get(path))


def play(stack: LocalStack) -> dict[str, list[dict[str, Any]]]:
    """A traveller's story, and what staff and services have to do with it."""
    notes = Notebook()
    asha = open_account(stack, notes)
    flight = put_on_sale(stack, notes)
    booking = book_and_pay(asha, flight, notes)
    look_up(stack, booking, notes)
    go_wrong(asha, flight, notes)
    between_services(stack, flight, notes)
    cancel(asha, booking, notes)  # last: its seats are free again after a while
    return dict(notes.examples)


def open_account(stack: LocalStack, notes: Notebook) -> Client:
    stranger = stack.anonymous()
    account = {"username": "asha", "password": "a lotus by the lake"}
    person = account | {"email": "asha@example.com"}
    notes.post(stranger, "auth/register/", "register", "opened", person)
    opened = notes.post(stranger, "auth/login/", "login", "loggedIn", account)
    asha = Client(stack.url, f"Token {opened['token']}")
    notes.get(asha, "auth/me/", "getAccount", "asha")
    return asha


def put_on_sale(stack: LocalStack, notes: Notebook) -> dict[str, Any]:
    admin = stack.login("admin")
    like = admin.get("flights/1/").body
    body = {
        "flightNumber": "SH100",
        "airplaneId": like["airplane"]["id"],
        "departureAirportId": "DEL",
        "arrivalAirportId": "BOM",
        "departureTime": like["departureTime"],
        "arrivalTime": like["arrivalTime"],
        "price": "5000.00",
        "totalSeats": 8,
    }
    flight = notes.post(admin, "flights/", "createFlight", "created", body)
    search = f"flights/?trips=DEL-BOM&tripDate={flight['departureLocalTime'][:10]}&airline=SH"
    notes.get(stack.anonymous(), search, "searchFlights", "found")
    notes.get(stack.anonymous(), f"flights/{flight['id']}/", "getFlight", "found")
    return dict(flight)


def book_and_pay(asha: Client, flight: dict[str, Any], notes: Notebook) -> dict[str, Any]:
    wanted = {"flightId": flight["id"], **BOOK, "expectedPrice": "5000.00"}
    booking = notes.post(
        asha, "bookings/", "createBooking", "initiated", wanted, Idempotency_Key="book-1"
    )
    path = f"bookings/{booking['id']}/"
    declined = {"paymentMethod": "tok_declined"}
    notes.post(
        asha, f"{path}payments/", "payBooking", "declined", declined, Idempotency_Key="pay-1"
    )
    method = {"paymentMethod": "tok_visa", "totalCost": booking["totalCost"]}
    notes.post(asha, f"{path}payments/", "payBooking", "booked", method, Idempotency_Key="pay-2")
    notes.get(asha, path, "getBooking", "booked")
    notes.get(asha, "bookings/", "listBookings", "all")
    return dict(booking)


def look_up(stack: LocalStack, booking: dict[str, Any], notes: Notebook) -> None:
    who = {"locator": booking["locator"], "surname": "Rao"}
    notes.post(stack.anonymous(), "bookings/lookup/", "lookUpBooking", "found", who)


def cancel(asha: Client, booking: dict[str, Any], notes: Notebook) -> None:
    path = f"bookings/{booking['id']}/"
    child = booking["passengers"][1]["id"]
    quote = notes.get(
        asha, f"{path}cancellation/?passengers={child}", "quoteCancellation", "oneOfTwo"
    )
    wanted = {"quote": quote["id"], "passengers": [child]}
    notes.post(asha, f"{path}cancel/", "cancelBooking", "outdated", wanted | {"quote": "old"})
    notes.post(asha, f"{path}cancel/", "cancelBooking", "oneOfTwo", wanted)


def go_wrong(asha: Client, flight: dict[str, Any], notes: Notebook) -> None:
    book = "createBooking"
    notes.post(asha, "bookings/", book, "invalid", {"flightId": flight["id"], "noOfSeats": 0})
    many = {"flightId": flight["id"], "noOfSeats": 9}
    notes.post(asha, "bookings/", book, "tooFewSeats", many, Idempotency_Key="book-2")
    other = many | {"noOfSeats": 1, "userId": 2}
    notes.post(asha, "bookings/", book, "forSomebodyElse", other)


def between_services(stack: LocalStack, flight: dict[str, Any], notes: Notebook) -> None:
    flights, payments = stack.service("flights"), stack.service("payments")
    reference = "b1f7d9ec-6a0f-4f4b-8f5c-0a4f7f0f7a11"
    path = f"flights/{flight['id']}/holds/{reference}/"
    seats = {"noOfSeats": 2, "expiresAt": flight["departureTime"]}
    notes.note("holdSeats", "held", flights.request("PUT", path, seats), seats)
    notes.post(flights, f"{path}confirm/", "confirmHold", "confirmed")
    done = {"holds": [{"flightId": flight["id"], "reference": reference}]}
    notes.post(flights, "holds/release/", "releaseHolds", "released", done)
    money = {
        "reference": reference,
        "amount": "10000.00",
        "currency": "INR",
        "paymentMethod": "tok_visa",
    }
    paid = notes.post(
        payments, "payments/", "authorisePayment", "ready", money, Idempotency_Key="provider-1"
    )
    path = f"payments/{paid['id']}/"
    notes.post(payments, f"{path}capture/", "capturePayment", "captured")
    back = {"amount": "2500.00"}
    notes.post(
        payments, f"{path}refunds/", "refundPayment", "refunded", back, Idempotency_Key="provider-2"
    )


def lasting(value: Any) -> Any:
    """`value` without what is another each time: ids, times, secrets."""
    if isinstance(value, dict):
        return {name: _lasting(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [lasting(inner) for inner in value]
    if isinstance(value, str):
        return "a time" if TIME.fullmatch(value) else value
    return value


def _lasting(name: str, value: Any) -> Any:
    if VOLATILE.fullmatch(name) and not isinstance(value, dict | list):
        return f"some {name}"
    if VOLATILE.fullmatch(name) and value and isinstance(value, list):
        return [lasting(one) if isinstance(one, dict) else f"one of {name}" for one in value]
    return lasting(value)


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    """A stack of its own: what services tell each other here leaves a payment of no booking."""
    with LocalStack(SHORT_TIMES) as running:
        yield running


def test_the_examples_are_what_the_services_answer(stack):
    played = play(stack)
    if os.environ.get("UPDATE_EXAMPLES"):
        EXAMPLES.write_text(json.dumps(played, indent=2, ensure_ascii=False) + "\n")
    committed = json.loads(EXAMPLES.read_text())
    assert played.keys() == committed.keys()
    for operation, calls in played.items():
        assert lasting(calls) == lasting(committed[operation]), operation
