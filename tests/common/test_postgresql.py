"""The health check of kept connections."""

from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.postgresql import base

from common.postgresql.base import DatabaseWrapper


@pytest.fixture
def kept(transactional_db: None) -> Any:
    """A connection of its own, open and at rest."""
    other = connection.copy()
    other.ensure_connection()
    yield other
    other.close()


def end_server_side(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_ours_is_the_database_of_the_settings() -> None:
    assert isinstance(connections["default"], DatabaseWrapper)
    assert connection.vendor == "postgresql"


def test_a_connection_at_rest_is_usable_without_a_statement(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(wrapper: Any) -> bool:
        raise AssertionError("the server was asked")

    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", asked)
    assert kept.is_usable()


def test_a_connection_that_the_server_closed_is_not(kept: Any) -> None:
    end_server_side(kept.connection.info.backend_pid)
    assert not kept.is_usable()


def test_a_connection_that_broke_in_use_is_not(kept: Any) -> None:
    kept.connection.close()
    assert not kept.is_usable()


def test_a_connection_with_something_to_read_is_asked(kept: Any) -> None:
    """A notice came meanwhile: that is no reason to throw the connection away."""
    with kept.cursor() as cursor:
        cursor.execute("LISTEN news")
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY news")
    assert kept.is_usable()
