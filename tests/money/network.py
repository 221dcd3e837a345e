"""A network in this process: what `requests` sends runs the real application of another service.

Only the socket is replaced. `requests`, urllib3 and its retries are the real ones; each call runs
the whole application in a thread of its own, on a connection of its own, as another process would.
"""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from urllib3.connection import HTTPConnection
from urllib3.response import HTTPResponse


@dataclass(frozen=True)
class Sent:
    """A request on its way. The same one may arrive late, or twice."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def environ(self) -> dict[str, Any]:
        url = urlsplit(self.target)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "PATH_INFO": unquote(url.path),
            "QUERY_STRING": url.query,
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.input": io.BytesIO(self.body),
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        setup_testing_defaults(environ)
        return environ


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    took: float = 0.0  # seconds that the service would have slept


class PatientTime:
    """Stands for `time` in the played bank: nobody sleeps, but it is known who would have."""

    def __init__(self) -> None:
        self._slept = threading.local()

    def sleep(self, seconds: float) -> None:
        self._slept.seconds = self.slept + seconds

    def reset(self) -> None:
        self._slept.seconds = 0.0

    @property
    def slept(self) -> float:
        return getattr(self._slept, "seconds", 0.0)


class Services:
    """The services behind the network: `threads` requests at once, each thread its connection."""

    def __init__(self, threads: int, time: PatientTime) -> None:
        self._application = WSGIHandler()
        self._time = time
        self._connections: list[BaseDatabaseWrapper] = []
        self._pool = ThreadPoolExecutor(threads, initializer=self._note_connection)

    def serve(self, sent: Sent) -> Answer:
        return self._pool.submit(self._run, sent).result()

    def close(self) -> None:
        self._pool.shutdown()
        for used in self._connections:
            used.inc_thread_sharing()
            used.close()

    def _note_connection(self) -> None:
        self._connections.append(connection._connections["default"])  # type: ignore[attr-defined]

    def _run(self, sent: Sent) -> Answer:
        self._time.reset()
        answer = Answer(500)

        def start_response(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            answer.status, answer.headers = int(status[:3]), dict(headers)

        response = self._application(sent.environ(), start_response)
        try:
            answer.body = b"".join(response)
        finally:
            response.close()
        answer.took = self._time.slept
        return answer


class Network:
    """Carries every request to the services, once, at once."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.held_during_a_call: list[str] = []

    def carry(self, sent: Sent, patience: float) -> Answer:
        """The answer to `sent`. Raises OSError where none comes within `patience` seconds."""
        self._look_at_the_caller(sent)
        answer = self.services.serve(sent)
        if answer.took > patience:
            raise TimeoutError
        return answer

    def _look_at_the_caller(self, sent: Sent) -> None:
        """Nobody may wait on the network inside a transaction that has run a statement."""
        raw = connection.connection
        if raw is not None and raw.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            self.held_during_a_call.append(f"{sent.method} {sent.target}")


def connection_class(network: Callable[[Sent, float], Answer]) -> type[HTTPConnection]:
    """urllib3's connection, with `network` instead of a socket."""

    class Wire(HTTPConnection):
        sent: Sent

        @property
        def is_closed(self) -> bool:
            return False  # so that urllib3 tells us its read time-out

        def request(
            self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
        ) -> None:
            sent = body.encode() if isinstance(body, str) else body or b""
            self.sent = Sent(method, url, dict(headers or {}), sent)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            answer = network(self.sent, float(self.timeout or 0))
            return HTTPResponse(
                body=io.BytesIO(answer.body),
                headers=answer.headers,
                status=answer.status,
                preload_content=False,
                request_method=self.sent.method,
                request_url=self.sent.target,
            )

    return Wire
