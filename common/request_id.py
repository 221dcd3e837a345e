"""One id follows a request through every log line, service and task (`X-Request-ID`)."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from uuid import uuid4

from celery import signals
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_current: ContextVar[str] = ContextVar("request_id", default="-")


def current_request_id() -> str:
    """The id of the request or task being worked on; "-" outside of any."""
    return _current.get()


def start(request_id: str | None) -> str:
    """Make `request_id` the current one if it is well formed, else a new one; return it."""
    if not request_id or not _WELL_FORMED.fullmatch(request_id):
        request_id = uuid4().hex
    _current.set(request_id)
    return request_id


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = start(request.headers.get(HEADER))
        response = self.get_response(request)
        response[HEADER] = request_id
        return response


@signals.before_task_publish.connect
def _send_with_task(headers: dict[str, object], **kwargs: object) -> None:
    headers["request_id"] = _current.get()


@signals.task_prerun.connect
def _take_from_task(task: object, **kwargs: object) -> None:
    start(getattr(getattr(task, "request", None), "request_id", None))
