"""How search behaves as the catalogue grows, over HTTP, on a real PostgreSQL.

For each size: a database of its own with that many generated flights and one web process. All are
asked the same questions about the same ten airports, in turn, so that whatever else the machine
does meets all sizes alike. Exit status 1 where the slowest hundredth grew too much or a plan reads
the whole table.

    python -m bench.search --sizes 10000 1000000 10000000

Without BENCH_DATABASE_URL (a server whose user may create databases) it brings its own PostgreSQL.
"""

import argparse
import http.client
import json
import math
import multiprocessing
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any, Self
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
from psycopg2 import sql

from stack.processes import web_server
from stack.program import end, free_port, spawn, tail
from stack.servers import Postgres

MOST_GROWTH = 1.5
BUSIEST = 10  # airports that all sizes have in common, and flights between them as often
HOLDS_A_SECOND = 100


KINDS = ("search", "calendar", "any trip on a day", "all flights")


def main() -> int:
    options = parser().parse_args()
    if options.serve:
        serve(options.serve, options.requests)
        return 0
    sites = measure(options.sizes, options.requests)
    for site in sites:
        show(site, sites[0])
    growth = max(site.p99(kind) / sites[0].p99(kind) for site in sites for kind in KINDS[:2])
    plans = [plan for site in sites for plan in site.about["plans"].values()]
    scans = [plan for plan in plans if "Seq Scan on flights_flight" in plan]
    say(
        f"\np99 of search and calendar grew {growth:.2f} times (at most {MOST_GROWTH}); "
        f"{len(scans)} sequential scans of flights"
    )
    return int(growth > MOST_GROWTH or bool(scans))


def measure(sizes: Sequence[int], requests: int) -> list["Site"]:
    """Build catalogues of these sizes, and ask each of them so often for each kind of thing."""
    with ExitStack() as stack:
        server = os.environ.get("BENCH_DATABASE_URL") or own_server(stack)
        sites = [stack.enter_context(Site(server, size, requests)) for size in sizes]
        for site in sites:
            site.warm_up()
        for kind in KINDS:
            ask_in_turn(sites, kind)
        for site in sites:
            site.ask_beside_holds()
    return sites


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--sizes", type=int, nargs="+", default=[10_000, 1_000_000])
    arguments.add_argument("--requests", type=int, default=1000, help="of each kind")
    arguments.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    return arguments


def own_server(stack: ExitStack) -> str:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="seathold-bench-")))
    directory.chmod(0o755)
    postgres = Postgres(directory / "postgres", password=secrets.token_hex(16), durable=False)
    return stack.enter_context(postgres).url


class Site:
    """One size: its database, built and served by a process of its own, and what it took."""

    def __init__(self, server: str, size: int, requests: int) -> None:
        self.server, self.size, self.requests = server, size, requests
        self.times: dict[str, list[float]] = {kind: [] for kind in (*KINDS, "beside holds")}
        self.rows: dict[str, list[int]] = {kind: [] for kind in self.times}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            url = stack.enter_context(database(self.server, f"seathold_bench_{self.size}"))
            command = [sys.executable, "-W", "ignore", "-m", "bench.search"]
            command += ["--serve", str(self.size), "--requests", str(self.requests)]
            self.process = subprocess.Popen(  # noqa: S603
                command, env=environment(url), stdin=PIPE, stdout=PIPE, text=True
            )
            stack.callback(self.process.communicate)  # its end of input is its end
            self.about = self._hear()
            self.client = http.client.HTTPConnection("127.0.0.1", self.about["port"], timeout=60)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def warm_up(self) -> None:
        """Begin a connection that lasts; only now, for the largest size takes minutes to build."""
        for kind in KINDS:
            for path in self.about["questions"][kind][:50]:
                self.ask("warming up", path)

    def ask(self, kind: str, path: str) -> None:
        """Ask once, and note the milliseconds that the answer took, and its rows."""
        started = time.perf_counter()
        self.client.request("GET", f"/api/v1/{path}")
        answer = self.client.getresponse()
        body = answer.read()
        spent = time.perf_counter() - started
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {body[:300]!r}")
        self.times.setdefault(kind, []).append(spent * 1000)
        self.rows.setdefault(kind, []).append(len(json.loads(body)["results"]))

    def ask_beside_holds(self) -> None:
        """Search again, while seats of the same flights are held and released."""
        assert self.process.stdin  # noqa: S101
        self.process.stdin.write("hold\n")
        self.process.stdin.flush()
        self._hear()
        for path in self.about["questions"]["search"]:
            self.ask("beside holds", path)
        self.process.stdin.write("rest\n")
        self.process.stdin.flush()
        self.holds_a_second = self._hear()["holds_a_second"]

    def median(self, kind: str) -> float:
        return statistics.median(self.times[kind])

    def p99(self, kind: str) -> float:
        return statistics.quantiles(self.times[kind], n=100)[98]

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout  # noqa: S101
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process of {self.size} flights ended.")
        return json.loads(line)


def ask_in_turn(sites: list[Site], kind: str) -> None:
    for number in range(sites[0].requests):
        for site in sites:
            site.ask(kind, site.about["questions"][kind][number])


def environment(url: str) -> dict[str, str]:
    return os.environ | {
        "DATABASE_URL": url,
        "SECRET_KEY": "bench" * 12,
        "SERVICE_SECRETS": "bench-service-secret",
        "SERVICES": "flights",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE": "0",
        "THROTTLES": "0",
        "LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "booking_project.settings",
    }


@contextmanager
def database(server: str, name: str) -> Iterator[str]:
    """A database that lives as long as its measuring."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    connection = psycopg2.connect(server)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(drop)
            cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with connection.cursor() as cursor:
            cursor.execute(drop)
        connection.close()


def serve(size: int, requests: int) -> None:
    """In the process of one size: build, serve, and hold seats when told to."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from flights.models import Flight
    from flights.schedule import generate_schedule, make_legs

    call_command("migrate", verbosity=0)
    airports = min(400, round(BUSIEST * math.sqrt(max(size, 10_000) / 10_000)))
    daily = sum(leg.weekdays.bit_count() for leg in make_legs(airports=airports, seed=1)) / 7
    days = max(30, math.ceil(size / daily))
    begin = date.today() + timedelta(days=1)  # noqa: DTZ011
    started = time.monotonic()
    generate_schedule(begin=begin, days=days, airports=airports, seed=1)
    built = time.monotonic() - started
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM ANALYZE flights_flight")
    questions = Questions(begin)
    about = {
        "flights": Flight.objects.count(),
        "days": days,
        "airports": airports,
        "build_seconds": built,
        "plans": plans(questions),
        "questions": {
            kind: [ask() for _ in range(requests)] for kind, ask in questions.kinds.items()
        },
    }
    connection.close()
    with web() as port:
        say(json.dumps(about | {"port": port}))
        while sys.stdin.readline():
            with holds_going_on() as made:
                say("{}")
                before, started = made.value, time.monotonic()
                sys.stdin.readline()
                rate = (made.value - before) / (time.monotonic() - started)
            say(json.dumps({"holds_a_second": rate}))


class Questions:
    """What travellers ask, about the ten airports and four weeks that every size has."""

    def __init__(self, begin: date) -> None:
        from flights.schedule import make_legs

        self.chance = random.Random(3)  # noqa: S311
        self.begin = begin
        legs = make_legs(airports=BUSIEST, seed=1)
        self.trips = sorted({f"{leg.departure}-{leg.arrival}" for leg in legs})
        self.kinds = {
            "search": self.search,
            "calendar": self.calendar,
            "any trip on a day": self.day,
            "all flights": lambda: "flights/",
        }

    def search(self) -> str:
        asked = {
            "trips": self.chance.choice(self.trips),
            "tripDate": str(self._day()),
            "travellers": self.chance.randint(1, 4),
            "sort": self.chance.choice(
                ["price_ASC", "departureTime_ASC", "duration_ASC,price_ASC"]
            ),
        }
        return f"flights/?{urlencode(asked)}"

    def calendar(self) -> str:
        asked = {"trips": self.chance.choice(self.trips), "month": f"{self._day():%Y-%m}"}
        return f"flights/calendar/?{urlencode(asked)}"

    def day(self) -> str:
        return f"flights/?{urlencode({'tripDate': str(self._day())})}"

    def _day(self) -> date:
        return self.begin + timedelta(days=self.chance.randrange(2, 28))


@contextmanager
def web() -> Iterator[int]:
    """One web process of the flights service; its port."""
    port = free_port()
    with tempfile.NamedTemporaryFile() as log:
        program = web_server("flights", port, os.environ, workers=1, log=Path(log.name))
        process = spawn(program)
        try:
            deadline = time.monotonic() + 60
            while not answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"The web process did not start.{tail(Path(log.name))}")
                time.sleep(0.1)
            yield port
        finally:
            end(process, program)


def answers(port: int) -> bool:
    try:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        client.request("GET", "/healthz")
        return client.getresponse().status == 200
    except OSError:
        return False


def plans(questions: Questions) -> dict[str, str]:
    """What PostgreSQL does for each kind of question: how it reads the flights."""
    from django.http import QueryDict

    from flights import filters
    from flights.models import Flight

    flights = Flight.objects.for_search()
    found = {}
    for kind, ask in questions.kinds.items():
        query = QueryDict(urlsplit(ask()).query).dict()
        if kind == "calendar":
            asked = filters.CalendarFilters(data=query)
            asked.is_valid(raise_exception=True)
            wanted = filters.cheapest_of_month(flights, asked.validated_data)
        else:
            search = filters.FlightFilters(data=query)
            search.is_valid(raise_exception=True)
            ordering = search.validated_data["sort"]
            wanted = filters.matching(flights, search.validated_data).order_by(*ordering)[:51]
        lines = [line.strip(" ->") for line in wanted.explain().splitlines()]
        read = [
            line for line in lines if " on flights_flight" in line or " on flights_airport" in line
        ]
        found[kind] = "; ".join(line.partition("  (")[0] for line in read)
    return found


@contextmanager
def holds_going_on() -> Iterator[Any]:
    """A process that holds and releases seats of the flights that are searched; and its count."""
    spawning = multiprocessing.get_context("spawn")
    made, stop = spawning.Value("i", 0), spawning.Event()
    process = spawning.Process(target=keep_holding, args=(made, stop))
    process.start()
    while not made.value:
        if not process.is_alive():
            raise RuntimeError("No seats can be held.")
        time.sleep(0.05)
    try:
        yield made
    finally:
        stop.set()
        process.join()


def keep_holding(made: Any, stop: Any) -> None:
    import django

    django.setup()
    from django.utils import timezone

    from flights import holds, schedule
    from flights.models import Flight

    common = schedule.BUSIEST[:BUSIEST]
    flights = Flight.objects.filter(
        departure_airport__in=common,
        arrival_airport__in=common,
        departure_time__gt=timezone.now() + timedelta(days=1),  # and none that leaves meanwhile
    )
    hot = list(flights.order_by("departure_time").values_list("pk", flat=True)[:2000])
    started = time.monotonic()
    while not stop.wait(max(0.0, started + made.value / HOLDS_A_SECOND - time.monotonic())):
        reference = uuid4()
        holds.hold_seats(
            flight_id=hot[made.value % len(hot)],
            reference=reference,
            no_of_seats=1,
            expires_at=timezone.now() + timedelta(minutes=5),
        )
        if made.value % 2:
            holds.release_holds(references=[reference])
        made.value += 1


def show(site: Site, smallest: Site) -> None:
    about = site.about
    say(
        f"\n{about['flights']:,} flights, {about['airports']} airports, {about['days']} days, "
        f"built in {about['build_seconds']:.0f} s"
    )
    for kind in KINDS:
        say(
            f"  {kind:18} median {site.median(kind):6.1f} ms   p99 {site.p99(kind):6.1f} ms "
            f"({site.p99(kind) / smallest.p99(kind):.2f} times the smallest)   "
            f"{statistics.mean(site.rows[kind]):.1f} rows an answer"
        )
        say(f"  {'':18} {about['plans'][kind]}")
    kind = "beside holds"
    say(
        f"  search beside {site.holds_a_second:.0f} holds a second: "
        f"median {site.median(kind):.1f} ms, p99 {site.p99(kind):.1f} ms"
    )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
