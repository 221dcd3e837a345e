"""Run everything on this machine: PostgreSQL, Valkey, three services, worker and beat."""

import argparse
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_urlsafe
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from stack import processes
from stack.control import Control
from stack.datadir import INSECURE_PREFIX, DataDir, write_env
from stack.pgbouncer import PgBouncer
from stack.program import StackError, die_with_parent
from stack.servers import Postgres, Server, Valkey, check_broker, check_database
from stack.supervisor import StopRequested, Supervisor

READY_SECONDS = 90.0
# What a second terminal needs to talk to this stack, beside all that bounds how long things take.
SHARED = (
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "SERVICE_SECRETS", "FLIGHTS_URL", "PAYMENTS_URL"),
    *("SECURE", "ALLOWED_HOSTS", "DEBUG", "DEMO_DATA", "STATIC_ROOT"),
)
SHARED_ENDINGS = ("_SECONDS", "_READ_TIMEOUT", "_CONNECT_TIMEOUT")

EPILOG = """
Environment (everything else is passed on to the processes):
  PORT, FLIGHTS_PORT, PAYMENTS_PORT   8000, 8001, 8002; all on 127.0.0.1
  DATABASE_URL, REDIS_URL             use these servers and start none
  FLIGHTS_URL, PAYMENTS_URL           where bookings finds the others, if something is in between
  DATA_DIR                            where data and secrets are kept (.seathold)
  DEMO_DATA                           1 (the default) loads flights and accounts once
  POSTGRES_BIN_DIR                    the folder of postgres and initdb to use

While it runs, DATA_DIR/stack.env lets other commands find it: `manage.py audit`.
Ctrl-C stops everything; a second one kills it. A process that dies is started again.
"""


class Command(BaseCommand):
    help = __doc__
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **kwargs,
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-demo", action="store_true", help="load no demo data, whatever DEMO_DATA says"
        )
        parser.add_argument(
            "--only", choices=["servers"], help="run just the database and the broker"
        )
        parser.add_argument(
            "--pgbouncer",
            action="store_true",
            help="put PgBouncer before the database, one pool a service, in transaction mode",
        )
        parser.add_argument(
            "--processes",
            metavar="NAME=N,...",
            default="",
            help="how many processes serve each of bookings, flights, payments, worker (2 each)",
        )
        parser.add_argument(
            "--die-with-parent",
            action="store_true",
            help="stop when the process that started this one ends (Linux)",
        )
        parser.add_argument("--control-fd", type=int, help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["die_with_parent"]:
            die_with_parent(signal.SIGTERM, os.getppid())
        # No "CommandError:" before a sentence that is meant to be read.
        try:
            Stack(options).run()
        except StackError as error:
            raise SystemExit(str(error)) from None
        except OSError as error:
            raise SystemExit(f"The stack can't run: {_sentence(error)}.") from None


class Stack:
    """One run of the local stack."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.counts = _counts(options["processes"])
        self.servers_only = options["only"] == "servers"
        self.no_demo = options["no_demo"]
        self.pooled = options["pgbouncer"]
        self.control_fd: int | None = options["control_fd"]
        self.data = DataDir(processes.default_data_dir())

    def run(self) -> None:
        """Start everything, and run until asked to stop. Raises StackError or OSError."""
        ports = processes.ports(os.environ)
        if not self.servers_only:
            for name, port in ports.items():
                _refuse_busy_port(processes.WEB[name].port_variable, port)
        children_lock = self.data.claim()
        try:
            with (
                Supervisor(
                    names=["collectstatic", "load_demo", *processes.NAMES],
                    pid_dir=self.data.path,
                    keep_fds=[children_lock],
                ) as supervisor,
                _stopping_quietly(supervisor),
            ):
                self._run(supervisor, ports)
        finally:
            self.data.env_file.unlink(missing_ok=True)
            self.data.release()

    def _run(self, supervisor: Supervisor, ports: dict[str, int]) -> None:
        control = None
        if self.control_fd is not None:
            control = Control(socket.socket(fileno=self.control_fd), supervisor)
        print("Starting (Ctrl-C stops it) …", flush=True)
        environ = self._environment(supervisor, ports)
        pools = self._pools(supervisor, environ) if self.pooled else None
        shared = _shared(environ) | ({"DATABASE_URL": pools.url} if pools else {})
        write_env(self.data.env_file, shared)
        if self.servers_only:
            print(f"Ready: database and broker. Their addresses are in {self.data.env_file}.")
        else:
            self._start_processes(supervisor, ports, environ, pools)
            print(_ready_message(ports, self.data, environ["DEMO_DATA"] == "1"), flush=True)
        if control:
            control.announce_ready()
        supervisor.serve()

    def _environment(self, supervisor: Supervisor, ports: dict[str, int]) -> dict[str, str]:
        """What every process gets, with servers running behind DATABASE_URL and REDIS_URL."""
        secrets = self.data.secrets()
        environ = {
            "SECURE": "0",
            "DEBUG": "0",
            "ALLOWED_HOSTS": "127.0.0.1,localhost,[::1]",
            "SECRET_KEY": secrets["SECRET_KEY"],
            "SERVICE_SECRETS": secrets["SERVICE_SECRETS"],
            "STATIC_ROOT": str(self.data.path / "static"),
            # One demo traveller may try it as hard as they like.
            "MAX_UNPAID_BOOKINGS": "0",
            "MAX_BOOKINGS_PER_FLIGHT_HOUR": "0",
            "LOG_FORMAT": "text",
            "THROTTLE_RATES": "search=999/s,create=999/s,pay=999/s,login=300/min,login_name=60/min",
            "SITE_URL": f"http://127.0.0.1:{ports['bookings']}",
            "FLIGHTS_URL": f"http://127.0.0.1:{ports['flights']}",
            "PAYMENTS_URL": f"http://127.0.0.1:{ports['payments']}",
            **os.environ,
            "DATA_DIR": str(self.data.path),
            "PYTHONUNBUFFERED": "1",
        }
        # Demo accounts have known passwords: never by themselves beside somebody's own key.
        local_key = environ["SECRET_KEY"].startswith(INSECURE_PREFIX)
        environ.setdefault("DEMO_DATA", "1" if local_key else "0")
        if self.no_demo:
            environ["DEMO_DATA"] = "0"
        if "DATABASE_URL" in environ:
            check_database(environ["DATABASE_URL"])
        else:
            password = secrets["POSTGRES_PASSWORD"]
            database = Postgres(self.data.path / "postgres", password=password)
            environ["DATABASE_URL"] = _start_server(supervisor, database)
        if "REDIS_URL" in environ:
            check_broker(environ["REDIS_URL"])
        else:
            broker = Valkey(self.data.path / "valkey", password=secrets["REDIS_PASSWORD"])
            environ["REDIS_URL"] = _start_server(supervisor, broker)
        return environ

    def _pools(self, supervisor: Supervisor, environ: dict[str, str]) -> PgBouncer:
        pools = PgBouncer(
            self.data.path / "pgbouncer",
            database_url=environ["DATABASE_URL"],
            password=token_urlsafe(24),
        )
        _start_server(supervisor, pools)
        return pools

    def _start_processes(
        self,
        supervisor: Supervisor,
        ports: dict[str, int],
        environ: dict[str, str],
        pools: PgBouncer | None,
    ) -> None:
        every = {**environ, "SERVICES": processes.ALL_SERVICES}
        steps = [["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "-v", "0"]]
        if environ["DEMO_DATA"] == "1":
            steps.append(["load_demo"])
        for words in steps:
            supervisor.run_once(processes.manage(*words, environ=every))
        database_url = pools.url_of if pools else lambda name: environ["DATABASE_URL"]
        for program in processes.programs(environ, self.counts, database_url):
            supervisor.start(program)
        waiting = set(ports.values())

        def all_ready() -> bool:
            waiting.difference_update([port for port in waiting if processes.answers(port)])
            return not waiting

        supervisor.wait_for(all_ready, seconds=READY_SECONDS, what="An answer of every service")


@contextmanager
def _stopping_quietly(supervisor: Supervisor) -> Iterator[None]:
    try:
        yield
    except StopRequested:
        print("Stopping.", flush=True)


def _start_server(supervisor: Supervisor, server: Server) -> str:
    server.prepare()
    supervisor.start(server.program())
    supervisor.wait_for(server.ready, seconds=30, what=f"The start of the {server.name}")
    return server.url


def _refuse_busy_port(variable: str, port: int) -> None:
    with socket.socket() as probe:
        # As web servers do it: a port whose last connections are closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise StackError(f"Port {port} is not for ordinary users: set {variable}.") from None
        except OSError:
            raise StackError(
                f"Port {port} is in use: stop what runs there, or set {variable}."
            ) from None


def _shared(environ: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name in SHARED or name.endswith(SHARED_ENDINGS)
    }


def _counts(option: str) -> dict[str, int]:
    counts = dict(processes.DEFAULT_COUNTS)
    for part in filter(None, option.split(",")):
        name, _, number = part.partition("=")
        if name not in counts or not number.isdigit() or int(number) < 1:
            raise CommandError(f"--processes wants {'=N, '.join(counts)}=N, not {part!r}.")
        counts[name] = int(number)
    return counts


def _sentence(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _ready_message(ports: dict[str, int], data: DataDir, demo: bool) -> str:
    site = f"http://127.0.0.1:{ports['bookings']}"
    lines = [
        "",
        f"Ready:    {site}/api/v1/   (docs: {site}/api/v1/docs/, admin: {site}/admin/)",
        f"          flights on {ports['flights']}, payments on {ports['payments']}",
    ]
    if demo:
        lines += [
            "Log in:   traveller/traveller, traveller2/traveller2, and staff: admin/admin,",
            "          support/support, schedule/schedule, finance/finance",
        ]
    lines += [
        f"Data:     {data.path}",
        "Stop:     Ctrl-C",
        "",
    ]
    return "\n".join(lines)
