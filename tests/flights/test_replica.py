from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from rest_framework.test import APIClient

from flights.models import Flight

pytestmark = pytest.mark.django_db(transaction=True)

SEARCHES = [
    "flights/?trips=DEL-BOM&tripDate=2050-06-01&departureAfter=06:00",
    "flights/",
    "flights/calendar/?trips=DEL-BOM&month=2050-06",
]


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A second alias for the tests' own connection; the statements that went there."""
    monkeypatch.setitem(connections.settings, "replica", connections.settings["default"].copy())
    statements: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    connection.ensure_connection()
    connections["replica"].connection = connection.connection
    connections["replica"].autocommit = True
    with connections["replica"].execute_wrapper(note):
        yield statements
    del connections["replica"]


def refuse(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
    raise AssertionError(f"went to the primary: {sql}")


@pytest.mark.parametrize("path", SEARCHES)
def test_searches_read_the_replica_and_nothing_else(
    anyone: APIClient, flight: Flight, replica: list[str], path: str
) -> None:
    with connection.execute_wrapper(refuse):
        answer = anyone.get(f"/api/v1/{path}")
    assert answer.status_code == 200
    assert replica


def test_holds_and_what_staff_read_back_never_touch_the_replica(
    staff: APIClient, service: APIClient, flight: Flight, replica: list[str]
) -> None:
    staff.patch(f"/api/v1/flights/{flight.pk}/", {"price": "1.00"})
    hold = f"/api/v1/flights/{flight.pk}/holds/4b1c9a4e-2a31-4c4c-9f6e-000000000001/"
    body = {"noOfSeats": 1, "expiresAt": "2099-01-01T00:00:00Z"}
    assert service.put(hold, body).status_code == 201
    assert service.post(f"{hold}confirm/").status_code == 200
    assert staff.get(f"/api/v1/flights/{flight.pk}/").json()["price"] == "1.00"
    assert replica == []


@pytest.mark.parametrize("path", SEARCHES)
def test_without_a_replica_searches_read_the_primary(
    anyone: APIClient, flight: Flight, path: str
) -> None:
    assert anyone.get(f"/api/v1/{path}").status_code == 200
