"""Django in a few threads behind an asynchronous server (ASGI).

Server and bridge wait for the clients. A thread begins when the whole request is here, and is free
again before its answer travels: a client that is slow, or means to be, holds a connection and a
little memory, and never a thread.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader, BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication
from wsgiref.util import FileWrapper

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]

# More than an honest client needs for the little that a body may hold.
BODY_SECONDS = 15.0
TOO_SLOW = (
    b'{"type": "about:blank", "title": "Request Timeout", "status": 408, "code": "request_timeout",'
    b' "detail": "The body did not arrive in time."}'
)
BROKEN = (
    b'{"type": "about:blank", "title": "Bad Request", "status": 400, "code": "parse_error",'
    b' "detail": "The body broke off."}'
)

FAILED = (
    b'{"type": "about:blank", "title": "Internal Server Error", "status": 500,'
    b' "code": "internal_error", "detail": "Something went wrong on our side."}'
)


class ClientGone(Exception):
    """The connection was closed before the request was here; its client may still listen."""


class Bridge:
    """An ASGI application that runs a WSGI one (PEP 3333) in `threads` threads.

    Of a body above `body_limit` bytes nothing is kept: the application sees its length alone, and
    is to answer 413. A body that takes longer than BODY_SECONDS is answered 408.
    """

    def __init__(self, application: WSGIApplication, *, threads: int, body_limit: int) -> None:
        self.application = application
        self.body_limit = body_limit
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        environ = make_environ(scope)
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    await self._read_body(environ, receive)
            except TimeoutError:
                await send_all(send, refusal(408, TOO_SLOW))
                return
            except ClientGone:
                await send_all(send, refusal(400, BROKEN))
                return
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[list[Message]] = loop.create_future()
        # Not `run_in_executor`: its future, tied to a second one, costs as much as all else here.
        self.pool.submit(self._answer_to, answered, loop, environ)
        await send_all(send, await answered)

    async def _read_body(self, environ: Environ, receive: Receive) -> None:
        announced = int(environ.get("CONTENT_LENGTH", 0))
        chunks, length, more = [], 0, announced <= self.body_limit
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone
            chunks.append(message.get("body", b""))
            length += len(chunks[-1])
            more = message.get("more_body", False) and length <= self.body_limit
        # A chunked body announces nothing: from here on it has a length, too.
        environ["CONTENT_LENGTH"] = str(max(announced, length))
        if length <= self.body_limit:
            environ["wsgi.input"] = BytesIO(b"".join(chunks))

    def _answer_to(
        self,
        answered: "asyncio.Future[list[Message]]",
        loop: asyncio.AbstractEventLoop,
        environ: Environ,
    ) -> None:
        try:
            messages = self._answer(environ)
        except Exception:  # before, beside or after what Django looks after
            logger.exception("the application failed")
            messages = refusal(500, FAILED)
        loop.call_soon_threadsafe(_settle, answered, messages)

    def _answer(self, environ: Environ) -> list[Message]:
        """What the application answers, as messages of ASGI. Runs in a thread."""
        start: Message = {"type": "http.response.start"}

        def start_response(status: str, headers: list[tuple[str, str]], *error: object) -> Any:
            start["status"] = int(status[:3])
            start["headers"] = [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers
            ]

        answer = self.application(environ, start_response)
        try:
            if isinstance(answer, FileWrapper) and isinstance(answer.filelike, BufferedReader):
                # The server reads the file as fast as the client does.
                return [start, {"type": "http.response.pathsend", "path": answer.filelike.name}]
            return [start, {"type": "http.response.body", "body": b"".join(answer)}]
        finally:
            if hasattr(answer, "close"):
                answer.close()


def make_environ(scope: Message) -> Environ:
    """A request's environment as PEP 3333 wants it, its bytes as latin-1; without a body yet."""
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue  # it would pass for the header with a dash, which a proxy may have checked
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        if name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            environ[name] = value
            continue
        name = f"HTTP_{name}"
        if name in environ:
            value = f"{environ[name]}{'; ' if name == 'HTTP_COOKIE' else ', '}{value}"
        environ[name] = value
    return environ


def _settle(answered: "asyncio.Future[list[Message]]", messages: list[Message]) -> None:
    if not answered.done():  # the server may have given up on the request
        answered.set_result(messages)


async def send_all(send: Send, messages: list[Message]) -> None:
    for message in messages:
        await send(message)


def refusal(status: int, problem: bytes) -> list[Message]:
    """An answer that Django did not give; what else the client may send is not waited for."""
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": problem},
    ]
