"""A load generator that costs little of what it measures: one thread, raw sockets.

Each client is a generator: it yields its requests and is sent their replies, one at a time, over a
connection that it keeps. Requests are bytes, made beforehand or by joining a few.
"""

import selectors
import socket
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple, Self


class Request(NamedTuple):
    """What to send, and the kind of request it counts as."""

    kind: str
    data: bytes


class Reply(NamedTuple):
    """A status, 0 for a connection that broke; and the body."""

    status: int
    body: bytes


Script = Generator[Request, Reply, None]


def request(
    kind: str, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> Request:
    """A request of HTTP/1.1 for any of our servers."""
    if body:
        headers = {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n"
    return Request(kind, head.encode() + body)


def parse(received: bytes) -> Reply | None:
    """The one reply in `received`, or None while some of it is missing."""
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return Reply(int(head[9:12]), body) if len(body) >= length else None


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of `values` that `percent` of them don't exceed; 0 where there is none."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)] if ordered else 0.0


@dataclass
class Load:
    """What came of it: how long each request took its client, and how each was answered."""

    seconds: float = 0.0
    own_cpu: float = 0.0
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)

    def note(self, kind: str, status: int, milliseconds: float) -> None:
        counts = self.statuses.setdefault(kind, {})
        counts[status] = counts.get(status, 0) + 1
        if 200 <= status < 300:
            self.milliseconds.setdefault(kind, []).append(milliseconds)

    def done(self, kind: str) -> int:
        """How many requests of a kind were answered 2xx."""
        return len(self.milliseconds.get(kind, []))

    def rate(self, kind: str) -> float:
        """The same a second."""
        return self.done(kind) / self.seconds if self.seconds else 0.0

    def percentile(self, kind: str, percent: float) -> float:
        """Milliseconds within which so many per cent of them were answered."""
        return percentile(self.milliseconds.get(kind, []), percent)

    def refused(self) -> dict[str, int]:
        """What was answered other than 2xx, counted by kind and status."""
        return {
            f"{kind} {status}": count
            for kind, counts in self.statuses.items()
            for status, count in counts.items()
            if not 200 <= status < 300
        }


class Client:
    """One script's connection."""

    def __init__(self, port: int, script: Script) -> None:
        self.port, self.script = port, script
        self.request: Request | None = next(script)
        self.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self) -> None:
        assert self.request  # noqa: S101
        self.started = time.perf_counter()
        self.socket.sendall(self.request.data)

    def receive(self) -> Reply | None:
        """The reply, once it is whole."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            return Reply(0, b"")
        self.received += data
        return parse(self.received)

    def go_on(self, reply: Reply) -> bool:
        """Hand the reply to the script, and take its next request; whether there is one."""
        self.received = b""
        try:
            self.request = self.script.send(reply)
        except StopIteration:
            self.request = None
        return self.request is not None


class Window:
    """The time in which requests count: after the warm-up, for so many seconds."""

    def __init__(
        self,
        seconds: float,
        warm_up: float,
        on_start: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        self.load = Load()
        self.seconds, self.on_start, self.on_end = seconds, on_start, on_end
        self.begin_at = time.perf_counter() + warm_up
        self.is_open = self.is_over = False

    def look(self, *, idle: bool) -> None:
        """Open and close it when it is time, or when nobody is left."""
        now = time.perf_counter()
        if not self.is_open and not self.is_over and now >= self.begin_at:
            self.on_start()
            self.is_open, self.begin_at = True, time.perf_counter()
            self.own_cpu = time.process_time()
        if self.is_open and (idle or now >= self.begin_at + self.seconds):
            self.load.seconds = time.perf_counter() - self.begin_at
            self.load.own_cpu = time.process_time() - self.own_cpu
            self.on_end()
            self.is_open, self.is_over = False, True


def drive(
    port: int,
    scripts: Iterable[Script],
    *,
    seconds: float,
    warm_up: float = 0.0,
    on_start: Callable[[], None] = lambda: None,
    on_end: Callable[[], None] = lambda: None,
) -> Load:
    """Let all scripts go at once, until `seconds` after the warm-up, or until all have ended.

    What is answered between `on_start` and `on_end` counts, and nothing else. What is under way at
    the end is waited for, so that nothing of it falls into what is measured next.
    """
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        clients = [stack.enter_context(Client(port, script)) for script in scripts]
        window = Window(seconds, warm_up, on_start, on_end)
        window.look(idle=False)
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send()
        active = len(clients)
        while active:
            for key, _ in selector.select(0.1):
                active -= _serve(selector, key.data, window)
            window.look(idle=not active)
        return window.load


def _serve(selector: selectors.BaseSelector, client: Client, window: Window) -> bool:
    """Take what a client received; whether it has come to its end."""
    reply = client.receive()
    if reply is None or client.request is None:
        return False
    if window.is_open:
        took = (time.perf_counter() - client.started) * 1000
        window.load.note(client.request.kind, reply.status, took)
    if reply.status == 0:
        selector.unregister(client.socket)
        client.socket.close()
        client.connect()
        selector.register(client.socket, selectors.EVENT_READ, client)
    if window.is_over or not client.go_on(reply):
        return True
    client.send()
    return False
