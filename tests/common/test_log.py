"""Logs: one line a request and a change of state, and nobody's secrets in them."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.models import User
from common import log
from tests.common.test_health import no_database

Lines = Callable[[], list[dict[str, Any]]]

pytestmark = pytest.mark.urls("tests.common.urls")
logger = logging.getLogger("tests")


@pytest.fixture
def written() -> Iterator[Lines]:
    """What is written to the log from here on, line by line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.formatter(form="json", service="bookings"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def requests_in(lines: Lines) -> list[dict[str, Any]]:
    return [line for line in lines() if line["logger"] == "seathold.request"]


# --- Requests ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_request_is_one_line(client: Client, written: Lines) -> None:
    user = User.objects.create_user("asha")
    client.force_login(user)
    client.get("/api/v1/bookings/17/?secret=1", headers={"X-Request-ID": "mine"})
    (line,) = written()
    assert line.pop("timestamp").endswith("Z")
    assert line.pop("ms") > 0
    assert line == {
        "level": "info",
        "event": "request",
        "logger": "seathold.request",
        "service": "bookings",
        "request_id": "mine",
        "method": "GET",
        "route": "api/v1/bookings/<int:pk>/",
        "status": 404,
        "user": user.pk,
    }


@pytest.mark.django_db
def test_a_service_is_named_as_one(client: Client, written: Lines) -> None:
    client.get("/api/v1/holds/", headers={"Authorization": "Service tests-service-secret"})
    assert [line["user"] for line in written()] == ["service"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/cities/", "/nowhere/tok_visa"])
def test_a_stranger_has_no_name_and_an_unknown_path_no_route(
    client: Client, written: Lines, path: str
) -> None:
    client.get(path)
    (line,) = written()
    assert line["user"] is None
    assert line["route"] == ("api/v1/cities/" if line["status"] == 200 else None)


@pytest.mark.django_db
def test_a_session_that_nobody_asked_for_is_not_looked_up(
    client: Client, written: Lines, django_assert_num_queries: Any
) -> None:
    client.force_login(User.objects.create_user("asha"))
    with django_assert_num_queries(0):
        client.get("/plain/django-404/")
    assert written()[-1]["user"] is None


@pytest.mark.parametrize(
    ("fault", "level"),
    [("django-404", "info"), ("database-down", "warning"), ("drf-plain", "error")],
)
def test_the_graver_the_answer_the_graver_the_line(
    client: Client, written: Lines, fault: str, level: str
) -> None:
    client.get(f"/api/v1/raise/{fault}/")
    assert [line["level"] for line in requests_in(written)] == [level]


def test_what_is_unexpected_is_traced_once_and_names_no_path(
    client: Client, written: Lines
) -> None:
    client.get("/api/v1/raise/unexpected/", headers={"X-Request-ID": "mine"})
    traced, line = written()
    assert (traced["logger"], traced["level"], traced["request_id"]) == (
        *("django.request", "error"),
        "mine",
    )
    assert traced["event"] == "Internal Server Error: /api/v1/raise/<str:fault>/"
    assert "RuntimeError" in traced["exception"]
    assert line["status"] == 500


@pytest.mark.django_db(transaction=True)
def test_a_probe_is_logged_when_its_answer_changes(client: Client, written: Lines) -> None:
    for _ in range(3):
        client.get("/readyz")
        client.get("/healthz")
    assert written() == []
    with no_database():
        for _ in range(3):
            client.get("/readyz")
    client.get("/readyz")
    client.get("/readyz")
    assert [(line["level"], line["status"]) for line in written()] == [
        ("warning", 503),
        ("info", 200),
    ]


# --- Changes of state ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_change_is_told_when_it_is_committed(written: Lines) -> None:
    with transaction.atomic():
        log.event("booking.booked", booking=7, attempt=3)
        assert written() == []
    (line,) = written()
    assert (
        line.items()
        >= {
            "level": "info",
            "event": "booking.booked",
            "logger": "seathold.event",
            "booking": 7,
            "attempt": 3,
        }.items()
    )


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_never_happened(written: Lines) -> None:
    with transaction.atomic():
        log.event("booking.booked", booking=7)
        transaction.set_rollback(True)
    assert written() == []


# --- The belt ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("password", "new_password", "token", "secret", "Authorization", "cookie", "email"),
        *("payment_method", "paymentMethod", "card_number", "passengers", "surname", "first_name"),
        *("phone", "username", "locator", "body"),
    ],
)
@pytest.mark.parametrize("value", ["hush", {"a": "hush"}, 4111])
def test_what_is_called_a_secret_is_taken_out(written: Lines, name: str, value: Any) -> None:
    log.requests.info("x", **{name: value})
    (line,) = written()
    assert line[name] == "[redacted]"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Authorization: Token 0123456789abcdef", "Authorization: Token [redacted]"),
        ("'Service tests-service-secret'", "'Service [redacted]"),
        ("paid with tok_visa twice: tok_x", "paid with tok_[redacted] twice: tok_[redacted]"),
        ("to asha.r+x@mail.example.com now", "to [redacted] now"),
        ("redis://:hush@127.0.0.1:1/0", "redis://[redacted]@127.0.0.1:1/0"),
        ("postgres://u:hush@db/x?y", "postgres://[redacted]@db/x?y"),
        ("Key (username)=(asha) already exists.", "Key (username)=[redacted] already exists."),
        ("Failing row contains (1, Asha, Rao).", "Failing row contains [redacted]."),
        ("the flights service is down", "the flights service is down"),
        ("http://127.0.0.1:8001/a: 5 @ 6", "http://127.0.0.1:8001/a: 5 @ 6"),
    ],
)
@pytest.mark.parametrize("way", ["message", "argument", "exception", "fact", "list"])
def test_what_looks_like_a_secret_is_taken_out(
    written: Lines, said: str, left: str, way: str
) -> None:
    if way == "message":
        logger.warning(said.replace("%", "%%"))
    elif way == "argument":
        logger.warning("%s", said)
    elif way == "fact":
        log.requests.info("x", what=said)
    elif way == "list":
        log.requests.info("x", what=[said])
    else:
        try:
            raise ValueError(said)
        except ValueError:
            logger.exception("oh")
    (line,) = written()
    assert left in str(line.get("what", line.get("exception", line["event"])))
    assert "hush" not in str(line)


def test_a_hostile_text_takes_no_time(written: Lines) -> None:
    logger.warning("%s", "x" * 1_000_000 + "://" * 100_000)
    try:
        raise ValueError("x" * 1_000_000 + "Key (" * 100_000)
    except ValueError:
        logger.exception("oh")
    assert len(written()) == 2


@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_forges_a_second_line(form: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.formatter(form=form, service="bookings"))
    handler.handle(logging.makeLogRecord({"msg": "a\r\nb\x1b[31m\u2028c", "levelno": 20}))
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b[31m" not in stream.getvalue()


def test_a_person_reads_text() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.formatter(form="text", service="bookings"))
    handler.handle(logging.makeLogRecord({"msg": "hello %s", "args": ("asha",), "levelno": 20}))
    assert "hello asha" in stream.getvalue()
    assert "bookings" not in stream.getvalue()
