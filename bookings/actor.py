"""Who is at work: said to the database with each write, where the triggers of history keep it.

It travels in the message that carries the write, and holds for its transaction: no query more, none
before the first write, and nothing that PgBouncer could hand on to somebody else. (The library's
own `pghistory.context` goes with every statement that is no SELECT, and wants to know the user
before the view does.)
"""

import json
import re
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from celery import current_task
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.functional import LazyObject

from common.log import route_of
from common.request_id import current_request_id

WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE)
OURS = "bookings_"  # how the names of our tables begin
SAY = "SELECT set_config('pghistory.context_metadata', {}, true); "  # where the triggers look
_request: ContextVar[HttpRequest | None] = ContextVar("acting_request", default=None)


class ActorMiddleware:
    """Knows the request for whatever writes while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def who() -> dict[str, Any] | None:
    """The user (by id), route and id of a request; the name of a task or a command; or nobody."""
    if request := _request.get():
        return {
            "user": _user_id(request),
            "route": route_of(request),
            "request": current_request_id(),
        }
    if current_task:
        return {"task": current_task.name, "request": current_request_id()}
    program, *arguments = sys.argv or [""]
    if Path(program).name == "manage.py" and arguments:
        return {"command": arguments[0]}
    return None


@receiver(connection_created)
def listen(connection: Any, **kwargs: Any) -> None:
    """Have the writes of a connection say who is at work."""
    if say not in connection.execute_wrappers:  # it was opened again
        connection.execute_wrappers.append(say)


def say(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """An execute wrapper of Django's, that sends `set_config` along with what writes our tables."""
    if not isinstance(sql, str) or OURS not in sql or not WRITES.match(sql):
        return execute(sql, params, many, context)
    if (actor := who()) is None:
        return execute(sql, params, many, context)
    said = json.dumps(actor)
    if params is None:
        sql, params = sql.replace("%", "%%"), ()
    rows = [_with(said, row) for row in (params if many else [params])]
    place = "%(_who)s" if rows and isinstance(rows[0], dict) else "%s"
    return execute(SAY.format(place) + sql, rows if many else rows[0], many, context)


def _with(said: str, params: Any) -> Any:
    return {**params, "_who": said} if isinstance(params, dict) else (said, *params)


def _user_id(request: HttpRequest) -> int | None:
    """Of the user that was asked for by now: a write must not begin with a question."""
    user = getattr(request, "user", None)
    if isinstance(user, LazyObject):
        user = getattr(request, "_cached_user", None)
    return getattr(user, "pk", None)
