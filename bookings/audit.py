"""Recount everything, across services, through their APIs: does it all add up?

Three lists in the order of their references (bookings, holds, payments) are walked side by side, so
that a million bookings need no more memory than one. Things move while one counts: whatever looks
wrong is only a suspect, and is looked at again by itself before it is reported.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.utils import timezone

from bookings import clients
from bookings.clients import ProviderPayment
from bookings.models import AuditRun, Booking, PaymentAttempt
from bookings.states import AttemptStatus, BookingStatus, OutboxKind

CHUNK = 500
LOOKS = 10  # at a suspect, until it is found right once
PAUSE = 0.5  # seconds between two looks
REAPER_SECONDS = 60  # how long an expired hold may wait for the reaper

LIVE = ("HELD", "CONFIRMED")


@dataclass
class Report:
    """What was counted, and every difference that stood up to a second look."""

    counted: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.differences


@dataclass(frozen=True)
class Case:
    """All that the three services know under one reference."""

    booking: Booking | None
    hold: dict[str, Any] | None
    payments: list[ProviderPayment]


def audit(progress: Callable[[int], None] = lambda rows: None) -> Report:
    """Recount all seats, bookings and money, and keep the result as an AuditRun.

    `progress` is told the rows read so far. Raises FlightsUnavailable and PaymentsUnavailable: then
    nothing is known, and nothing kept.
    """
    started_at = timezone.now()
    report = recount(progress)
    AuditRun.objects.create(
        started_at=started_at,
        adds_up=report.clean,
        counted=report.counted,
        differences=report.differences,
    )
    return report


def recount(progress: Callable[[int], None] = lambda rows: None) -> Report:
    """What `audit` does, without keeping the result."""
    report = Report()
    held: dict[int, int] = defaultdict(int)
    suspects = []
    for reference, case in _cases():
        report.counted["bookings"] += case.booking is not None
        report.counted["holds"] += case.hold is not None
        report.counted["payments"] += len(case.payments)
        if case.hold is not None and case.hold["status"] in LIVE:
            held[case.hold["flightId"]] += case.hold["noOfSeats"]
        if any(judge(case)):
            suspects.append(reference)
        progress(report.counted.total())
    suspect_flights = []
    for flight in clients.flights().flights():
        report.counted["flights"] += 1
        if flight["totalSeats"] - flight["remainingSeats"] != held.pop(flight["id"], 0):
            suspect_flights.append(flight["id"])
        progress(report.counted.total())
    for reference in suspects:
        report.differences += _look_again(partial(_find_wrong, reference))
    for flight_id in [*suspect_flights, *held]:
        report.differences += _look_again(partial(_recount, flight_id))
    return report


# --- Reading ------------------------------------------------------------------------------------


def _cases() -> Iterator[tuple[str, Case]]:
    """Every reference with what belongs to it, in order, from three lists in step."""
    rows = merge(
        ((str(booking.reference), 0, booking) for booking in _bookings()),
        ((hold["reference"], 1, hold) for hold in clients.flights().holds()),
        (
            (payment.reference, 2, payment)
            for payment in clients.payments().payments(sort="reference")
        ),
        key=itemgetter(0, 1),
    )
    for reference, group in groupby(rows, key=itemgetter(0)):
        parts: dict[int, list[Any]] = {0: [], 1: [], 2: []}
        for _, kind, row in group:
            parts[kind].append(row)
        booking, hold = next(iter(parts[0]), None), next(iter(parts[1]), None)
        yield reference, Case(booking, hold, parts[2])


def _bookings() -> Iterator[Booking]:
    """All bookings by reference. In chunks, because PgBouncer knows no long-lived cursors."""
    chunk = list(_with_parts().order_by("reference")[:CHUNK])
    while chunk:
        yield from chunk
        following = _with_parts().filter(reference__gt=chunk[-1].reference)
        chunk = list(following.order_by("reference")[:CHUNK])


def _with_parts() -> Any:
    return Booking.objects.prefetch_related("attempts", "outbox")


def _case(reference: str) -> Case:
    """One reference, read afresh; the booking first, as everything else follows it."""
    booking = _with_parts().filter(reference=UUID(reference)).first()
    hold = next(clients.flights().holds(reference=reference), None)
    return Case(booking, hold, list(clients.payments().payments(reference=reference)))


# --- Judging --------------------------------------------------------------------------------------


def judge(case: Case) -> Iterator[str]:
    """What is wrong with one reference, a sentence each."""
    if case.booking is None:
        yield from _judge_strays(case)
        return
    yield from _judge_seats(case.booking, case.hold)
    yield from _judge_money(case.booking, case.payments)


def _judge_strays(case: Case) -> Iterator[str]:
    """Seats or money without a booking. A fresh hold may be one that is just being booked."""
    if case.hold is not None:
        yield from _judge_expiry(case.hold)
        if case.hold["status"] == "CONFIRMED":
            yield f"hold {case.hold['reference']} is CONFIRMED, and there is no booking for it"
    for payment in case.payments:
        yield f"payment {payment.id} is for {payment.reference}, which is no booking"


def _judge_seats(booking: Booking, hold: dict[str, Any] | None) -> Iterator[str]:
    name = f"booking {booking.locator} ({booking.pk})"
    status = hold["status"] if hold else None
    if hold is not None:
        yield from _judge_expiry(hold)
        if (hold["flightId"], hold["noOfSeats"]) != (booking.flight_id, booking.no_of_seats):
            yield f"{name} is for other seats than its hold"
    if booking.status == BookingStatus.BOOKED and status != "CONFIRMED":
        yield f"{name} is BOOKED, and its hold is {status or 'not there'}"
    told = OutboxKind.RELEASE in _pending(booking)
    if booking.status == BookingStatus.CANCELLED and status in LIVE and not told:
        yield f"{name} is CANCELLED, and its hold is {status}, with no release under way"


def _judge_expiry(hold: dict[str, Any]) -> Iterator[str]:
    late = timezone.now() - timedelta(seconds=REAPER_SECONDS)
    if hold["status"] == "HELD" and datetime.fromisoformat(hold["expiresAt"]) < late:
        yield f"hold {hold['reference']} has expired at {hold['expiresAt']}, and is still HELD"


def _judge_money(booking: Booking, payments: list[ProviderPayment]) -> Iterator[str]:
    name = f"booking {booking.locator} ({booking.pk})"
    attempts = {str(attempt.provider_key): attempt for attempt in booking.attempts.all()}
    for payment in payments:
        if payment.key not in attempts:
            yield f"{name} has payment {payment.id}, under a key that is not of its attempts"
    known = {payment.key: payment for payment in payments}
    for key, attempt in attempts.items():
        yield from _judge_attempt(name, booking, attempt, known.get(key))
    paid = [a for a in attempts.values() if a.status in ("AUTHORIZED", "CAPTURED")]
    if booking.status == BookingStatus.BOOKED and [a.amount for a in paid] != [booking.total_cost]:
        yield f"{name} is BOOKED, and not by one payment of all it costs"


def _judge_attempt(
    name: str, booking: Booking, attempt: PaymentAttempt, payment: ProviderPayment | None
) -> Iterator[str]:
    pending = _pending(booking, attempt)
    status = payment.status if payment else None
    kept = payment.amount - payment.amount_refunded if payment and payment.amount else Decimal(0)
    if status == "SUCCEEDED":
        due = booking.total_cost if booking.status == BookingStatus.BOOKED else Decimal(0)
        if kept != due and OutboxKind.GIVE_BACK not in pending:
            yield f"{name} is {booking.status}, and {kept} {booking.currency} of it are kept"
    elif attempt.status == AttemptStatus.CAPTURED:
        yield f"{name} has an attempt CAPTURED whose payment is {status or 'not there'}"
    elif attempt.status == AttemptStatus.AUTHORIZED and not pending:
        yield f"{name} has an attempt AUTHORIZED with neither capture nor void under way"
    elif (
        status == "REQUIRES_CAPTURE" and attempt.status != AttemptStatus.PROCESSING and not pending
    ):
        yield f"{name} has an authorisation open, and its attempt is {attempt.status}"


def _pending(booking: Booking, attempt: PaymentAttempt | None = None) -> set[str]:
    """What the outbox still has to tell about a booking, or about one of its attempts."""
    wanted = attempt.pk if attempt else None
    return {message.kind for message in booking.outbox.all() if message.attempt_id == wanted}


def _find_wrong(reference: str) -> list[str]:
    return list(judge(_case(reference)))


def _recount(flight_id: int) -> list[str]:
    """What is wrong with the seats of one flight, read afresh."""
    flight = clients.flights().flight(flight_id)
    holds: Iterable[dict[str, Any]] = clients.flights().holds(flightId=flight_id)
    held = sum(hold["noOfSeats"] for hold in holds if hold["status"] in LIVE)
    taken = flight["totalSeats"] - flight["remainingSeats"] if flight else 0
    if taken == held:
        return []
    return [f"flight {flight_id} counts {taken} seats taken, and its holds make {held}"]


def _look_again(look: Callable[[], list[str]]) -> list[str]:
    """What is wrong each time one looks; nothing, when it is found right once."""
    found = look()
    for _ in range(LOOKS - 1):
        if not found:
            break
        time.sleep(PAUSE)
        found = look()
    return found
