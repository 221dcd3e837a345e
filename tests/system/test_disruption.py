"""A flight with 500 bookings is cancelled, and whoever puts that right is killed, three times."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from stack.harness import Client, LocalStack
from tests.system.test_booking import pay, until

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]

BOOKINGS = 500
ROOM = 150  # on each of two other flights


def make_flight(admin: Client, seats: int, hours: int) -> int:
    like = admin.get("flights/1/").body
    leaves = datetime.fromisoformat(like["departureTime"]) + timedelta(days=40, hours=hours)
    body = {
        "flightNumber": f"ZD{uuid4().int % 9999 + 1}",
        "airplaneId": like["airplane"]["id"],
        "departureAirportId": "DEL",
        "arrivalAirportId": "BOM",
        "departureTime": leaves.isoformat(),
        "arrivalTime": (leaves + timedelta(hours=2)).isoformat(),
        "price": "5000.00",
        "totalSeats": seats,
    }
    answer = admin.post("flights/", body)
    assert answer.status == 201, answer
    return int(answer.body["id"])


def bookings_of(admin: Client, flight_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = f"bookings/?flightId={flight_id}&limit=200"
    while path:
        page = admin.get(path).body
        found += page["results"]
        path = page["next"] and "/" + page["next"].split("/", 3)[3]
    return found


@pytest.fixture
def airplane(stack: LocalStack) -> None:
    """Flight 1's airplane, large enough for everybody."""
    admin = stack.login("admin")
    like = admin.get("flights/1/").body["airplane"]["id"]
    answer = admin.request("PATCH", f"airplanes/{like}/", {"capacity": 600})
    assert answer.status == 200, answer


def test_everybody_is_rebooked_or_refunded_once_and_told_once(
    stack: LocalStack, airplane: None
) -> None:
    admin, traveller = stack.login("admin"), stack.login("traveller")
    flight = make_flight(admin, BOOKINGS, 0)
    others = [make_flight(admin, ROOM, hours) for hours in (3, 6)]

    def book(number: int) -> int:
        created = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 1})
        assert created.status == 201, created
        paid = pay(traveller, created.body["id"])
        assert paid.status == 200, paid
        return int(created.body["id"])

    with ThreadPoolExecutor(4) as pool:
        booked = set(pool.map(book, range(BOOKINGS)))
    assert admin.post(f"flights/{flight}/cancel/").status == 200

    # --days 0: other tests' flights of this route must not help.
    command = ("handle_disruption", str(flight), "--days", "0", "--yes")

    def rebooked() -> int:
        left = (admin.get(f"flights/{other}/").body["remainingSeats"] for other in others)
        return 2 * ROOM - sum(left)

    for part in (100, 200, 300):  # the third dies among the refunds
        process = stack.begin(*command)
        until(lambda: rebooked() >= part, True, seconds=120)  # noqa: B023
        assert process.poll() is None, "it was to die at work"
        process.kill()
        process.communicate()

    last = stack.begin(*command)
    out, err = last.communicate(timeout=300)
    assert last.returncode == 0, out + err

    moved = [b for other in others for b in bookings_of(admin, other)]
    refunded = bookings_of(admin, flight)
    assert {b["id"] for b in moved} | {b["id"] for b in refunded} == booked
    # Seats that a killed run had in hand were not to be had for a moment: at most one each time.
    assert 2 * ROOM - 3 <= len(moved) <= 2 * ROOM
    assert {b["status"] for b in moved} == {"BOOKED"}
    reasons = Counter((b["status"], b["cancellationReason"]) for b in refunded)
    assert reasons == {("CANCELLED", "FLIGHT_CANCELLED"): BOOKINGS - len(moved)}
    until(rebooked, len(moved), seconds=60)
    until(lambda: admin.get(f"flights/{flight}/").body["remainingSeats"], BOOKINGS)

    def kept() -> set[str]:
        """What is left, of each payment, for the bookings that were cancelled."""
        return {
            str(float(p["amount"]) - float(p["amountRefunded"]))
            for b in bookings_of(admin, flight)
            for p in b["payments"]
            if p["status"] != "VOIDED"
        }

    until(lambda: kept() <= {"0.0"}, True, seconds=60)
    told = stack.manage("shell", "--verbosity", "0", "--command", COUNT_TOLD.format(sorted(booked)))
    assert told.stdout.strip() == str({1: BOOKINGS}), told.stderr
    audit = stack.manage("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr


# How many bookings were told how often of what became of their flight.
COUNT_TOLD = """
from collections import Counter
from bookings.models import Message
kinds = ("REBOOKED", "CANCELLED")
told = Message.objects.filter(booking_id__in={}, kind__in=kinds)
print(dict(Counter(Counter(told.values_list("booking_id", flat=True)).values())))
"""
