"""The main job on real processes: hold, pay or expire, and what a crash leaves behind."""

import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Any
from uuid import uuid4

import pytest

from stack.harness import Answer, Client, LocalStack

pytestmark = pytest.mark.system


@pytest.fixture
def traveller(stack: LocalStack) -> Client:
    return stack.login("traveller")


@pytest.fixture
def flight(stack: LocalStack) -> Iterator[int]:
    """A flight of 10 seats of its own."""
    admin = stack.login("admin")
    like = admin.get("flights/1/").body
    body = {
        "flightNumber": f"ZZ{uuid4().int % 9999 + 1}",
        "airplaneId": like["airplane"]["id"],
        "departureAirportId": like["departureAirport"]["code"],
        "arrivalAirportId": like["arrivalAirport"]["code"],
        "departureTime": like["departureTime"],
        "arrivalTime": like["arrivalTime"],
        "price": "5000.00",
        "totalSeats": 10,
    }
    answer = admin.post("flights/", body)
    assert answer.status == 201, answer
    yield answer.body["id"]
    # What a test has broken is the next one's surprise: nothing may be left in doubt.
    audit = stack.manage("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def seats_left(stack: LocalStack, flight_id: int) -> int:
    return int(stack.anonymous().get(f"flights/{flight_id}/").body["remainingSeats"])


def pay(client: Client, booking_id: int, method: str = "tok_visa", key: str = "") -> Answer:
    path = f"bookings/{booking_id}/payments/"
    return client.post(path, {"paymentMethod": method}, Idempotency_Key=key or uuid4().hex)


def until(read: Callable[[], Any], wanted: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while (value := read()) != wanted:
        assert time.monotonic() < deadline, f"{value}, not {wanted}, after {seconds} s"
        time.sleep(0.05)


def test_a_booking_rolls_back_when_seats_are_short(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    assert traveller.post("bookings/", {"flightId": flight, "noOfSeats": 8}).status == 201
    answer = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 3})
    assert (answer.status, answer.body["code"]) == (409, "seats_unavailable")
    assert answer.body["remainingSeats"] == 2
    assert seats_left(stack, flight) == 2
    assert len(traveller.get(f"bookings/?flightId={flight}").body["results"]) == 1


def test_a_booking_commits_is_paid_and_is_booked(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    created = traveller.post("bookings/", {"flightId": flight, "userId": 2, "noOfSeats": 5})
    assert (created.status, created.body["status"]) == (201, "INITIATED")
    paid = pay(traveller, created.body["id"])
    assert (paid.status, paid.body["status"]) == (200, "BOOKED")
    assert paid.body["payments"][0]["status"] == "CAPTURED"
    reference = created.body["reference"]
    found = stack.service("payments").get(f"payments/?reference={reference}").body["results"]
    assert [(p["status"], p["amount"]) for p in found] == [("SUCCEEDED", "25000.00")]
    until(lambda: seats_left(stack, flight), 5)


def test_a_booking_rolls_back_while_the_flights_service_is_down(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    stack.stop("flights")
    try:
        answer = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 2})
    finally:
        stack.start("flights")
    assert (answer.status, answer.body["code"]) == (503, "flights_unavailable")
    assert answer.headers["Retry-After"]
    assert seats_left(stack, flight) == 10
    assert traveller.get(f"bookings/?flightId={flight}").body["results"] == []


def test_an_unpaid_booking_expires_and_its_seats_are_back(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    created = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 5})
    path = f"bookings/{created.body['id']}/"
    assert seats_left(stack, flight) == 5
    until(lambda: traveller.get(path).body["cancellationReason"], "TIMEDOUT")
    until(lambda: seats_left(stack, flight), 10)
    late = pay(traveller, created.body["id"])
    assert (late.status, late.body["code"]) == (409, "booking_expired")


@pytest.mark.parametrize(
    ("method", "status", "said"),
    [
        ("tok_visa", 200, "BOOKED"),
        ("tok_declined", 402, "payment_declined"),
        ("tok_insufficient_funds", 402, "payment_declined"),
        ("tok_error_once", 200, "BOOKED"),
        ("tok_slow", 200, "BOOKED"),
        ("tok_timeout", 503, "payments_unavailable"),
        ("tok_capture_fails", 409, "booking_cancelled"),
        ("tok_nonsense", 400, "validation_error"),
    ],
)
def test_every_test_method_ends_as_the_contract_says(
    stack: LocalStack, traveller: Client, flight: int, method: str, status: int, said: str
) -> None:
    created = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 1})
    answer = pay(traveller, created.body["id"], method)
    assert (answer.status, answer.body.get("code") or answer.body["status"]) == (status, said)


def test_a_payment_whose_answer_came_too_late_is_booked_by_the_reconciler(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    created = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 1})
    path = f"bookings/{created.body['id']}/"
    assert pay(traveller, created.body["id"], "tok_timeout", key="late").status == 503
    assert pay(traveller, created.body["id"], "tok_timeout", key="late").status == 409
    until(lambda: traveller.get(path).body["status"], "BOOKED", seconds=60)
    again = pay(traveller, created.body["id"], "tok_timeout", key="late")
    assert (again.status, again.headers.get("Idempotency-Replayed")) == (200, "true")


def test_cancelling_a_paid_booking_gives_seats_and_money_back(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    created = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 4})
    path = f"bookings/{created.body['id']}/"
    pay(traveller, created.body["id"])
    assert traveller.post(f"{path}cancel/").body["status"] == "CANCELLED"
    until(lambda: seats_left(stack, flight), 10)
    until(lambda: traveller.get(path).body["payments"][0]["status"], "REFUNDED")


def test_the_last_seats_are_sold_once_however_many_want_them(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    answers = []

    def book() -> None:
        answers.append(traveller.post("bookings/", {"flightId": flight, "noOfSeats": 1}).status)

    threads = [threading.Thread(target=book) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count(201), answers.count(409)) == (10, 20)
    assert seats_left(stack, flight) == 0


class Travellers:
    """Book, and pay or cancel, until stopped; remember what they were told is BOOKED."""

    def __init__(self, client: Client, flight_id: int) -> None:
        self.client = client
        self.order = {"flightId": flight_id, "noOfSeats": 1}
        self.told: set[int] = set()
        self.stopped = threading.Event()

    def run(self, pays: bool) -> None:
        while not self.stopped.is_set():
            try:
                self._once(pays)
            except (OSError, HTTPException):
                time.sleep(0.05)  # the process that was asked has just been killed

    def _once(self, pays: bool) -> None:
        created = self.client.post("bookings/", self.order)
        if created.status != 201:
            return
        if not pays or len(self.told) > 5:
            self.client.post(f"bookings/{created.body['id']}/cancel/")
        elif pay(self.client, created.body["id"]).status == 200:
            self.told.add(created.body["id"])


def test_killing_each_process_in_turn_under_load_loses_nothing(
    stack: LocalStack, traveller: Client, flight: int
) -> None:
    travellers = Travellers(traveller, flight)
    threads = [threading.Thread(target=travellers.run, args=(n % 2 == 0,)) for n in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: bool(travellers.told), True)
    for victim in ("bookings", "flights", "payments", "worker", "beat", "database", "broker"):
        stack.kill(victim)
        for service in ("bookings", "flights", "payments"):
            stack.wait_ready(service)
    travellers.stopped.set()
    for thread in threads:
        thread.join()
    until(lambda: len(bookings_of(stack, flight, "INITIATED")), 0, seconds=90)
    booked = bookings_of(stack, flight, "BOOKED")
    assert travellers.told <= booked, "nobody was told BOOKED who is not"
    until(lambda: seats_left(stack, flight), 10 - len(booked), seconds=90)


def bookings_of(stack: LocalStack, flight_id: int, status: str) -> set[int]:
    path = f"bookings/?flightId={flight_id}&status={status}&limit=200"
    return {booking["id"] for booking in stack.login("admin").get(path).body["results"]}
