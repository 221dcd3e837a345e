"""PostgreSQL's clock, and the bounds on how long a statement may wait or run."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.db.models import DateTimeField, Func
from psycopg2 import sql


class ClockTimestamp(Func):
    """The database's wall clock as an expression: when the row is looked at, in UTC.

    Django's `Now()` is when the statement began, which may lie before a wait for a lock.
    """

    function = "clock_timestamp"
    output_field = DateTimeField()


def database_clock() -> datetime:
    """The database's wall clock now, in UTC. Ask after taking the lock that the answer is for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def unbound_migrations(using: str = "default", **kwargs: Any) -> None:
    """Let this session's statements run as long as they want: an index on millions takes long."""
    with connections[using].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET idle_in_transaction_session_timeout = 0")


def set_role_timeouts(using: str = "default", **kwargs: Any) -> None:
    """Bound lock waits and statements for every later session of our role in this database.

    On the role and not per session: session options don't survive PgBouncer.
    """
    bounds = {
        "lock_timeout": settings.LOCK_TIMEOUT_SECONDS,
        "statement_timeout": settings.STATEMENT_TIMEOUT_SECONDS,
        "idle_in_transaction_session_timeout": settings.STATEMENT_TIMEOUT_SECONDS * 2,
    }
    database = connections[using].settings_dict["NAME"]
    with connections[using].cursor() as cursor:
        for name, seconds in bounds.items():
            cursor.execute(
                sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(database),
                    sql.Identifier(name),
                    sql.Literal(f"{seconds * 1000:.0f}ms"),
                )
            )
