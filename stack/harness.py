"""A stack of one's own for system tests and the demo: own data, own ports, gone at the end."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

from stack.datadir import parse_env
from stack.processes import BASE_DIR, WEB, answers
from stack.program import Program, StackError, end, free_port, spawn, tail

START_SECONDS = 120.0
ANSWER_SECONDS = 30.0
# Left out of what the stack inherits: it must not take over somebody else's servers or secrets.
NOT_INHERITED = {
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SERVICE_SECRETS", "SERVICES", "DEBUG", "SECURE"),
    *("ALLOWED_HOSTS", "FLIGHTS_URL", "PAYMENTS_URL", "DJANGO_SETTINGS_MODULE", "DATA_DIR"),
    *("DEMO_DATA", "STATIC_ROOT", "SITE_URL", "EMAIL_URL"),
}


@dataclass(frozen=True)
class Answer:
    """What a service answered. `body` is the parsed JSON, or the text where it is none.

    `headers` are found however their names are written.
    """

    status: int
    body: Any
    headers: Message


class LocalStack:
    """The real `manage.py stack` as a child process, with a new DATA_DIR and free ports.

    With PGBOUNCER=1 in the environment, every such stack has PgBouncer before its database.
    `env` is added to its environment, and may put something between the services by naming
    FLIGHTS_URL and PAYMENTS_URL. Leaving the `with` block stops it and deletes its data.
    Methods that take a name want one of bookings, flights, payments, worker, beat, database,
    broker. All raise StackError when what they promise does not come about.
    """

    def __init__(self, env: Mapping[str, str] | None = None, options: tuple[str, ...] = ()) -> None:
        self._env = dict(env or {})
        self._options = (*options, "--pgbouncer") if os.environ.get("PGBOUNCER") else options
        self._ports = {name: free_port() for name in WEB}
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> Self:
        self.data_dir = Path(tempfile.mkdtemp(prefix="seathold-stack-"))
        self._log = self.data_dir / "stack.log"
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the stack and delete its data."""
        if self._control:
            self._control.close()
        if self._process:
            end(self._process, self._program(), seconds=40.0)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    # --- Where it is ----------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The site: everything under one address, served by the process `bookings`."""
        return self._url("bookings")

    @property
    def flights_url(self) -> str:
        return self._url("flights")

    @property
    def payments_url(self) -> str:
        return self._url("payments")

    def port(self, name: str) -> int:
        """The port of a web server, known before the start."""
        return self._ports[name]

    @property
    def env(self) -> dict[str, str]:
        """The variables that a process needs to work with this stack (its `stack.env`)."""
        return parse_env((self.data_dir / "stack.env").read_text())

    @property
    def supervisor(self) -> int:
        """The id of the process that started all others. Raises StackError where none runs."""
        if self._process is None:
            raise StackError("The stack does not run.")
        return self._process.pid

    def logs(self) -> str:
        """All that the stack has printed so far."""
        return self._log.read_text(errors="replace")

    # --- What can be done to it -----------------------------------------------------------------

    def stop(self, name: str) -> None:
        """Stop one process; it stays down until `start`."""
        self._ask("stop", name)

    def start(self, name: str) -> None:
        """Start a process that was stopped; a web server answers when this returns."""
        self._ask("start", name)
        self.wait_ready(name)

    def kill(self, name: str) -> None:
        """SIGKILL one process, as a crash would. The stack starts it again by itself."""
        self._ask("kill", name)

    def wait_ready(self, name: str, seconds: float = 60.0) -> None:
        """Wait until a web server answers /readyz with 200; for other processes do nothing."""
        if name not in WEB:
            return
        deadline = time.monotonic() + seconds
        while not answers(self._ports[name]):
            if time.monotonic() > deadline:
                printed = tail(self._log, 30)
                raise StackError(f"{name} is not ready after {seconds:.0f} s. Printed:{printed}")
            time.sleep(0.1)

    def pid(self, name: str) -> int | None:
        """The process id of one program, None while it does not run. What it started is below."""
        try:
            return int((self.data_dir / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a `manage.py` command against this stack, for the caller to wait for or to kill."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=BASE_DIR,
            env={**self._inherited(), "DATA_DIR": str(self.data_dir)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def manage(self, *words: str, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a `manage.py` command against this stack, as a second terminal would."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=BASE_DIR,
            env={**self._inherited(), "DATA_DIR": str(self.data_dir)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    # --- Talking to it --------------------------------------------------------------------------

    def login(self, username: str, password: str | None = None) -> "Client":
        """A client with a token of this account. The demo accounts' passwords are their names."""
        body = {"username": username, "password": password or username}
        answer = self.anonymous().post("auth/login/", body)
        if answer.status != 200:
            raise StackError(f"{username} can't log in: {answer.status} {answer.body}")
        return Client(self.url, f"Token {answer.body['token']}")

    def anonymous(self) -> "Client":
        """A client without an account."""
        return Client(self.url)

    def service(self, name: str) -> "Client":
        """A client of one process that shows the service secret."""
        secret = self.env["SERVICE_SECRETS"].split(",")[0]
        return Client(self._url(name), f"Service {secret}")

    # --- Inside ---------------------------------------------------------------------------------

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def _inherited(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}

    def _program(self, control_fd: int = -1) -> Program:
        ports = {WEB[name].port_variable: str(port) for name, port in self._ports.items()}
        command = [sys.executable, "manage.py", "stack", "--control-fd", str(control_fd)]
        return Program(
            name="stack",
            argv=[*command, *self._options],
            cwd=BASE_DIR,
            env={
                **self._inherited(),
                "THROTTLES": "off",  # tests ask faster than people do
                **ports,
                **self._env,
                "DATA_DIR": str(self.data_dir),
            },
            log=self._log,
        )

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            program = self._program(theirs.fileno())
            self._process = spawn(program, keep_fds=[theirs.fileno()])
        self._receive(START_SECONDS)

    def _ask(self, action: str, name: str) -> None:
        if self._control is None:
            raise StackError("The stack does not run.")
        # Where the stack has ended, the missing answer tells, with what it printed last.
        with contextlib.suppress(OSError):
            self._control.sendall(json.dumps({"do": action, "name": name}).encode() + b"\n")
        self._receive(ANSWER_SECONDS)

    def _receive(self, seconds: float) -> None:
        """Wait for one line of the stack's. Raises StackError when it says so, ends or is late."""
        received = b""
        if self._control:
            self._control.settimeout(seconds)
            try:
                while not received.endswith(b"\n") and (data := self._control.recv(4096)):
                    received += data
            except OSError:
                received = b""
        if not received:
            raise StackError(f"The stack does not answer. It printed:{tail(self._log, 30)}")
        if error := json.loads(received).get("error"):
            raise StackError(error)


class Client:
    """JSON over HTTP, as one caller. Paths are relative to /api/v1/, or absolute with a slash."""

    def __init__(self, url: str, authorization: str = "") -> None:
        self.address = url.removeprefix("http://")
        self.authorization = authorization

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.request("POST", path, {} if body is None else body, headers)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request. Header names may use underscores: `Idempotency_Key="k1"`.

        Any answer is returned, whatever its status. Raises OSError or HTTPException where none
        comes.
        """
        sent = {"Accept": "application/json"}
        if self.authorization:
            sent["Authorization"] = self.authorization
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        target = path if path.startswith("/") else f"/api/v1/{path}"
        connection = HTTPConnection(self.address, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, target, None if body is None else json.dumps(body), sent)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        return Answer(response.status, _parsed(text), response.headers)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
