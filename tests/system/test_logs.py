"""The log of a real run tells what was done, and nobody's secrets."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stack.harness import Answer, Client, LocalStack
from tests.threads import wait_until

pytestmark = pytest.mark.system

PERSON = {"username": "unmistakable", "email": "unmistakable@example.com"}
PASSWORDS = ["Zanzibar-Xylophone-1", "Zanzibar-Xylophone-2"]
PASSENGER = {"givenNames": "Quillabelle", "surname": "Featherstonehaugh", "type": "ADULT"}
CONTACT = {"email": "quilla@mail.example.com", "phone": "+4915112345678"}


@dataclass
class Run:
    """A stack in which somebody registered, logged in, booked, paid and cancelled."""

    stack: LocalStack
    secrets: list[str]
    booking: dict[str, Any]

    def lines(self) -> list[dict[str, Any]]:
        """What the programs have logged, each line with the name of its program."""
        found = re.findall(r"^\W*(\w+)\W+?(\{\"timestamp\".*\})$", self.stack.logs(), re.M)
        return [{"program": program, **json.loads(line)} for program, line in found]

    def of_request(self, request_id: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line["request_id"] == request_id]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    # Mail goes nowhere: the local stack would print it beside the log.
    with LocalStack(env={"LOG_FORMAT": "json", "EMAIL_URL": "dummymail://"}) as stack:
        yield live_through(stack)


def live_through(stack: LocalStack) -> Run:
    anyone = stack.anonymous()
    registered = anyone.post("auth/register/", {**PERSON, "password": PASSWORDS[0]})
    assert registered.status == 201, registered
    wrong = {"username": PERSON["username"], "password": PASSWORDS[1]}
    assert anyone.post("auth/login/", wrong).status == 401
    logged_in = anyone.post("auth/login/", {**wrong, "password": PASSWORDS[0]})
    tokens = [registered.body["token"], logged_in.body["token"]]
    traveller = Client(stack.url, f"Token {tokens[1]}")
    order = {"flightId": 1, "noOfSeats": 1, "passengers": [PASSENGER], "contact": CONTACT}
    created = traveller.post("bookings/", order, X_Request_ID="run-create")
    assert created.status == 201, created
    path = f"bookings/{created.body['id']}/"
    declined = pay(traveller, path, "tok_declined", "key-declined")
    assert declined.status == 402, declined
    assert pay(traveller, path, "tok_nonsense", "key-nonsense").status == 400
    paid = pay(traveller, path, "tok_visa", "key-visa", X_Request_ID="run-pay")
    assert paid.status == 200, paid
    cancelled = traveller.post(f"{path}cancel/", X_Request_ID="run-cancel")
    assert cancelled.status == 200, cancelled
    wait_until(lambda: traveller.get(path).body["payments"][-1]["status"] == "REFUNDED", seconds=30)
    Client(stack.url, f"Token {tokens[1]}x").get("bookings/")
    Client(stack.url, "Service not-the-secret-of-anybody").get("/api/v1/payments/")
    return Run(stack, [*tokens, "not-the-secret-of-anybody"], created.body)


def pay(client: Client, path: str, method: str, key: str, **headers: str) -> Answer:
    return client.post(
        f"{path}payments/", {"paymentMethod": method}, Idempotency_Key=key, **headers
    )


def test_every_line_of_ours_is_one_object(run: Run) -> None:
    assert len(run.lines()) >= 10
    for line in run.lines():
        assert line.keys() >= {"timestamp", "level", "event", "logger", "service", "request_id"}


@pytest.mark.parametrize(
    ("request_id", "asked"),
    [
        (
            "run-create",
            [
                ("bookings", "POST", "api/v1/bookings/", 201),
                ("flights", "PUT", "api/v1/flights/<int:flight_id>/holds/<uuid:reference>/", 201),
            ],
        ),
        (
            "run-pay",
            [
                ("bookings", "POST", "api/v1/bookings/<int:pk>/payments/", 200),
                ("payments", "POST", "api/v1/payments/", 200),
                ("payments", "POST", "api/v1/payments/<int:pk>/capture/", 200),
            ],
        ),
    ],
)
def test_a_request_is_followed_through_the_services(
    run: Run, request_id: str, asked: list[tuple[str, str, str, int]]
) -> None:
    lines = [line for line in run.of_request(request_id) if line["event"] == "request"]
    seen = [(line["program"], line["method"], line["route"], line["status"]) for line in lines]
    assert set(asked) <= set(seen)
    assert len(seen) == len(set(seen)), "one line a request"
    assert all(line["ms"] > 0 for line in lines)
    users = {line["program"]: line["user"] for line in lines}
    assert users["bookings"] == run.booking["userId"]
    assert set(users.values()) == {run.booking["userId"], "service"}


def test_nobodys_secrets_are_in_the_log(run: Run) -> None:
    log = run.stack.logs()
    kept = run.stack.env
    secrets = [
        *run.secrets,
        *PASSWORDS,
        *PERSON.values(),
        *PASSENGER.values(),
        *CONTACT.values(),
        *("tok_visa", "tok_declined", "tok_nonsense", "key-visa"),
        *kept["SERVICE_SECRETS"].split(","),
        kept["SECRET_KEY"],
        run.booking["locator"],
    ]
    # Most would be found in part, too; and in any case, as in a header.
    found = [secret for secret in secrets if secret.lower()[:40] in log.lower()]
    assert found == []


def test_nothing_went_wrong_on_the_way(run: Run) -> None:
    assert [line for line in run.lines() if line["level"] in ("error", "critical")] == []
