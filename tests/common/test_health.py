"""/healthz says that the process lives; /readyz that it can work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from stack.program import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def no_database() -> Iterator[None]:
    """Nobody listens where the database was."""
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = free_port()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["PORT"] = port


def test_both_answer_when_all_is_well(client: Client) -> None:
    alive, ready = client.get("/healthz"), client.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ok",
        "checks": {"database": "ok", "broker": "ok"},
        "services": ["flights", "bookings", "payments"],
    }


def test_without_a_database_it_lives_and_is_not_ready(client: Client) -> None:
    with no_database():
        alive, ready = client.get("/healthz"), client.get("/readyz")
    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert ready.json()["checks"] == {"database": "unavailable", "broker": "ok"}


def test_without_a_broker_it_lives_and_is_not_ready(client: Client, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"] == {"database": "ok", "broker": "unavailable"}


def test_a_broker_that_refuses_our_password_is_no_broker(client: Client, settings: Any) -> None:
    address = settings.REDIS_URL.rpartition("@")[2]
    settings.REDIS_URL = f"redis://:wrong@{address}"
    assert client.get("/readyz").json()["checks"]["broker"] == "unavailable"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nobody_keeps_the_answers(client: Client, path: str) -> None:
    assert "no-store" in client.get(path).headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/api/v1/cities/", "/api/v1/bookings/"])
def test_without_a_database_the_api_says_when_to_come_back(client: Client, path: str) -> None:
    headers = {"Authorization": "Token 0123456789abcdef"}
    with no_database():
        answer = client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer.headers["Retry-After"] == "5"


def test_without_a_database_a_browser_gets_a_page(client: Client) -> None:
    client.raise_request_exception = False
    client.cookies["sessionid"] = "x" * 32
    with no_database():
        answer = client.get("/admin/", headers={"Accept": "text/html"})
        api = client.get("/api/v1/bookings/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert api.headers["Content-Type"].startswith("text/html")
