"""Travellers who search, book, pay, cancel and think better of it, and keep every answer."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import Any
from uuid import UUID

from chaos.record import Log, Told
from stack.harness import Answer, Client

PAYMENT_METHODS = {
    "tok_visa": 50,
    "tok_declined": 8,
    "tok_insufficient_funds": 5,
    "tok_error_once": 10,
    "tok_slow": 12,
    "tok_timeout": 5,
    "tok_capture_fails": 10,
}
# What is done with a booking that was made.
ENDINGS = {
    "pay": 35,
    "pay_then_cancel": 15,
    "pay_then_cancel_some": 15,
    "pay_at_the_last_moment": 15,
    "cancel": 5,
    "cancel_some_then_pay": 5,
    "pay_while_cancelling": 5,
    "abandon": 10,
}


@dataclass(frozen=True)
class Habits:
    """How a traveller behaves: weights of what they do, and how long they think in between."""

    endings: dict[str, int]
    methods: dict[str, int]
    searches: float = 0.3  # of all that is begun
    thinking_seconds: float = 0.15
    tries: int = 12  # of a request that is repeated until its outcome is known


USUAL = Habits(ENDINGS, PAYMENT_METHODS)


class Traveller(threading.Thread):
    """One client with an account, who does one thing after another until `stopped` is set.

    What they do follows from `rng` alone; when, and what becomes of it, does not. `flights` gives
    the ids of the flights that are on sale.
    """

    def __init__(
        self,
        name: str,
        account: tuple[int, Client],
        *,
        flights: Callable[[], Sequence[int]],
        rng: random.Random,
        log: Log,
        stopped: threading.Event,
        habits: Habits = USUAL,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.user, self.client = account
        self.flights = flights
        self.rng = rng
        self.log = log
        self.stopped = stopped
        self.habits = habits

    def run(self) -> None:
        while not self.stopped.is_set():
            if self.rng.random() < self.habits.searches:
                self._look_around()
            else:
                self._travel()
            self._think()

    # --- What they do -----------------------------------------------------------------------------

    def _look_around(self) -> None:
        flight_id = self.rng.choice(self.flights())
        path, op = self.rng.choice(
            [
                ("flights/?trips=DEL-BOM&travellers=2&limit=20", "search"),
                (f"flights/{flight_id}/", "search"),
                ("bookings/?limit=20", "list"),
            ]
        )
        self.ask(op, "GET", path)

    def _travel(self) -> None:
        booking = self.book()
        if booking is None:
            return
        self._think()
        ending = _choice(self.rng, self.habits.endings)
        getattr(self, f"_{ending}")(booking)
        if self.rng.random() < 0.3:
            self.read(booking)

    def _pay(self, booking: dict[str, Any]) -> None:
        told = self.pay(booking)
        if told.status == 402 and self.rng.random() < 0.5:
            self.pay(booking, "tok_visa")

    def _pay_then_cancel(self, booking: dict[str, Any]) -> None:
        self.pay(booking)
        self._think()
        self.cancel(booking)

    def _pay_then_cancel_some(self, booking: dict[str, Any]) -> None:
        self.pay(booking)
        self._think()
        self.cancel_some(booking)

    def _cancel_some_then_pay(self, booking: dict[str, Any]) -> None:
        self.cancel_some(booking)
        self.pay(booking)

    def _pay_at_the_last_moment(self, booking: dict[str, Any]) -> None:
        deadline = datetime.fromisoformat(booking["paymentDeadline"]).timestamp()
        self.stopped.wait(max(0.0, deadline - time.time() - self.rng.uniform(0.0, 0.3)))
        good = [method for method in ("tok_visa", "tok_slow") if method in self.habits.methods]
        self.pay(booking, self.rng.choice(good))

    def _pay_while_cancelling(self, booking: dict[str, Any]) -> None:
        both = threading.Thread(target=self.cancel, args=(booking,), daemon=True)
        method, key = self._method(), self.key()
        both.start()
        self.pay(booking, method, key)
        both.join()

    def _cancel(self, booking: dict[str, Any]) -> None:
        self.cancel(booking)

    def _abandon(self, booking: dict[str, Any]) -> None:
        pass

    # --- One request, and its repeats -------------------------------------------------------------

    def book(self) -> dict[str, Any] | None:
        """Create a booking; None where it is not known to stand."""
        order = {"flightId": self.rng.choice(self.flights()), "noOfSeats": self.rng.randint(1, 4)}
        key = self.key() if self.rng.random() < 0.7 else None
        twin = key is not None and self.rng.random() < 0.1
        again = self.rng.random() < 0.2
        if twin:
            both = threading.Thread(target=self._create, args=(order, key), daemon=True)
            both.start()
        told = self._create(order, key)
        if twin:
            both.join()
        if key and again:
            told = self._create(order, key)
        return told.booking

    def _create(self, order: dict[str, Any], key: str | None) -> Told:
        tries = self.habits.tries if key else 1  # without a key, a repeat would be another booking
        return self.insist(tries, "create", "bookings/", order, key=key, **order)

    def pay(
        self, booking: dict[str, Any], method: str | None = None, key: str | None = None
    ) -> Told:
        """Pay, and repeat it under the same key until the outcome is known."""
        body = {"paymentMethod": method or self._method()}
        path = f"bookings/{booking['id']}/payments/"
        about = {"booking": booking["id"], **body}
        return self.insist(self.habits.tries, "pay", path, body, key=key or self.key(), **about)

    def cancel(self, booking: dict[str, Any]) -> Told:
        """Cancel, and repeat it until the outcome is known."""
        path = f"bookings/{booking['id']}/cancel/"
        return self.insist(self.habits.tries, "cancel", path, {}, booking=booking["id"])

    def cancel_some(self, booking: dict[str, Any]) -> None:
        """Cancel some seats by a quote, repeat it until the outcome is known, and once more."""
        id_, seats = booking["id"], self.rng.randint(1, booking["noOfSeats"])
        again = self.rng.random() < 0.5
        path = f"bookings/{id_}/cancellation/?noOfSeats={seats}"
        quote = self.ask("quote", "GET", path, booking=id_)
        if quote.status != 200:
            return
        wanted = {"noOfSeats": seats, "quote": quote.body["id"]}
        path = f"bookings/{id_}/cancel/"
        for tries in (self.habits.tries, 1) if again else (self.habits.tries,):
            self.insist(tries, "cancel", path, wanted, booking=id_, **wanted)

    def read(self, booking: dict[str, Any]) -> Told:
        return self.ask("read", "GET", f"bookings/{booking['id']}/", booking=booking["id"])

    def insist(
        self, tries: int, op: str, path: str, body: Any, key: str | None = None, **about: Any
    ) -> Told:
        """POST until the answer is definite, `tries` times at most; return the last answer."""
        told = self.ask(op, "POST", path, body, key=key, **about)
        while not told.definite and tries > 1 and not self.stopped.is_set():
            self.stopped.wait(0.5)
            told = self.ask(op, "POST", path, body, key=key, **about)
            tries -= 1
        return told

    def ask(
        self,
        op: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        **about: Any,
    ) -> Told:
        """Send one request and keep what came of it. Never raises: no answer is an answer, too."""
        sent = time.time()
        answer, error = None, ""
        try:
            headers = {"Idempotency-Key": key} if key else {}
            answer = self.client.request(method, path, body, headers)
        except (OSError, HTTPException) as trouble:
            error = type(trouble).__name__
        asked = {**about, "key": key} if key else about
        told = _told(self.name, self.user, op, asked, sent, answer, error)
        self.log.tell(told)
        return told

    def key(self) -> str:
        """A key that nobody had before; the same ones again for the same seed."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def _method(self) -> str:
        return _choice(self.rng, self.habits.methods)

    def _think(self) -> None:
        self.stopped.wait(self.rng.uniform(0, 2 * self.habits.thinking_seconds))


def _choice(rng: random.Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _told(
    client: str,
    user: int,
    op: str,
    asked: dict[str, Any],
    sent: float,
    answer: Answer | None,
    error: str,
) -> Told:
    body = answer.body if answer and isinstance(answer.body, dict) else {}
    kept = {name: value for name, value in body.items() if name not in ("flight", "results")}
    return Told(
        client=client,
        user=user,
        op=op,
        asked=asked,
        sent=sent,
        received=time.time(),
        status=answer.status if answer else None,
        code=body.get("code", "") if answer else error,
        body=kept,
        replayed=bool(answer and answer.headers.get("Idempotency-Replayed")),
    )
