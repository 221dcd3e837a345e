"""Bookings made over HTTP: spread over many flights, all of one flight, and paid for."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from bench import inside
from bench.load import Load, Reply, Request, Script, drive, request
from bench.processes import Stack
from bench.sql import Limit, Recorder, pgbench
from stack.harness import LocalStack

TRAVELLERS = 200
FLIGHTS = 1000
# pgbench has a connection for each of its clients, and the database lets in 200.
MOST_CONNECTIONS = 64


@dataclass
class Row:
    """A measured load: rates a second, times in milliseconds, CPU milliseconds for each done."""

    clients: int
    done: int
    rate: float
    median: float
    p99: float
    cpu: dict[str, float]
    load_generator: float
    refused: dict[str, int] = field(default_factory=dict)
    limit: Limit | None = None

    @property
    def cpu_in_all(self) -> float:
        """Of all processes but the load generator."""
        return sum(self.cpu.values())

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "cpu_in_all": self.cpu_in_all}


def row(load: Load, kind: str, clients: int, cpu: dict[str, float]) -> Row:
    """`cpu` is what was spent meanwhile, in seconds by kind of process."""
    done = load.done(kind)
    each = 1000 / done if done else 0.0
    return Row(
        clients=clients,
        done=done,
        rate=load.rate(kind),
        median=load.percentile(kind, 50),
        p99=load.percentile(kind, 99),
        cpu={name: seconds * each for name, seconds in cpu.items()},
        load_generator=load.own_cpu * each,
        refused=load.refused(),
    )


class Bookings:
    """Travellers who book on a running stack."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.port = stack.port("bookings")
        self.processes = Stack(stack.data_dir, stack.supervisor)
        self.url = stack.env["DATABASE_URL"]
        self.flights: tuple[int, int] = tuple(inside.ask(stack, "flights", FLIGHTS))
        self.headers = [
            {"Accept": "application/json", "Authorization": f"Token {token}"}
            for token in inside.ask(stack, "travellers", TRAVELLERS)
        ]
        self.chance = random.Random(1)  # noqa: S311
        self.recorder = Recorder(stack)

    def measure(self, kind: str, scripts: list[Script], *, seconds: float, warm_up: float) -> Row:
        """Let the scripts go; what `kind` of request took."""
        spent: dict[str, float] = {}

        def begin() -> None:
            spent.update(self.processes.cpu())

        def end() -> None:
            for name, seconds in self.processes.cpu().items():
                spent[name] = seconds - spent[name]

        load = drive(
            self.port, scripts, seconds=seconds, warm_up=warm_up, on_start=begin, on_end=end
        )
        return row(load, kind, len(scripts), spent)

    # --- What clients do ------------------------------------------------------------------------

    def create(self, flight_id: int, headers: dict[str, str]) -> Request:
        body = b'{"flightId": %d, "noOfSeats": 1}' % flight_id
        return request("create", "POST", "/api/v1/bookings/", headers, body)

    def books_anything(self) -> Script:
        """Books a seat on any of the flights, again and again."""
        while True:
            yield self.create(self.chance.randint(*self.flights), self.chance.choice(self.headers))

    def books(self, flight_id: int) -> Script:
        """Books a seat on this flight until it is sold out."""
        status = 201
        while status != 409:
            reply = yield self.create(flight_id, self.chance.choice(self.headers))
            status = reply.status

    def books_and_pays(self) -> Script:
        """Books a seat anywhere, pays for it, and begins again."""
        while True:
            headers = self.chance.choice(self.headers)
            made = yield self.create(self.chance.randint(*self.flights), headers)
            if made.status == 201:
                yield self.pay(json.loads(made.body)["id"], headers)

    def pay(self, booking_id: int, headers: dict[str, str]) -> Request:
        path = f"/api/v1/bookings/{booking_id}/payments/"
        headers = {**headers, "Idempotency-Key": str(uuid4())}
        return request("pay", "POST", path, headers, b'{"paymentMethod": "tok_visa"}')

    # --- Beside it, the same SQL ----------------------------------------------------------------

    def record(self, *, and_pay: bool = False) -> str:
        """The statements of one booking, for pgbench."""
        flight_id, headers = self.flights[0] + 777, self.headers[0]

        def play() -> str:
            made = self.one(self.create(flight_id, headers))
            booking = json.loads(made.body)
            if and_pay:
                self.one(self.pay(booking["id"], headers))
            return str(booking["locator"])

        # Once what processes remember is remembered, it is not read again.
        drive(self.port, [self.books_anything() for _ in range(32)], seconds=2)
        return self.recorder.record(play, flight_id)

    def one(self, wanted: Request) -> Reply:
        """Ask once. Raises RuntimeError where the answer is none of 2xx."""
        replies: list[Reply] = []

        def script() -> Script:
            replies.append((yield wanted))

        drive(self.port, [script()], seconds=60)
        if not 200 <= replies[0].status < 300:
            raise RuntimeError(f"{wanted.kind}: {replies[0].status} {replies[0].body!r}")
        return replies[0]

    def limit(
        self, script: str, *, clients: int, seconds: float, flights: tuple[int, int] | None = None
    ) -> Limit | None:
        return pgbench(
            script,
            url=self.url,
            clients=min(clients, MOST_CONNECTIONS),
            seconds=seconds,
            flights=flights or self.flights,
            server=self.processes.pid("database"),
        )


def spread(
    bookings: Bookings,
    script: str,
    counts: list[int],
    *,
    seconds: float,
    show: Callable[[Row], None],
) -> list[Row]:
    """Seats on a thousand flights, from few clients to many."""
    rows = []
    for number, clients in enumerate(counts):
        scripts = [bookings.books_anything() for _ in range(clients)]
        warm_up = 5.0 if number == 0 else 2.0
        found = bookings.measure("create", scripts, seconds=seconds, warm_up=warm_up)
        found.limit = bookings.limit(script, clients=clients, seconds=seconds / 2)
        show(found)
        rows.append(found)
    return rows


def hot(bookings: Bookings, script: str, *, seats: int, clients: int, seconds: float) -> Row:
    """Everybody wants one flight, until it is sold out: exactly, or RuntimeError is raised."""
    flight_id = inside.ask(bookings.stack, "hot_flight", seats)
    scripts = [bookings.books(flight_id) for _ in range(clients)]
    found = bookings.measure("create", scripts, seconds=600, warm_up=0)
    left = bookings.stack.anonymous().get(f"flights/{flight_id}/").body["remainingSeats"]
    if found.done != seats or left != 0:
        raise RuntimeError(f"{found.done} of {seats} seats were sold, and {left} are left.")
    other = inside.ask(bookings.stack, "hot_flight", 10**6)
    # As many as flights lets at it: of more, some would wait beyond the database's lock time-out.
    found.limit = bookings.limit(script, clients=8, seconds=seconds / 2, flights=(other, other))
    return found


def full(bookings: Bookings, *, clients: int, seconds: float) -> Row:
    """A seat booked and paid, until it is BOOKED."""
    script = bookings.record(and_pay=True)
    scripts = [bookings.books_and_pays() for _ in range(clients)]
    found = bookings.measure("pay", scripts, seconds=seconds, warm_up=2)
    found.limit = bookings.limit(script, clients=clients, seconds=seconds / 2)
    return found


def restart_seconds(stack: LocalStack, name: str) -> float:
    """How long a web server takes from its start until it can work."""
    stack.stop(name)
    begin = time.monotonic()
    stack.start(name)
    return time.monotonic() - begin
