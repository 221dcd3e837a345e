"""What no client library would send, byte by byte to the real server: refused, and never obeyed."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from stack.harness import LocalStack

pytestmark = pytest.mark.system


class Said(NamedTuple):
    """What came back: status 0 where the server closed the connection without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


def say(stack: LocalStack, raw: bytes, *, hang_up: bool = False) -> Said:
    """Send bytes as they are; with `hang_up` say that nothing follows."""
    with socket.create_connection(("127.0.0.1", stack.port("bookings")), timeout=20) as line:
        received = b""
        with suppress(ConnectionError):  # it may close before it has read all
            line.sendall(raw)
            if hang_up:
                line.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while data := line.recv(65536):
                received += data
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    return Said(int(first.split()[1]) if first else 0, headers, body)


def request(
    path: str, body: bytes = b"", *, method: str = "POST", length: int | None = None, **more: Any
) -> bytes:
    headers = {
        "Host": "127.0.0.1",
        "Connection": "close",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Content-Length": str(len(body) if length is None else length),
    }
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value != "-")
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


@pytest.fixture(autouse=True)
def still_alive(stack: LocalStack) -> Iterator[None]:
    yield
    assert stack.anonymous().get("/healthz").status == 200


LOGIN = b'{"username": "traveller", "password": "traveller"}'


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


def test_a_body_in_chunks_is_read(stack: LocalStack) -> None:
    head = request("/api/v1/auth/login/", Content_Length="-", Transfer_Encoding="chunked")
    said = say(stack, head + chunks(LOGIN[:10], LOGIN[10:]))
    assert (said.status, "token" in json.loads(said.body)) == (200, True)


def test_a_body_in_chunks_has_the_same_limit(stack: LocalStack) -> None:
    head = request("/api/v1/auth/login/", Content_Length="-", Transfer_Encoding="chunked")
    said = say(stack, head + chunks(*[b" " * 60_000] * 40))
    assert said.status in (0, 413)


def test_a_body_above_the_limit_is_refused(stack: LocalStack) -> None:
    said = say(stack, request("/api/v1/auth/login/", b" " * 2_000_000))
    assert said.status in (0, 413)
    said = say(stack, request("/api/v1/auth/login/", length=2_000_000))
    assert (said.status, said.code) == (413, "body_too_large")


@pytest.mark.parametrize("missing", [1, 100])
def test_nothing_is_done_on_half_a_body(stack: LocalStack, missing: int) -> None:
    person = {"username": f"half{uuid4().hex[:8]}", "password": "Zanzibar-Xylophone-1"}
    body = json.dumps({**person, "email": "half@example.com"}).encode()
    raw = request("/api/v1/auth/register/", body, length=len(body) + missing)
    said = say(stack, raw, hang_up=True)
    assert (said.status, said.code) == (400, "parse_error")
    assert stack.anonymous().post("auth/login/", person).status == 401


def test_two_idempotency_keys_are_none(stack: LocalStack) -> None:
    token = stack.login("traveller").authorization
    body = b'{"flightId": 1, "noOfSeats": 1}'
    raw = request("/api/v1/bookings/", body, Authorization=token, Idempotency_Key="a")
    twice = raw.replace(b"Idempotency-Key: a\r\n", b"Idempotency-Key: a\r\nIdempotency-Key: a\r\n")
    said = say(stack, twice)
    assert (said.status, said.code) == (400, "idempotency_key_invalid")


def test_two_answers_to_how_long_a_body_is_are_refused(stack: LocalStack) -> None:
    raw = request("/api/v1/auth/login/", LOGIN, Transfer_Encoding="chunked")
    assert say(stack, raw + chunks(LOGIN)).status in (0, 400)
    raw = request("/api/v1/auth/login/", LOGIN)
    twice = raw.replace(b"Content-Length", b"Content-Length: 3\r\nContent-Length")
    assert say(stack, twice).status in (0, 400)


@pytest.mark.parametrize("value", ["a\0b", "a\rb", "a\nSet-Cookie: id=1", "a\r\n b", "x" * 200_000])
@pytest.mark.parametrize("name", ["X-Request-ID", "Idempotency-Key", "Authorization", "X-Any"])
def test_no_header_becomes_another_or_comes_back(stack: LocalStack, name: str, value: str) -> None:
    said = say(stack, request("/api/v1/bookings/", b"{}", **dict[str, Any]({name: value})))
    assert said.status in (0, 400, 401, 431)
    assert "set-cookie" not in said.headers
    assert "\0" not in str(said.headers)
    if said.status == 401:  # a bare LF may end a header (RFC 9112, 2.2): what follows is another
        assert re.fullmatch(r"a|[0-9a-f]{32}", said.headers["x-request-id"])


def test_a_header_with_an_underscore_is_not_the_one_with_a_dash(stack: LocalStack) -> None:
    raw = request("/api/v1/bookings/", b"{}").replace(
        b"Accept:", b"X_Request_ID: forged\r\nAccept:"
    )
    said = say(stack, raw)
    assert said.status in (400, 401)
    assert said.headers.get("x-request-id") != "forged"


@pytest.mark.parametrize(
    "target", ["/api/v1/" + "x" * 200_000, "/api/v1/flights/?q=" + "x" * 200_000]
)
def test_a_target_that_is_too_long_is_refused(stack: LocalStack, target: str) -> None:
    assert say(stack, request(target, method="GET")).status in (0, 400, 404, 414, 431)


def test_too_many_headers_are_refused(stack: LocalStack) -> None:
    many: dict[str, Any] = {f"X-{number}": "1" for number in range(5000)}
    assert say(stack, request("/api/v1/flights/", method="GET", **many)).status in (0, 400, 431)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
        b"GET /api/v1/flights/\r\n\r\n",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"\r\n" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/api/v1/flights/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(stack: LocalStack, raw: bytes) -> None:
    assert say(stack, raw, hang_up=True).status in (0, 400, 404, 405, 426, 505)


def test_another_host_than_ours_is_refused(stack: LocalStack) -> None:
    said = say(stack, request("/api/v1/flights/", method="GET", Host="evil.example"))
    assert (said.status, said.code) == (400, "bad_request")
