"""Recount everything, across services, through their APIs: does it all add up?

Lists are walked side by side in the order of what they share, bookings with their holds and then
with their payments, so that a million bookings need no more memory than one. Things move while one
counts: whatever looks wrong is only a suspect, and is looked at again before it is reported.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from bookings import clients
from bookings.clients import ProviderPayment
from bookings.models import AuditRun, Booking
from bookings.verdicts import LIVE, judge_money, judge_seats

CHUNK = 500
LOOKS = 10  # at a suspect, until it is found right once
PAUSE = 0.5  # seconds between two looks


@dataclass
class Report:
    """What was counted, and every difference that stood up to a second look."""

    counted: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.differences


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
    for look in _suspects(report, progress):
        report.differences += _look_again(look)
    return report


def _suspects(report: Report, progress: Callable[[int], None]) -> list[Callable[[], list[str]]]:
    """Count everything once; return how to look again at each thing that seemed wrong."""
    suspects: list[Callable[[], list[str]]] = []
    held: Counter[int] = Counter()
    for reference, booking, hold in _seats():
        report.counted["bookings"] += booking is not None
        report.counted["holds"] += hold is not None
        held.update(_taken(hold))
        if any(judge_seats(booking, hold)):
            suspects.append(partial(_wrong_seats, reference))
        progress(report.counted.total())
    for reference, booking, payments in _money():
        report.counted["payments"] += len(payments)
        if any(judge_money(booking, payments)):
            suspects.append(partial(_wrong_money, reference))
        progress(report.counted.total())
    for flight in clients.flights().flights():
        report.counted["flights"] += 1
        if flight["totalSeats"] - flight["remainingSeats"] != held.pop(flight["id"], 0):
            suspects.append(partial(_recount, flight["id"]))
        progress(report.counted.total())
    return [*suspects, *(partial(_recount, flight_id) for flight_id in held)]


def _taken(hold: dict[str, Any] | None) -> dict[int, int]:
    """The seats that a live hold takes of its flight."""
    if hold is None or hold["status"] not in LIVE:
        return {}
    return {hold["flightId"]: hold["noOfSeats"]}


# --- Reading ------------------------------------------------------------------------------------


def _seats() -> Iterator[tuple[str, Booking | None, dict[str, Any] | None]]:
    """Every reference of a hold, in order, with its booking and its hold."""
    rows: Iterator[tuple[str, int, Any]] = merge(
        ((str(booking.hold_reference), 0, booking) for booking in _bookings("hold_reference")),
        ((hold["reference"], 1, hold) for hold in clients.flights().holds()),
        key=itemgetter(0, 1),
    )
    for reference, group in groupby(rows, key=itemgetter(0)):
        found = {kind: row for _, kind, row in group}
        yield reference, found.get(0), found.get(1)


def _money() -> Iterator[tuple[str, Booking | None, list[ProviderPayment]]]:
    """Every reference of a booking, in order, with the payments for it."""
    rows: Iterator[tuple[str, int, Any]] = merge(
        ((str(booking.reference), 0, booking) for booking in _bookings("reference")),
        (
            (str(payment.reference), 1, payment)
            for payment in clients.payments().payments(sort="reference")
            if payment.reference is not None
        ),
        key=itemgetter(0, 1),
    )
    for reference, group in groupby(rows, key=itemgetter(0)):
        found = [row for _, _, row in group]
        booking = found.pop(0) if isinstance(found[0], Booking) else None
        yield reference, booking, found


def _bookings(order: str) -> Iterator[Booking]:
    """All bookings. In chunks, because PgBouncer knows no long-lived cursors."""
    chunk = list(_with_parts().order_by(order)[:CHUNK])
    while chunk:
        yield from chunk
        following = _with_parts().filter(**{f"{order}__gt": getattr(chunk[-1], order)})
        chunk = list(following.order_by(order)[:CHUNK])


def _with_parts() -> QuerySet[Booking]:
    return Booking.objects.prefetch_related("attempts__refunds", "outbox", "cancellations")


# --- Looking again ------------------------------------------------------------------------------


def _wrong_seats(reference: str) -> list[str]:
    """What is wrong with the seats of one hold's reference, read afresh, the booking first."""
    booking = _with_parts().filter(hold_reference=UUID(reference)).first()
    return list(judge_seats(booking, next(clients.flights().holds(reference=reference), None)))


def _wrong_money(reference: str) -> list[str]:
    """What is wrong with the money of one booking's reference, read afresh, the booking first."""
    booking = _with_parts().filter(reference=UUID(reference)).first()
    return list(judge_money(booking, list(clients.payments().payments(reference=reference))))


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
