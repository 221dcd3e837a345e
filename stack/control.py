"""How the one who started a stack tells it to stop, start or kill single processes.

Over a socket pair that only the two of them have: `{"do": "stop", "name": "flights"}` a line, and
`{"ok": true}` or `{"error": "..."}` back. The stack itself begins, with `{"ready": true}`. When
the other end closes, for whatever reason, the stack stops.
"""

import json
import socket
from typing import Any

from stack.program import StackError
from stack.supervisor import Supervisor


class Control:
    """The stack's end of the socket pair."""

    def __init__(self, connection: socket.socket, supervisor: Supervisor) -> None:
        self._connection = connection
        self._supervisor = supervisor
        self._received = b""
        supervisor.watch(connection, self._on_readable)

    def announce_ready(self) -> None:
        """Tell the other end that all services answer."""
        self._send({"ready": True})

    def _on_readable(self) -> None:
        try:
            data = self._connection.recv(4096)
        except ConnectionError:
            data = b""
        if not data:
            self._supervisor.unwatch(self._connection)
            self._supervisor.request_stop()
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._send(self._obey(json.loads(line)))

    def _obey(self, request: dict[str, str]) -> dict[str, Any]:
        action = {
            "stop": self._supervisor.stop,
            "start": self._supervisor.restart,
            "kill": self._supervisor.kill,
        }[request["do"]]
        try:
            action(request["name"])
        except StackError as error:
            return {"error": str(error)}
        return {"ok": True, "pid": self._supervisor.children[request["name"]].pid}

    def _send(self, answer: dict[str, Any]) -> None:
        try:
            self._connection.sendall(json.dumps(answer).encode() + b"\n")
        except ConnectionError:
            self._supervisor.request_stop()
