"""What the services say when all is over, asked over HTTP as staff and as a service."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from chaos.record import Log
from stack.harness import Client, LocalStack

Rows = list[dict[str, Any]]


class NoSnapshot(Exception):
    """A service does not say what it has."""


@dataclass(frozen=True)
class Snapshot:
    """All bookings, all holds, all payments at the provider, and all flights, as on the wire."""

    bookings: Rows
    holds: Rows
    payments: Rows
    flights: Rows

    def of_flights(self, ids: Iterable[int]) -> "Snapshot":
        """What belongs to some flights, and payments that belong to no booking at all."""
        wanted = set(ids)
        others = {row["reference"] for row in self.bookings if row["flightId"] not in wanted}
        return replace(
            self,
            bookings=[row for row in self.bookings if row["flightId"] in wanted],
            holds=[row for row in self.holds if row["flightId"] in wanted],
            payments=[row for row in self.payments if row["reference"] not in others],
            flights=[row for row in self.flights if row["id"] in wanted],
        )

    def keep(self, log: Log) -> None:
        """Write it to the log, so that it can be judged again."""
        for kind in ("booking", "hold", "payment", "flight"):
            for row in getattr(self, f"{kind}s"):
                log.write(kind, row)


def take(stack: LocalStack, staff: Client) -> Snapshot:
    """Ask all services. Raises NoSnapshot when one of them does not answer."""
    flights, payments = stack.service("flights"), stack.service("payments")
    try:
        return Snapshot(
            bookings=[_without_flight(row) for row in walk(staff, "bookings/?limit=200")],
            holds=list(walk(flights, "holds/?limit=200")),
            payments=list(walk(payments, "payments/?limit=200")),
            flights=[
                _seats(row) for row in walk(flights, "flights/?includeUnbookable=true&limit=200")
            ],
        )
    except (OSError, HTTPException) as error:
        raise NoSnapshot(f"a service does not answer: {type(error).__name__}") from error


def walk(client: Client, path: str) -> Iterator[dict[str, Any]]:
    """All rows of a list, page by page. Raises NoSnapshot, OSError or HTTPException."""
    next_page: str | None = path
    while next_page:
        answer = client.get(next_page)
        if answer.status != 200:
            raise NoSnapshot(f"{path} answers {answer.status}")
        yield from answer.body["results"]
        link = urlsplit(answer.body["next"] or "")
        next_page = f"{link.path}?{link.query}" if link.path else None


def _without_flight(booking: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in booking.items() if name != "flight"}


def _seats(flight: dict[str, Any]) -> dict[str, Any]:
    return {name: flight[name] for name in ("id", "totalSeats", "remainingSeats", "status")}
