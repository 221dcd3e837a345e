"""Bookings that nobody paid, by the hundred thousand: how fast their seats come back."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import psycopg2

from bench import inside
from bench.booking import Bookings, Row
from bench.load import Script

# So many clients book while the sweep goes on.
CLIENTS = 4
OVERDUE = (
    "bookings_booking WHERE status = 'INITIATED' AND paying_since IS NULL"
    " AND payment_deadline <= now()"
)
EXPIRE = (
    "UPDATE bookings_booking SET status = 'CANCELLED', cancellation_reason = 'TIMEDOUT',"
    " updated_at = now() WHERE status = 'INITIATED' AND paying_since IS NULL"
    " AND payment_deadline <= now()"
)


@dataclass
class Sweep:
    """Bookings a second, seconds, and milliseconds to create one: before, and meanwhile."""

    bookings: int
    swept_a_second: float
    one_update_a_second: float
    released_after: float
    before: Row
    meanwhile: Row

    def as_dict(self) -> dict[str, Any]:
        rows = {"before": self.before.as_dict(), "meanwhile": self.meanwhile.as_dict()}
        return {**asdict(self), **rows}


def sweep(bookings: Bookings, count: int, *, seconds: float) -> Sweep:
    """Let `count` bookings come due at once, and watch what worker and clients notice."""
    stack = bookings.stack
    before = bookings.measure("create", _clients(bookings), seconds=seconds, warm_up=2)
    for name in ("worker", "beat"):
        stack.stop(name)
    like = json.loads(bookings.one(bookings.create(bookings.flights[0], bookings.headers[0])).body)
    inside.ask(stack, "overdue", count, like["id"])
    with _connection(bookings.url) as cursor:
        one_update = _time_one_update(cursor)
        for name in ("worker", "beat"):
            stack.start(name)
        watch = Watch(cursor)
        watching = threading.Thread(target=watch.run)
        watching.start()
        meanwhile = bookings.measure("create", _until(bookings, watch), seconds=3600, warm_up=0)
        watching.join()
    return Sweep(
        bookings=count,
        swept_a_second=count / (watch.swept - watch.begun),
        one_update_a_second=count / one_update,
        released_after=watch.released - watch.begun,
        before=before,
        meanwhile=meanwhile,
    )


def _clients(bookings: Bookings) -> list[Script]:
    return [bookings.books_anything() for _ in range(CLIENTS)]


def _until(bookings: Bookings, watch: "Watch") -> list[Script]:
    """Clients who book until all is swept."""

    def script() -> Script:
        anything = bookings.books_anything()
        wanted = next(anything)
        while not watch.swept:
            reply = yield wanted
            wanted = anything.send(reply)

    return [script() for _ in range(CLIENTS)]


class Watch:
    """Sees when the sweep begins, when nothing is overdue, and when other services know it all."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.begun = self.swept = self.released = 0.0

    def run(self) -> None:
        timed_out = "bookings_booking WHERE cancellation_reason = 'TIMEDOUT'"
        self.begun = self._when(f"SELECT EXISTS (SELECT 1 FROM {timed_out})", True)  # noqa: S608
        self.swept = self._when(f"SELECT EXISTS (SELECT 1 FROM {OVERDUE})", False)  # noqa: S608
        self.released = self._when("SELECT EXISTS (SELECT 1 FROM bookings_outboxmessage)", False)

    def _when(self, question: str, wanted: bool) -> float:
        while True:
            self.cursor.execute(question)
            if self.cursor.fetchone()[0] is wanted:
                return time.monotonic()
            time.sleep(0.05)


def _time_one_update(cursor: Any) -> float:
    """Seconds that one statement takes for all the same rows; it is undone."""
    cursor.execute("SET statement_timeout = 0")
    cursor.execute("BEGIN")
    begin = time.monotonic()
    cursor.execute(EXPIRE)
    took = time.monotonic() - begin
    cursor.execute("ROLLBACK")
    cursor.execute("VACUUM bookings_booking")
    return took


@contextmanager
def _connection(url: str) -> Iterator[Any]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
