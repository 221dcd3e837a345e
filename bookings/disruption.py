"""When an airline cancels or moves a flight: each of its bookings is put right, once.

What is to be done is worked out from how things are: a booking is affected as long as it does not
fit its flight. So a run that dies is simply started again, and what was done is not seen any more.
Each booking is one transaction (or one rebooking), and its traveller is told in that.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.enums import TextChoices

from bookings import cancelling, clients, errors, moves, outbox, rebooking, refunds
from bookings.models import Booking
from bookings.states import BookingStatus, CancellationReason, MessageKind
from common.errors import RequestInFlight

BATCH = 100
LIVE = (BookingStatus.INITIATED, BookingStatus.BOOKED)


class Remedy(TextChoices):
    REBOOK = "rebook", "put on another flight of the route, or refund where none has room"
    REFUND = "refund", "cancel, and give everything back"
    KEEP = "keep", "stay on the moved flight, free to cancel at no cost"


class Outcome(StrEnum):
    REBOOKED = "rebooked"
    REFUNDED = "refunded"
    KEPT = "kept, and told the new time"
    LET_GO = "unpaid, and cancelled"
    BUSY = "left for later: being paid or rebooked just now"


@dataclass(frozen=True)
class Disruption:
    """A flight as it is now, which is not as it was sold; and what is to be done about it.

    `alternatives` are flights of the same route, with free seats, the closest in time first.
    """

    flight: dict[str, Any]
    remedy: Remedy
    alternatives: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_cancelled(self) -> bool:
        return self.flight["status"] == "CANCELLED"

    def affected(self) -> QuerySet[Booking]:
        """Live bookings that do not fit the flight, as it is now, any more."""
        bookings = Booking.objects.filter(flight_id=self.flight["id"], status__in=LIVE)
        if self.is_cancelled:
            return bookings
        as_it_is = Q(
            flight__departureTime=self.flight["departureTime"],
            flight__arrivalTime=self.flight["arrivalTime"],
        )
        return bookings.exclude(as_it_is)

    def fits(self, booking: Booking) -> bool:
        """Whether this booking, as it is under its lock, needs nothing (any more)."""
        if booking.flight_id != self.flight["id"] or booking.status not in LIVE:
            return True
        return not self.is_cancelled and all(
            booking.flight[name] == self.flight[name] for name in ("departureTime", "arrivalTime")
        )


def look(*, flight_id: int, remedy: Remedy | None = None, days: int = 3) -> Disruption:
    """What is to be done about a flight: by `remedy`, or else by what fits it.

    That is, rebooking within `days` of its departure where it was cancelled, keeping where it was
    moved. Raises FlightNotFound, FlightsUnavailable, and NotDisrupted for a flight that was neither
    (or for keeping a cancelled one).
    """
    flight = clients.flights().flight(flight_id)
    if flight is None:
        raise errors.FlightNotFound
    cancelled = flight["status"] == "CANCELLED"
    remedy = remedy or (Remedy.REBOOK if cancelled else Remedy.KEEP)
    if cancelled and remedy == Remedy.KEEP:
        raise errors.NotDisrupted("The flight is cancelled: nobody can stay on it.")
    if not cancelled and not Disruption(flight, remedy).affected().exists():
        raise errors.NotDisrupted
    found = _alternatives(flight, days) if remedy == Remedy.REBOOK else []
    return Disruption(flight, remedy, found)


def foresee(disruption: Disruption) -> Counter[Outcome]:
    """How many bookings each outcome would have, if nothing changed meanwhile. Writes nothing."""
    room = {flight["id"]: flight["remainingSeats"] for flight in disruption.alternatives}
    foreseen: Counter[Outcome] = Counter()
    for booking in disruption.affected().order_by("pk").iterator():
        if booking.status == BookingStatus.INITIATED and disruption.remedy != Remedy.KEEP:
            foreseen[Outcome.LET_GO] += 1
        elif disruption.remedy != Remedy.REBOOK:
            kept = disruption.remedy == Remedy.KEEP
            foreseen[Outcome.KEPT if kept else Outcome.REFUNDED] += 1
        elif to := next((id_ for id_ in room if room[id_] >= booking.no_of_seats), None):
            room[to] -= booking.no_of_seats
            foreseen[Outcome.REBOOKED] += 1
        else:
            foreseen[Outcome.REFUNDED] += 1
    return foreseen


def handle(
    disruption: Disruption, progress: Callable[[int], None] = lambda done: None
) -> Counter[Outcome]:
    """Put right every affected booking; return how many had each outcome.

    Can be killed and started again at any time, and run twice at once: no booking is handled twice.
    `progress` is told how many were handled. Raises FlightsUnavailable; the rest is then left.
    """
    outcomes: Counter[Outcome] = Counter()
    for booking_id in _ids(disruption):
        outcome = _put_right(booking_id, disruption)
        if outcome is not None:
            outcomes[outcome] += 1
            progress(outcomes.total())
    return outcomes


def _ids(disruption: Disruption) -> Iterator[int]:
    """Affected bookings in the order in which they were made, read a batch at a time."""
    last = 0
    while True:
        following = disruption.affected().filter(pk__gt=last).order_by("pk")
        batch = list(following.values_list("pk", flat=True)[:BATCH])
        yield from batch
        if not batch:
            return
        last = batch[-1]


def _put_right(booking_id: int, disruption: Disruption) -> Outcome | None:
    try:
        if disruption.remedy == Remedy.KEEP:
            return _keep(booking_id, disruption)
        if disruption.remedy == Remedy.REBOOK and _rebook(booking_id, disruption):
            return Outcome.REBOOKED
        return _refund(booking_id, disruption)
    except (errors.PaymentInProgress, RequestInFlight):
        return Outcome.BUSY


def _rebook(booking_id: int, disruption: Disruption) -> bool:
    """On the closest flight with room. False: there is none, or the booking is not BOOKED."""
    for flight in disruption.alternatives:
        try:
            rebooking.rebook(
                booking_id=booking_id,
                from_flight_id=disruption.flight["id"],
                to_flight_id=flight["id"],
            )
        except (errors.SeatsUnavailable, errors.FlightClosed, errors.FlightNotFound):
            continue
        except errors.NotRebookable:
            return False
        return True
    return False


@transaction.atomic(durable=True)
def _refund(booking_id: int, disruption: Disruption) -> Outcome | None:
    booking = moves.lock_booking(booking_id)
    if disruption.fits(booking):
        return None
    if booking.paying_since is not None:
        raise errors.PaymentInProgress
    cancelled = disruption.is_cancelled
    rule = refunds.FLIGHT_CANCELLED if cancelled else refunds.FLIGHT_MOVED
    reason = CancellationReason.FLIGHT_CANCELLED if cancelled else CancellationReason.FLIGHT_MOVED
    was_paid = booking.status == BookingStatus.BOOKED
    cancelling.carry_out(cancelling.in_full(booking, rule), reason)
    return Outcome.REFUNDED if was_paid else Outcome.LET_GO


@transaction.atomic(durable=True)
def _keep(booking_id: int, disruption: Disruption) -> Outcome | None:
    booking, flight = moves.lock_booking(booking_id), disruption.flight
    if disruption.fits(booking):
        return None
    departure = datetime.fromisoformat(flight["departureTime"])
    booking.flight = flight
    booking.free_to_cancel = True
    booking.payment_deadline = min(booking.payment_deadline, departure)
    booking.save(update_fields=["flight", "free_to_cancel", "payment_deadline", "updated_at"])
    before = booking.messages.filter(kind=MessageKind.MOVED).count()
    moves.tell(booking, MessageKind.MOVED, about=before)  # a flight can be moved more than once
    outbox.nudge()
    return Outcome.KEPT


def _alternatives(flight: dict[str, Any], days: int) -> list[dict[str, Any]]:
    """Bookable flights of the same route within `days` of the flight's departure."""
    route = f"{flight['departureAirport']['code']}-{flight['arrivalAirport']['code']}"
    found: list[dict[str, Any]] = []
    for day in _days_around(datetime.fromisoformat(flight["departureLocalTime"]).date(), days):
        found += clients.flights().bookable(trips=route, tripDate=day.isoformat())
    meant = datetime.fromisoformat(flight["departureTime"])
    return sorted(
        (other for other in found if other["id"] != flight["id"] and other["remainingSeats"] > 0),
        key=lambda other: abs(datetime.fromisoformat(other["departureTime"]) - meant),
    )


def _days_around(day: date, days: int) -> Iterator[date]:
    for offset in range(-days, days + 1):
        yield day + timedelta(days=offset)
