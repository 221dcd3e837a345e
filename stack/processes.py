"""What the local stack runs beside its servers, with every option in this one place."""

import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from stack.program import Program, StackError

BASE_DIR = Path(__file__).resolve().parent.parent
ALL_SERVICES = "flights,bookings,payments"
# Celery says this to root through the warnings module; the local stack may run as root.
ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


@dataclass(frozen=True)
class Web:
    """A web server of the stack: the variable that names its port, and what it serves."""

    port_variable: str
    default_port: int
    services: str


WEB = {
    "bookings": Web("PORT", 8000, ALL_SERVICES),
    "flights": Web("FLIGHTS_PORT", 8001, "flights"),
    "payments": Web("PAYMENTS_PORT", 8002, "payments"),
}
NAMES = [*WEB, "worker", "beat"]
DEFAULT_COUNTS = {"bookings": 2, "flights": 2, "payments": 2, "worker": 2}


def ports(environ: Mapping[str, str]) -> dict[str, int]:
    """The port of each web server. Raises StackError where one is no port number."""
    chosen = {}
    for name, web in WEB.items():
        value = environ.get(web.port_variable) or str(web.default_port)
        if not value.isdigit() or not 0 < int(value) < 65536:
            raise StackError(f"{web.port_variable} is no port number: {value!r}")
        chosen[name] = int(value)
    if len(set(chosen.values())) < len(chosen):
        variables = ", ".join(web.port_variable for web in WEB.values())
        raise StackError(f"{variables} must be three different ports.")
    return chosen


def programs(
    environ: Mapping[str, str],
    counts: Mapping[str, int],
    database_url: Callable[[str], str],
) -> list[Program]:
    """The stack's processes.

    `counts` says how many processes each web server and worker has, `database_url` where each finds
    the database; beat is where the worker is.
    """

    def of(name: str, services: str, **more: str) -> dict[str, str]:
        return {**environ, "SERVICES": services, "DATABASE_URL": database_url(name), **more}

    web = [
        web_server(name, port, of(name, WEB[name].services), workers=counts[name])
        for name, port in ports(environ).items()
    ]
    every = of("worker", ALL_SERVICES, PYTHONWARNINGS=ROOT_WARNING)
    celery = [sys.executable, "-m", "celery", "--quiet", "--app", "booking_project"]
    worker = Program(
        name="worker",
        argv=[
            *(*celery, "worker", "--queues", ALL_SERVICES, "--concurrency", str(counts["worker"])),
            *(
                "--include",
                "stack.orphans",
                "--without-gossip",
                "--without-mingle",
                "--loglevel",
                "WARNING",
            ),
        ],
        cwd=BASE_DIR,
        env=every,
        # SIGTERM lets tasks end first; with nobody left to follow up, they must not last.
        # What was cut short is found again: truth lives in rows.
        death_signal=signal.SIGKILL,
    )
    beat = Program(
        name="beat",
        argv=[*celery, "beat"],
        cwd=BASE_DIR,
        env=every,
        # It keeps nothing, and would wait for a database that goes down with it.
        death_signal=signal.SIGKILL,
    )
    return [*web, worker, beat]


def manage(*words: str, environ: Mapping[str, str]) -> Program:
    """A `manage.py` command, named after its first word."""
    argv = [sys.executable, "manage.py", *words]
    return Program(name=words[0], argv=argv, cwd=BASE_DIR, env=environ)


def answers(port: int) -> bool:
    """Whether the web server on this port can work: its /readyz says 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
            return response.status == 200
    except (OSError, HTTPException):
        return False


def web_server(
    name: str, port: int, environ: Mapping[str, str], *, workers: int, log: Path | None = None
) -> Program:
    """A web server on 127.0.0.1 for the services that `environ` names."""
    argv = [
        *(sys.executable, "-m", "granian", "booking_project.asgi:application"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
        *("--interface", "asginl", "--loop", "uvloop", "--http", "1", "--no-ws"),
        *("--log-level", "error"),
        # Any number of clients that are slow, or do nothing, in few files and little memory.
        *("--backlog", "4096", "--backpressure", "4096", "--http1-buffer-size", "65536"),
        *("--http1-header-read-timeout", "15000"),
        *("--respawn-failed-workers", "--workers-kill-timeout", "10"),
    ]
    # granian takes options from here, too: a reader of the stack must find them all above.
    environ = {key: value for key, value in environ.items() if not key.startswith("GRANIAN_")}
    return Program(name=name, argv=argv, cwd=BASE_DIR, env=environ, log=log)


def default_data_dir() -> Path:
    """Where the local stack keeps its files: DATA_DIR, else `.seathold` in the project."""
    return Path(os.environ.get("DATA_DIR") or BASE_DIR / ".seathold").absolute()
