"""The bridge between the web server and Django, as a server sees it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from common import bridge
from common.bridge import Bridge

LIMIT = 100


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with what arrived, in pieces."""
    start_response("201 Created", [("X-Length", environ.get("CONTENT_LENGTH", "none"))])
    return [environ["wsgi.input"].read(), b"|", environ["PATH_INFO"].encode("latin-1")]


def scope(method: str = "POST", path: bytes = b"/", **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "method": method,
        "raw_path": path,
        "query_string": b"a=%20",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", "8000"),
        "client": ("127.0.0.9", "4711"),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }


def part(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def ask(
    application: Any, asked: dict[str, Any], *parts: dict[str, Any], threads: int = 1
) -> list[MutableMapping[str, Any]]:
    """All that the bridge sends for one request; a client that says no more is waited for."""
    sent: list[MutableMapping[str, Any]] = []
    left = list(parts)

    async def receive() -> dict[str, Any]:
        return left.pop(0) if left else await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    with_pool = Bridge(application, threads=threads, body_limit=LIMIT)
    asyncio.run(with_pool(asked, receive, send))
    with_pool.pool.shutdown()
    return sent


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "BODY_SECONDS", 0.0)


def test_a_body_in_parts_arrives_whole() -> None:
    start, body = ask(echo, scope(content_length="6"), part(b"abc", more=True), part(b"def"))
    assert (start["status"], start["headers"]) == (201, [(b"X-Length", b"6")])
    assert body["body"] == b"abcdef|/"


def test_a_chunked_body_gets_its_length() -> None:
    asked = scope(transfer_encoding="chunked")
    start, body = ask(echo, asked, part(b"abc", more=True), part(b"", more=True), part(b"d"))
    assert start["headers"] == [(b"X-Length", b"4")]
    assert body["body"] == b"abcd|/"


def test_a_request_without_a_body_is_not_waited_for() -> None:
    start, body = ask(echo, scope("GET"))
    assert (start["status"], body["body"]) == (201, b"|/")


def test_of_a_body_that_is_announced_too_long_nothing_is_read() -> None:
    start, body = ask(echo, scope(content_length=str(10**12)))
    assert start["headers"] == [(b"X-Length", b"1000000000000")]
    assert body["body"] == b"|/"


def test_a_chunked_body_that_grows_too_long_is_dropped() -> None:
    endless = [part(b"x" * 60, more=True) for _ in range(3)]
    start, body = ask(echo, scope(transfer_encoding="chunked"), *endless)
    assert start["headers"] == [(b"X-Length", b"120")]
    assert body["body"] == b"|/"


@pytest.mark.usefixtures("no_patience")
def test_a_body_that_does_not_come_is_answered_408() -> None:
    start, body = ask(echo, scope(content_length="6"), part(b"abc", more=True))
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert b'"code": "request_timeout"' in body["body"]


def test_a_body_that_breaks_off_is_answered_400_and_nothing_is_done() -> None:
    gone = {"type": "http.disconnect"}
    start, body = ask(echo, scope(content_length="6"), part(b"abc", more=True), gone)
    assert start["status"] == 400
    assert b'"code": "parse_error"' in body["body"]


def test_many_who_wait_leave_the_only_thread_to_others() -> None:
    async def never() -> dict[str, Any]:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def run() -> list[MutableMapping[str, Any]]:
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        one = Bridge(echo, threads=1, body_limit=LIMIT)
        slow = [
            asyncio.create_task(one(scope(content_length="6"), never, send)) for _ in range(1000)
        ]
        await asyncio.sleep(0)
        await one(scope("GET"), never, send)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        one.pool.shutdown()
        return sent

    assert [message["type"] for message in asyncio.run(run())] == [
        "http.response.start",
        "http.response.body",
    ]


def test_the_path_keeps_its_bytes() -> None:
    _, body = ask(echo, scope("GET", path=b"/a%ff%2Fb%20c"))
    assert body["body"] == b"|/a\xff/b c"


def environ_of(asked: dict[str, Any]) -> dict[str, Any]:
    return bridge.make_environ(asked)


def test_headers_are_named_as_wsgi_names_them() -> None:
    environ = environ_of(scope(content_type="text/plain", x_request_id="1", host="example.com"))
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["HTTP_X_REQUEST_ID"] == "1"
    assert environ["HTTP_HOST"] == "example.com"
    assert environ["QUERY_STRING"] == "a=%20"
    assert environ["REMOTE_ADDR"] == "127.0.0.9"


def test_a_header_sent_twice_is_one_list() -> None:
    asked = scope()
    asked["headers"] = [(b"x-a", b"1"), (b"x-a", b"2"), (b"cookie", b"a=1"), (b"cookie", b"b=2")]
    environ = environ_of(asked)
    assert environ["HTTP_X_A"] == "1, 2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    asked = scope()
    asked["headers"] = [(b"x_forwarded_proto", b"https")]
    assert "HTTP_X_FORWARDED_PROTO" not in environ_of(asked)


def test_a_file_is_left_to_the_server_to_send(tmp_path: Path) -> None:
    (tmp_path / "big.js").write_text("x")
    opened = (tmp_path / "big.js").open("rb")

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](opened)

    _, body = ask(serve, scope("GET"))
    assert body == {"type": "http.response.pathsend", "path": str(tmp_path / "big.js")}
    assert opened.closed


def test_part_of_a_file_is_sent_as_it_is_read(tmp_path: Path) -> None:
    class Part:
        """A range of a file, as whitenoise gives it: readable, but no file."""

        def __init__(self) -> None:
            self.left = [b"bc", b""]

        def read(self, size: int) -> bytes:
            return self.left.pop(0)

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("206 Partial Content", [])
        return environ["wsgi.file_wrapper"](Part())

    _, body = ask(serve, scope("GET"))
    assert body["body"] == b"bc"


def test_an_answer_is_closed_in_the_thread_that_made_it() -> None:
    """Django gives its connections back there: they belong to the thread."""
    threads: list[str] = []

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            threads.append(threading.current_thread().name)
            return iter([b"a"])

        def close(self) -> None:
            threads.append(threading.current_thread().name)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        start_response("200 OK", [])
        return Answer()

    ask(application, scope("GET"))
    assert len(threads) == 2
    assert len(set(threads)) == 1
    assert threads[0].startswith("request")


def test_an_application_that_fails_is_answered_for_with_a_problem() -> None:
    def fail(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise RuntimeError("before Django looks after its errors")

    start, body = ask(fail, scope("GET"))
    assert start["status"] == 500
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert json.loads(body["body"])["code"] == "internal_error"


class BrokenOff:
    """An answer whose body, or whose end, fails once the application has returned it."""

    def __init__(self, *, closing: bool) -> None:
        self.closing = closing

    def __iter__(self) -> Iterator[bytes]:
        if not self.closing:
            raise OSError("the body is gone")
        yield b"all of it"

    def close(self) -> None:
        if self.closing:
            raise OSError("the database is gone")


@pytest.mark.parametrize("closing", [False, True])
def test_an_answer_that_breaks_on_its_way_is_a_500_and_no_silence(closing: bool) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> BrokenOff:
        start_response("200 OK", [])
        return BrokenOff(closing=closing)

    start, body = ask(application, scope("GET"))
    assert start["status"] == 500
    assert b'"code": "internal_error"' in body["body"]
