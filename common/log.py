"""Logs: one JSON object a line, for each request and each change of state, and nobody's secrets.

Everything goes through `logging`, libraries' lines too, and is written by one formatter. A line
says when, how grave, who logs, which service, and the request or task that it belongs to. Nothing
secret is ever given to a log; should something slip in, `redact` takes it out again.
"""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.functional import LazyObject
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from common.request_id import current_request_id

structlog.configure(
    processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
requests = structlog.stdlib.get_logger("seathold.request")
events = structlog.stdlib.get_logger("seathold.event")

PROBES = ("/healthz", "/readyz")


def event(name: str, **facts: Any) -> None:
    """Log a change of state, as `event("booking.booked", booking=7)`; ids and states, never people.

    The line is written when the transaction commits: what is rolled back never happened.
    """
    transaction.on_commit(partial(events.info, name, **facts), robust=True)


# --- One line a request ---------------------------------------------------------------------------


class RequestLogMiddleware:
    """Method, route (the pattern: a path may hold a secret), status, milliseconds, and who asked.

    A probe is logged when its status changes, and not every few seconds.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.probed = dict.fromkeys(PROBES, 200)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        response = self.get_response(request)
        status = response.status_code
        if self.probed.get(request.path_info) == status:
            return response
        if request.path_info in self.probed:
            self.probed[request.path_info] = status
        log = requests.info
        if status >= 500:
            log = requests.warning if status == 503 else requests.error
        log(
            "request",
            method=request.method,
            route=route_of(request),
            status=status,
            ms=round((time.perf_counter() - start) * 1000, 1),
            user=_who(request),
        )
        return response


def route_of(request: HttpRequest) -> str | None:
    """The pattern of the URL, as `api/v1/bookings/<int:pk>/`; None where it leads nowhere."""
    return request.resolver_match.route if request.resolver_match else None


def _who(request: HttpRequest) -> int | str | None:
    """The user's id, or "service"; without asking the database for it now."""
    user = getattr(request, "user", None)
    if isinstance(user, LazyObject):  # of the session; nobody asked, unless it is cached
        user = getattr(request, "_cached_user", None)
    if user is None or not user.is_authenticated:
        return None
    return user.pk or str(user)


# --- How a line is written ------------------------------------------------------------------------


def formatter(*, form: str, service: str) -> ProcessorFormatter:
    """For LOGGING: `form` is json, or text for people; `service` is what this process serves."""
    render: list[Processor] = [structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
    if form == "text":
        render = [_without_service, structlog.dev.ConsoleRenderer(colors=False)]
    return ProcessorFormatter(
        processors=[
            partial(_frame, service),
            structlog.processors.format_exc_info,
            redact,
            ProcessorFormatter.remove_processors_meta,
            *render,
        ]
    )


def _frame(service: str, logger: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """What every line says: first when and how grave, then what."""
    record = line["_record"]
    said = line.pop("event")
    if asked := getattr(record, "request", None):  # Django's: it names the path
        said = said.replace(getattr(asked, "path", None) or "\0", f"/{route_of(asked) or '?'}")
    seconds = int(record.created)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return {
        "timestamp": f"{stamp}.{int((record.created - seconds) * 1000):03}Z",
        "level": record.levelname.lower(),
        "event": said,
        "logger": record.name,
        "service": service,
        "request_id": current_request_id(),
        **line,
    }


def _without_service(logger: WrappedLogger, level: str, line: EventDict) -> EventDict:
    del line["service"]
    return line


# --- The belt -------------------------------------------------------------------------------------

REDACTED = "[redacted]"
LONGEST, LONGEST_TRACEBACK = 2_000, 20_000  # characters
SECRET_NAMES = re.compile(
    r"pass|secret|token|authori[sz]ation|cookie|card|paymentmethod|mail|phone|name|locator|body",
    re.I,
)
# Each part is what may be known; the rest of a match is taken out.
SECRET_TEXTS = re.compile(
    r"""
      (?P<scheme> \b (?: Token | Service | Booking | Bearer | Basic ) \s+ ) [\x21-\x7e]{12,}
    | (?P<card> \b tok_ ) \w+
    | (?P<url> :// ) [^\s/@]{0,99} : [^\s/@]{0,99} (?= @ )
    | (?P<key> \b Key \s \( [^)]{0,99} \) = ) \( .* \)      # PostgreSQL tells what was in a row
    | (?P<row> Failing \s row \s contains \s ) \( .* \)
    | (?P<mail> ) [\w.+-]{1,64} @ [\w-]+ (?: \. [\w-]+ )+
    """,
    re.X,
)
OURS = frozenset({"timestamp", "level", "logger", "service", "request_id", "_record"})


def redact(logger: WrappedLogger, level: str, line: EventDict) -> EventDict:
    """Take out what has a secret's name, or looks like one; and what would forge a second line."""
    for name, value in line.items():
        if name in OURS:
            continue
        if SECRET_NAMES.search(name.replace("_", "")):
            line[name] = REDACTED
        elif isinstance(value, str):
            line[name] = _cleaned(value, one_line=name != "exception")
        elif isinstance(value, dict | list | tuple):
            line[name] = _cleaned(str(value), one_line=True)
    return line


def _cleaned(text: str, *, one_line: bool) -> str:
    text = text[: LONGEST if one_line else LONGEST_TRACEBACK]
    if one_line and not text.isprintable():
        text = text.encode("unicode_escape").decode()
    return SECRET_TEXTS.sub(lambda found: f"{found[str(found.lastgroup)]}{REDACTED}", text)
