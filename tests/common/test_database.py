"""Bounds on statements stand on the role: every new session has them, through any pooler."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import User
from common.database import ClockTimestamp, database_clock, set_role_timeouts
from tests.threads import start


@pytest.fixture
def restored(transactional_db: None, settings: Any) -> Iterator[Any]:
    """Settings whose bounds don't outlive the test."""
    bounds = settings.LOCK_TIMEOUT_SECONDS, settings.STATEMENT_TIMEOUT_SECONDS
    yield settings
    settings.LOCK_TIMEOUT_SECONDS, settings.STATEMENT_TIMEOUT_SECONDS = bounds
    set_role_timeouts()


def bounds_of_a_new_session() -> dict[str, str]:
    session = psycopg2.connect(**connection.get_connection_params())
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name LIKE '%_timeout'")
            return dict(cursor.fetchall())
    finally:
        session.close()


@pytest.mark.django_db
def test_migrating_bounds_every_new_session(settings: Any) -> None:
    bounds = bounds_of_a_new_session()
    assert bounds["lock_timeout"] == f"{settings.LOCK_TIMEOUT_SECONDS * 1000:.0f}"
    assert bounds["statement_timeout"] == f"{settings.STATEMENT_TIMEOUT_SECONDS * 1000:.0f}"
    twice = settings.STATEMENT_TIMEOUT_SECONDS * 2
    assert bounds["idle_in_transaction_session_timeout"] == f"{twice * 1000:.0f}"


def test_the_bounds_follow_the_settings(restored: Any) -> None:
    restored.LOCK_TIMEOUT_SECONDS = 0.25
    restored.STATEMENT_TIMEOUT_SECONDS = 7.5
    set_role_timeouts()
    bounds = bounds_of_a_new_session()
    assert bounds["lock_timeout"] == "250"
    assert bounds["statement_timeout"] == "7500"
    assert bounds["idle_in_transaction_session_timeout"] == "15000"


def test_a_wait_for_a_lock_ends_in_503(restored: Any) -> None:
    restored.LOCK_TIMEOUT_SECONDS = 0.1
    set_role_timeouts()
    user = User.objects.create_user("asha", password="correct horse")
    with transaction.atomic():
        User.objects.select_for_update().get()
        login = start(lambda: log_in(user.username)).result(20)  # last_login waits for the row
    assert not isinstance(login, Exception)
    assert login == (503, "service_unavailable", "5")


def log_in(username: str) -> tuple[int, str, str]:
    body = {"username": username, "password": "correct horse"}
    answer = Client().post("/api/v1/auth/login/", body, content_type="application/json")
    return answer.status_code, answer.json()["code"], answer.headers["Retry-After"]


@pytest.mark.django_db
def test_the_clock_is_the_databases_and_goes_on_within_a_transaction() -> None:
    first, second = database_clock(), database_clock()
    assert first < second
    assert first.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - second) < timedelta(minutes=1)


@pytest.mark.django_db
def test_the_clock_as_an_expression_is_read_row_by_row() -> None:
    for name in ("asha", "ben"):
        User.objects.create_user(name)
    moments = User.objects.annotate(now=ClockTimestamp()).values_list("now", flat=True)
    assert len(set(moments)) == 2
