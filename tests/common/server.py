"""A little HTTP server in a thread that answers as it is told, and remembers what it was asked."""

import json
import socket
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int  # which one it came on


HANG_UP = "hang up"  # close the connection without a word
SILENCE = "silence"  # keep it open without a word


class LittleServer:
    """Answers from `answers`, one a request; then, and where there are none, 200 and an object."""

    def __init__(self) -> None:
        self.answers: deque[Answer | str] = deque()
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self.connections: list[socket.socket] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def will(self, *answers: Answer | str) -> None:
        self.answers.extend(answers)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, and hang up on every client."""
        self.over.set()
        self._http.shutdown()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()  # waits for the threads of all connections
        self._thread.join()


def _handler_for(server: LittleServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections.append(self.connection)
            self.number = len(server.connections)

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.loads(raw) if raw else None
            headers = dict(self.headers)
            server.asked.append(Asked(self.command, self.path, headers, body, self.number))
            answer = server.answers.popleft() if server.answers else Answer()
            if isinstance(answer, Answer):
                self.send(answer)
                return
            if answer == SILENCE:
                server.over.wait(30)
            self.close_connection = True

        def send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
