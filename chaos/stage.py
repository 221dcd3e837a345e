"""The real stack with a breakable network between its services, flights to sell, and accounts."""

import contextlib
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from http.client import HTTPException
from itertools import count
from typing import Any, Self

from chaos.faults import BEHIND_A_PROXY
from chaos.proxy import FaultProxy
from chaos.snapshot import Snapshot, take
from stack.harness import Client, LocalStack
from stack.program import StackError

# Seconds. As short as the relations between them allow (bookings/checks.py), so that deadlines are
# met often, and all is over soon. Paying must outlast tok_slow, which takes two.
TIMES = {
    "PAYMENT_WINDOW_SECONDS": "6",
    "EXPIRY_SWEEP_SECONDS": "1",
    "OUTBOX_SECONDS": "1",
    "RECONCILE_SECONDS": "1",
    "LOCK_TIMEOUT_SECONDS": "0.5",
    "SERVICE_CONNECT_TIMEOUT": "0.25",
    "FLIGHTS_READ_TIMEOUT": "1.5",
    "PAYMENTS_READ_TIMEOUT": "2.5",
    "CLOCK_SKEW_SECONDS": "0.5",
    "PAY_LEASE_SECONDS": "12",
    "HOLD_GRACE_SECONDS": "27",
}
LIKE = 1  # the demo's flight that ours are like: from DEL to BOM, in two weeks


class Stage:
    """A stack of its own, for the time of the `with` block. Raises StackError where it won't start.

    `env` is added to the environment of its processes. `proxies` stand between bookings and the
    other services, and are in no trouble yet.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self.proxies = {name: FaultProxy() for name in BEHIND_A_PROXY}
        ways = {f"{name.upper()}_URL": proxy.url for name, proxy in self.proxies.items()}
        self.stack = LocalStack(env={**TIMES, **ways, **(env or {})})
        self._numbers = count(1)

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            for name, proxy in self.proxies.items():
                entered.enter_context(proxy)
                proxy.lead_to(self.stack.port(name))
            entered.enter_context(self.stack)
            self.staff = self.stack.login("admin")
            self._like = self.staff.get(f"flights/{LIKE}/").body
            self._entered = entered.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._entered.close()

    def account(self, name: str) -> tuple[int, Client]:
        """Register a traveller; their id, and a client with their token."""
        wanted = {"username": name, "email": f"{name}@example.com", "password": secrets.token_hex()}
        answer = self.stack.anonymous().post("auth/register/", wanted)
        if answer.status != 201:
            raise StackError(f"{name} can't register: {answer.status} {answer.body}")
        user_id, token = answer.body["user"]["id"], answer.body["token"]
        return user_id, Client(self.stack.url, f"Token {token}")

    def flight(self, seats: int) -> int:
        """Put a flight with so many seats on sale; its id. Raises StackError when it can't be."""
        try:
            answer = self.staff.post("flights/", self._new_flight(seats))
        except (OSError, HTTPException) as error:
            raise StackError(f"No flight can be made: {type(error).__name__}") from error
        if answer.status != 201:
            raise StackError(f"No flight can be made: {answer.status} {answer.body}")
        return int(answer.body["id"])

    def snapshot(self) -> Snapshot:
        """What all services say now. Raises NoSnapshot."""
        return take(self.stack, self.staff)

    def _new_flight(self, seats: int) -> dict[str, Any]:
        return {
            "flightNumber": f"ZZ{next(self._numbers)}",
            "airplaneId": self._like["airplane"]["id"],
            "departureAirportId": self._like["departureAirport"]["code"],
            "arrivalAirportId": self._like["arrivalAirport"]["code"],
            "departureTime": self._like["departureTime"],
            "arrivalTime": self._like["arrivalTime"],
            "price": self._like["price"],
            "totalSeats": seats,
        }


class Timetable:
    """The flights on sale: the last few that were made, so that there is always something left."""

    def __init__(self, stage: Stage, *, sizes: Sequence[int], most: int = 8) -> None:
        self._stage = stage
        self._sizes = sizes
        self._most = most
        self._lock = threading.Lock()
        self._flights: list[int] = []
        self._renewed_at = time.monotonic()

    def renew(self) -> None:
        """Put one flight of each size on sale, and take the oldest off. Raises StackError."""
        self._renewed_at = time.monotonic()
        for seats in self._sizes:
            flight_id = self._stage.flight(seats)
            with self._lock:
                self._flights = [*self._flights, flight_id][-self._most :]

    def renew_when_due(self, seconds: float) -> None:
        """Renew where that was last tried so long ago. If it can't be now, the old ones do."""
        if time.monotonic() > self._renewed_at + seconds:
            with contextlib.suppress(StackError):
                self.renew()

    def on_sale(self) -> list[int]:
        """The ids of the flights that are on sale."""
        with self._lock:
            return self._flights
