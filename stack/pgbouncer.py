"""PgBouncer between the stack's processes and its database: one pool of connections a service.

In transaction mode a connection belongs to a client for one transaction, so a few of them carry
many threads. What a session would remember, the next transaction may not find: `docs/scaling.md`
says what that forbids. Not for production: there PgBouncer is the operator's.
"""

import os
import shutil
from pathlib import Path

import psycopg2
from psycopg2.extensions import parse_dsn

from stack.program import Program, StackError
from stack.servers import Server

# Connections to the database by pool: web servers of 16 threads each make do with 8.
POOLS = {"bookings": 8, "flights": 8, "payments": 4, "worker": 4, "commands": 4}
SETTINGS = {
    "pool_mode": "transaction",
    "auth_type": "scram-sha-256",
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "max_client_conn": 1000,
    # Longer than a transaction may last: whoever waits longer gets an error, and answers 503.
    "query_wait_timeout": 20,
    # While the database starts again, clients wait a moment and not a quarter of a minute.
    "server_login_retry": 1,
}


class PgBouncer(Server):
    """Pools in front of the database behind `database_url`."""

    name = "pgbouncer"

    def __init__(self, directory: Path, *, database_url: str, password: str) -> None:
        super().__init__(directory, password=password)
        self._database = parse_dsn(database_url)

    @property
    def url(self) -> str:
        return self.url_of("commands")

    def url_of(self, pool: str) -> str:
        """The DATABASE_URL of those who are to use this pool."""
        return f"postgresql://seathold:{self.password}@127.0.0.1:{self.port}/{pool}"

    def prepare(self) -> None:
        binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if binary is None:
            raise StackError("PgBouncer is missing: put pgbouncer on the PATH.")
        self._binary = binary
        self._account_used = self._make_directory(self.directory)
        self.log.unlink(missing_ok=True)
        there = " ".join(f"{name}={_quoted(value)}" for name, value in self._database.items())
        lines = [
            "[databases]",
            *(f"{pool} = {there} pool_size={size}" for pool, size in POOLS.items()),
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in SETTINGS.items()),
            f"listen_port = {self.port}",
            "auth_file = users.txt",
        ]
        self._write("pgbouncer.ini", "\n".join(lines) + "\n")
        self._write("users.txt", f'"seathold" "{self.password}"\n')

    def program(self) -> Program:
        return Program(
            name=self.name,
            argv=[self._binary, "--quiet", "pgbouncer.ini"],
            cwd=self.directory,
            account=self._account_used,
            log=self.log,
        )

    def ready(self) -> bool:
        try:
            psycopg2.connect(self.url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        if self._account_used:
            os.chown(path, *self._account_used)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
