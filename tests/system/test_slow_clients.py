"""A thousand clients that are slow, or mean to be, and the others who notice nothing."""

import contextlib
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from stack.harness import LocalStack

pytestmark = pytest.mark.system

HEAD = b"GET /api/v1/flights/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = (
    b"POST /api/v1/bookings/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)
CHUNK = (
    b"POST /api/v1/bookings/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n{"
)


class SlowClient:
    """Begins a request, and then sends a byte at a time; begins again where it is thrown out."""

    def __init__(self, port: int, beginning: bytes) -> None:
        self.port, self.beginning = port, beginning
        self.begin()

    def begin(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.socket.sendall(self.beginning)

    def drip(self) -> None:
        try:
            self.socket.sendall(b"x")
        except OSError:
            self.socket.close()
            self.begin()


@contextmanager
def a_thousand_slow_clients(stack: LocalStack) -> Iterator[list[SlowClient]]:
    """On every service, and most of them where everybody asks; they drip until the end."""
    crowds = [(stack.port("bookings"), 200), (stack.port("flights"), 70)]
    crowds.append((stack.port("payments"), 70))
    clients = [
        SlowClient(port, beginning)
        for port, crowd in crowds
        for beginning in (HEAD, BODY, CHUNK)
        for _ in range(crowd)
    ]
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.5):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.drip()

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        yield clients
    finally:
        over.set()
        dripping.join()
        for client in clients:
            client.socket.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """A thousand sockets are more than some systems let one process open at first."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))


@pytest.mark.usefixtures("many_files")
def test_nobody_notices_a_thousand_slow_clients(stack: LocalStack) -> None:
    traveller = stack.login("traveller2")
    with a_thousand_slow_clients(stack) as slow:
        assert len(slow) > 1000
        for _ in range(5):
            found = stack.anonymous().get("flights/?trips=DEL-BOM&limit=1")
            assert found.status == 200, found
            flight = found.body["results"][0]["id"]
            booked = traveller.post("bookings/", {"flightId": flight, "noOfSeats": 1})
            assert booked.status == 201, booked
            path = f"bookings/{booked.body['id']}/payments/"
            paid = traveller.post(path, {"paymentMethod": "tok_visa"}, Idempotency_Key=uuid4().hex)
            assert (paid.status, paid.body.get("status")) == (200, "BOOKED"), paid
            assert traveller.post(f"bookings/{booked.body['id']}/cancel/").status == 200
