"""The network that can be broken, between a plain client and a plain server."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chaos.proxy import HOWS, FaultProxy, Trouble

BODY = b"0123456789" * 20
HASTE = 0.3  # seconds that a client waits for an answer
BROKEN = (OSError, http.client.HTTPException)


class Server(ThreadingHTTPServer):
    """Answers everything alike, and tells what has arrived."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[str] = []
        self.arrived = threading.Condition()

    def handle_error(self, *about: object) -> None:
        """Clients go away here."""

    def wait_for(self, path: str) -> bool:
        with self.arrived:
            return self.arrived.wait_for(lambda: path in self.got, timeout=10)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.arrived:
            self.server.got.append(self.path)
            self.server.arrived.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    with FaultProxy() as proxy:
        proxy.lead_to(server.server_port)
        yield proxy


def ask(proxy: FaultProxy, path: str = "/x", seconds: float = 10) -> bytes:
    """The answer. Raises OSError or HTTPException where none comes, or half of one."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=seconds)
    try:
        connection.request("POST", path, b"a body of its own")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_without_trouble_everything_passes(proxy: FaultProxy) -> None:
    assert ask(proxy) == BODY


@pytest.mark.parametrize("how", set(HOWS) - {"slow"})
def test_in_trouble_no_answer_comes_and_after_it_all_is_well(proxy: FaultProxy, how: str) -> None:
    proxy.meet(Trouble(how))
    with pytest.raises(BROKEN):
        ask(proxy, seconds=HASTE)
    proxy.heal()
    assert ask(proxy) == BODY


def test_a_slow_network_passes_everything(proxy: FaultProxy) -> None:
    proxy.meet(Trouble("slow", seconds=HASTE))
    with pytest.raises(TimeoutError):
        ask(proxy, seconds=HASTE)
    assert ask(proxy) == BODY


@pytest.mark.parametrize("how", ["deaf", "half"])
def test_where_only_answers_are_lost_requests_arrive(
    proxy: FaultProxy, server: Server, how: str
) -> None:
    proxy.meet(Trouble(how))
    with pytest.raises(BROKEN):
        ask(proxy, "/lost", seconds=HASTE)
    assert server.wait_for("/lost")


def test_a_late_request_arrives_when_nobody_waits_for_it_any_more(
    proxy: FaultProxy, server: Server
) -> None:
    proxy.meet(Trouble("late"))
    with pytest.raises(TimeoutError):
        ask(proxy, "/late", seconds=HASTE)
    assert server.got == []
    proxy.heal()
    assert server.wait_for("/late")


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_what_is_cut_or_swallowed_never_arrives(
    proxy: FaultProxy, server: Server, how: str
) -> None:
    proxy.meet(Trouble(how))
    with pytest.raises(BROKEN):
        ask(proxy, "/never", seconds=HASTE)
    proxy.heal()
    assert ask(proxy, "/after") == BODY
    assert server.got == ["/after"]


def test_a_cut_ends_connections_that_stand(proxy: FaultProxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", "/x", b"first")
    assert connection.getresponse().read() == BODY
    proxy.meet(Trouble("cut"))
    with pytest.raises(ConnectionResetError):
        connection.sock.recv(1)
    connection.close()


def test_trouble_for_some_requests_leaves_the_others_alone(proxy: FaultProxy) -> None:
    proxy.meet(Trouble("cut", where="POST /there"))
    assert ask(proxy, "/here") == BODY
    with pytest.raises(BROKEN):
        ask(proxy, "/there")
