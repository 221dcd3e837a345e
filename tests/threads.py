"""Real threads on real connections, for promises about what happens at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")


def run_at_once(*works: Callable[[], Any]) -> list[Any]:
    """Start all works at the same moment, each in its thread; return results or exceptions."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        start.wait()
        return _in_own_connection(work)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def start(work: Callable[[], T]) -> "Future[T | Exception]":
    """Run one work in a thread of its own."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(_in_own_connection, work)
    pool.shutdown(wait=False)
    return future


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain")
        time.sleep(0.01)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity: a transaction sees that as it was when it first looked.
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def _in_own_connection(work: Callable[[], T]) -> T | Exception:
    try:
        return work()
    except Exception as error:
        return error
    finally:
        connection.close()
