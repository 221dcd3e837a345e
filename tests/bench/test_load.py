"""The load generator, against a little server of its own."""

import socket
import threading
from collections.abc import Iterator

import pytest

from bench.load import Load, Reply, Script, drive, parse, percentile, request

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


class LittleServer:
    """Answers whatever comes, over connections that are kept; `hang_up` first closes some."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked: list[bytes] = []
        self.hang_up = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        try:
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()
        except OSError:
            return

    def serve(self, connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                self.asked.append(data)
                if self.hang_up:
                    self.hang_up -= 1
                    return
                # In two pieces, as answers come.
                connection.sendall(ANSWER[:30])
                connection.sendall(ANSWER[30:])


@pytest.fixture
def server() -> Iterator[LittleServer]:
    server = LittleServer()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()


def asks(times: int, replies: list[Reply]) -> Script:
    for _ in range(times):
        replies.append((yield request("ask", "POST", "/", {"X-A": "1"}, b"{}")))


def test_each_client_asks_until_its_script_ends(server: LittleServer) -> None:
    replies: list[Reply] = []
    load = drive(server.port, [asks(3, replies), asks(2, replies)], seconds=30)
    assert replies == [Reply(201, b"{}")] * 5
    assert load.done("ask") == 5
    assert load.refused() == {}
    assert 0 < load.rate("ask") == 5 / load.seconds


def test_a_request_says_how_long_its_body_is(server: LittleServer) -> None:
    drive(server.port, [asks(1, [])], seconds=30)
    assert server.asked == [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    ]


def test_a_broken_connection_counts_and_is_made_again(server: LittleServer) -> None:
    server.hang_up = 1
    replies: list[Reply] = []
    load = drive(server.port, [asks(2, replies)], seconds=30)
    assert replies == [Reply(0, b""), Reply(201, b"{}")]
    assert load.refused() == {"ask 0": 1}


def test_what_comes_before_the_window_does_not_count(server: LittleServer) -> None:
    marks: list[str] = []

    def forever() -> Script:
        while True:
            yield request("ask", "GET", "/", {})

    load = drive(
        server.port,
        [forever()],
        seconds=0.05,
        warm_up=0.05,
        on_start=lambda: marks.append(f"started after {bool(server.asked)}"),
        on_end=lambda: marks.append("ended"),
    )
    assert marks == ["started after True", "ended"]
    assert 0 < load.done("ask") < len(server.asked)


@pytest.mark.parametrize(
    ("received", "reply"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", Reply(200, b"abc")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Reply(204, b"")),
    ],
)
def test_a_reply_is_read_when_it_is_whole(received: bytes, reply: Reply | None) -> None:
    assert parse(received) == reply


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert percentile([7.0], 99) == 7
    assert percentile([], 50) == 0


def test_only_2xx_are_done() -> None:
    load = Load(seconds=2)
    for status in (201, 201, 409, 0):
        load.note("create", status, 1.0)
    assert (load.done("create"), load.rate("create")) == (2, 1.0)
    assert load.refused() == {"create 409": 1, "create 0": 1}
