"""A process that bears children: each does what a server process does, and may die of it.

It has everything loaded and nothing open, so that a child costs a fork and not a start. It reads a
line of JSON for each child, `{"acts": [[name, argument...], ...], "die_at": n}`, and answers with
what became of it. A child ends itself with `os._exit` at its n-th point, or at the first whose name
has `die_at` in it. Points are just before and just after each request to another service and each
commit. Hooks count them: a step that is written tomorrow has its points, too.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

DIED = 77
READY = "ready"


class Points:
    """Counts the points of a child's life, tells them to its parent, and dies at one of them."""

    def __init__(self, tell: Callable[[str, Any], None], die_at: int | str) -> None:
        self._tell = tell
        self._die_at = die_at
        self._passed = 0

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        self._pass(f"before {what}")
        yield
        self._pass(f"after {what}")

    def _pass(self, point: str) -> None:
        self._tell("point", point)
        self._passed += 1
        named = isinstance(self._die_at, str) and self._die_at in point
        if named or self._passed == self._die_at:
            os._exit(DIED)


def hook(points: Points) -> None:
    """Every request to another service, every COMMIT, every write that is its own transaction."""
    import requests
    from django.db import connection
    from django.db.backends.postgresql.base import DatabaseWrapper

    send, commit = requests.adapters.HTTPAdapter.send, DatabaseWrapper.commit

    def counted_send(adapter: Any, request: requests.PreparedRequest, *rest: Any, **kw: Any) -> Any:
        path = "/".join(p for p in urlsplit(request.url or "").path.split("/") if len(p) < 30)
        with points.around(f"{request.method} {path}"):
            return send(adapter, request, *rest, **kw)

    def counted_commit(wrapper: DatabaseWrapper) -> None:
        with points.around("COMMIT"):
            commit(wrapper)

    def counted_write(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        verb = sql.split(maxsplit=1)[0]
        if connection.in_atomic_block or verb not in ("INSERT", "UPDATE", "DELETE"):
            return execute(sql, params, many, context)
        with points.around(verb):
            return execute(sql, params, many, context)

    requests.adapters.HTTPAdapter.send = counted_send  # type: ignore[assignment,method-assign]
    DatabaseWrapper.commit = counted_commit  # type: ignore[assignment,method-assign]
    connection.execute_wrappers.append(counted_write)


class Sleep:
    """`time.sleep`, put in its place before anybody imports it, so that it can tell."""

    def __init__(self) -> None:
        self._sleep = time.sleep
        self.tell: Callable[[str, Any], None] = lambda name, what: None

    def __call__(self, seconds: Any) -> None:
        self.tell("sleep", seconds)
        self._sleep(seconds)


sleep = Sleep()


def watch_waits(tell: Callable[[str, Any], None]) -> None:
    """Tell of every connection to the broker that is tried, and of all seconds that are slept."""
    from django.conf import settings

    broker = urlsplit(settings.REDIS_URL).port

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[1][1:2] == (broker,):
            tell("connect", broker)

    sys.addaudithook(watch)
    sleep.tell = tell


def live(order: dict[str, Any], tell: Callable[[str, Any], None]) -> None:
    """The child's whole life. Django's connections are opened here, never before the fork."""
    hook(Points(tell, order["die_at"]))
    watch_waits(tell)
    for name, *arguments in order["acts"]:
        tell("result", ACTS[name](*arguments))


def bear(order: dict[str, Any]) -> dict[str, Any]:
    """Have a child do what was ordered; return its exit status, and all that it has told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "w", buffering=1) as pipe:
                live(order, lambda name, what: print(json.dumps([name, what]), file=pipe))
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = [json.loads(line) for line in pipe]
    _, wait_status = os.waitpid(child, 0)
    return {"exit": os.waitstatus_to_exitcode(wait_status), "told": told}


def _command(name: str) -> None:
    from django.core.management import call_command

    call_command(name, stdout=sys.stderr)


def _request(act: Callable[..., Any]) -> Callable[..., Any]:
    def answer(*arguments: Any) -> Any:
        named = arguments[-1] if isinstance(arguments[-1], dict) else {}
        response = act(*arguments[:-1] if named else arguments, **named)
        return [response.status_code, response.json()]

    return answer


ACTS: dict[str, Callable[..., Any]] = {"command": _command}


def warm_up() -> None:
    """Go once where the children will go, and close what was opened for it."""
    from django.db import connections
    from rest_framework.test import APIClient

    from accounts.models import User
    from bookings import clients
    from tests.money import acts

    api = APIClient()
    api.force_authenticate(User(pk=1))
    assert api.post("/api/v1/bookings/0/cancel/").status_code == 404
    assert clients.flights().flight(0) is None
    assert clients.payments().find(key=UUID(int=0)) is None
    acts.forget_clients()
    connections.close_all()


def main() -> None:
    time.sleep = sleep
    import django

    django.setup()
    from tests.money import acts

    ACTS.update(create=_request(acts.create), pay=_request(acts.pay), cancel=_request(acts.cancel))
    ACTS.update(refund=_request(acts.refund), extend=_request(acts.extend), rebook=acts.rebook)
    warm_up()
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(bear(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
