"""The limit: what PostgreSQL alone does with the same statements, sent by pgbench.

The statements are not written here. One request is made while the server logs what it is sent by
all services; from that comes a script for pgbench, in which whatever must differ from one time to
the next (ids, references, locators, the flight) is a variable.
"""

import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from bench.processes import cpu_seconds, descendants
from stack.harness import LocalStack
from stack.servers import find_postgres

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOGGED = re.compile(r"^\S+ \S+ \S+ \[(\d+)\] LOG:  statement: (.*)$")
RETURNING = re.compile(r'INSERT INTO "(\w+)".* RETURNING "\w+"\."id"', re.DOTALL)
# Ids of a recording begin far from all other numbers, so that each is known for one wherever it
# stands; the first digit is the recording's own.
FIRST_ID, IDS_EACH = 1_000_000_000, 1_000_000


@dataclass(frozen=True)
class Limit:
    """What pgbench reached: transactions a second, and the server's CPU for each."""

    clients: int
    rate: float
    cpu_ms: float


class Recorder:
    """Statements that the web servers of a stack send, as the database's log has them."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.log = stack.data_dir / "postgres.log"
        self.url = stack.env["DATABASE_URL"]
        self.first_id = 2 * FIRST_ID

    def record(self, play: Callable[[], str], flight_id: int) -> str:
        """A script for pgbench, of what happens while `play` makes a booking of that flight.

        `play` returns the booking's locator. The flight's id must be no other number in it.
        """
        for name in ("worker", "beat"):
            self.stack.stop(name)
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("CREATE SEQUENCE IF NOT EXISTS bench_locators")
                tables = self._move_ids_away(cursor)
                self._log_all(cursor, "all")
                begin = self.log.stat().st_size
                locator = play()
                self._log_all(cursor, "none")
                pid = connection.info.backend_pid
        finally:
            connection.close()
        for name in ("worker", "beat"):
            self.stack.start(name)
        self.first_id += FIRST_ID
        sent = statements(self.log.read_bytes()[begin:].decode(), but=pid)
        return as_script(sent, tables, self.first_id - FIRST_ID, locator, flight_id)

    def _move_ids_away(self, cursor: psycopg2.extensions.cursor) -> list[str]:
        """Let each table count on from where no other number is; the tables in that order."""
        cursor.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'id' AND data_type = 'bigint'"
            " AND (table_name LIKE 'bookings%' OR table_name LIKE 'payments%')"
            " AND is_identity = 'YES' ORDER BY table_name"
        )
        tables = [name for (name,) in cursor.fetchall()]
        for number, table in enumerate(tables):
            first = self.first_id + number * IDS_EACH
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, first])
        return tables

    def _log_all(self, cursor: psycopg2.extensions.cursor, what: str) -> None:
        cursor.execute(sql.SQL("ALTER SYSTEM SET log_statement = {}").format(sql.Literal(what)))
        cursor.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            cursor.execute("SHOW log_statement")
            if cursor.fetchone() == (what,):
                return
            time.sleep(0.05)
        raise RuntimeError("The database does not take up a new setting.")


def statements(log: str, *, but: int) -> list[str]:
    """What was sent, in order, by all sessions but that of the process `but`."""
    found: list[tuple[int, str]] = []
    for line in log.splitlines():
        if begun := LOGGED.match(line):
            found.append((int(begun[1]), begun[2]))
        elif line.startswith("\t") and found:
            pid, text = found.pop()
            found.append((pid, f"{text}\n{line[1:]}"))
    return [text for pid, text in found if pid != but]


def as_script(
    sent: list[str], tables: list[str], first_id: int, locator: str, flight_id: int
) -> str:
    """A script for pgbench that sends the same for another booking each time.

    `tables` are those whose ids begin at `first_id`, IDS_EACH apart, in that order. The script's
    variable `flight` is to be set by whoever runs it.
    """
    everything = "\n".join(sent)
    uuids = list(dict.fromkeys(UUID.findall(everything)))
    inserted = dict.fromkeys(tables, 0)
    an_id = re.compile(rf"\b{first_id // FIRST_ID}\d{{9}}\b")
    lines = []
    for text in sent:
        returned = RETURNING.search(text)
        text = re.sub(r";\s+(?=INSERT|UPDATE|DELETE|WITH)", r" \\; ", text)
        for number, uuid in enumerate(uuids):
            text = text.replace(uuid, f":u{number}")
        text = text.replace(f"'{locator}'", "':locator'")
        text = re.sub(rf"(?<![\w.'-]){flight_id}(?![\w.'-])", ":flight", text)
        text = an_id.sub(lambda found: _id_variable(int(found[0]) - first_id, tables), text)
        if returned and returned[1] in inserted:
            inserted[returned[1]] += 1
            text += rf" \gset {returned[1]}{inserted[returned[1]]}_"
        else:
            text += ";"
        lines.append(text)
    values = [f"gen_random_uuid() AS u{number}" for number in range(len(uuids))]
    values.append("lpad(to_hex(nextval('bench_locators')), 6, '0') AS locator")
    return "\n".join([f"SELECT {', '.join(values)} \\gset", *lines, ""])


def _id_variable(offset: int, tables: list[str]) -> str:
    table, nth = divmod(offset, IDS_EACH)
    return f":{tables[table]}{nth}_id"


def pgbench(
    script: str, *, url: str, clients: int, seconds: float, flights: tuple[int, int], server: int
) -> Limit | None:
    """Run a script for a while, on flights from the first to the last of `flights`.

    `server` is the database's process id. None where this PostgreSQL came without pgbench.
    """
    program = find_postgres() / "pgbench"
    if not program.exists():
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(f"\\set flight random({flights[0]}, {flights[1]})\n{script}")
        file.flush()
        before = cpu_seconds(descendants(server))
        run = subprocess.run(  # noqa: S603
            [
                *(str(program), "--no-vacuum", "--file", file.name, "--client", str(clients)),
                *("--time", str(max(3, round(seconds))), url),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        spent = cpu_seconds(descendants(server)) - before
    return read_output(run.stdout, run.stderr, clients, spent)


def read_output(output: str, complaints: str, clients: int, cpu_seconds: float) -> Limit:
    """What pgbench says. Raises RuntimeError where it could not do its work."""
    rate = re.search(r"^tps = ([0-9.]+)", output, re.MULTILINE)
    done = re.search(r"^number of transactions actually processed: (\d+)", output, re.MULTILINE)
    if not rate or not done or int(done[1]) == 0 or "aborted" in complaints:
        raise RuntimeError(f"pgbench failed: {complaints.strip()[:500] or output[:500]}")
    return Limit(clients, float(rate[1]), cpu_seconds * 1000 / int(done[1]))
