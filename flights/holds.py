"""Every write of seats, and every lock of a Flight row.

The lock of the Flight row guards its `remaining_seats` and all of its holds: whoever writes either
takes it first and reads again under it. A transaction here locks one flight, or one batch of them
in primary key order, and is over before its answer leaves: nobody ever waits on the network while
holding seats.

Where a function takes a `reference`, it is the UUID under which the caller asked for the hold.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Now
from psycopg2.errors import UniqueViolation

from common.database import database_clock
from common.log import event
from flights import errors
from flights.details import add_details
from flights.models import Flight, SeatHold
from flights.states import HoldStatus

# A hold is what everybody waits for who wants a seat of the same flight. By hand, two messages to
# the database instead of four: the lock is held half as long, and a hold costs half the CPU.
_COLUMNS = [field.attname for field in SeatHold._meta.concrete_fields]
NOW_AND_KNOWN = f"""
    SELECT clock_timestamp(),
           EXISTS (SELECT FROM {SeatHold._meta.db_table} WHERE reference = %s)
"""  # noqa: S608
TAKE = f"""
    WITH flight AS (
        UPDATE {Flight._meta.db_table} SET remaining_seats = remaining_seats - %(no_of_seats)s
         WHERE id = %(flight_id)s
    )
    INSERT INTO {SeatHold._meta.db_table} ({", ".join(_COLUMNS)})
    VALUES ({", ".join(f"%({column})s" for column in _COLUMNS)})
"""  # noqa: S608


@dataclass(frozen=True)
class HeldSeats:
    """A hold, the flight as it was sold, and whether this call made it."""

    hold: SeatHold
    flight: Flight
    created: bool

    def __post_init__(self) -> None:
        # Not with the lock, by a join: planning that takes longer than all the rest of a hold.
        add_details(self.flight)


@transaction.atomic
def hold_seats(
    *, flight_id: int, reference: UUID, no_of_seats: int, expires_at: datetime
) -> HeldSeats:
    """Take `no_of_seats` of the flight until `expires_at`, under `reference`.

    Repeatable: a hold that stands with as many seats is returned as it is. Where seats are short,
    the flight's expired holds are given back first.

    Raises FlightNotFound, FlightClosed, SeatsUnavailable (with `remaining_seats`), HoldConflict
    (the reference holds another number of seats or another flight), HoldReleased, HoldExpired.
    """
    flight = _locked(flight_id)
    now, known = _now_and_known(reference)
    if known and (hold := SeatHold.objects.filter(reference=reference).first()):
        return _standing(hold, flight, no_of_seats)
    if expires_at <= now:
        raise errors.HoldExpired
    if flight.status != Flight.Status.SCHEDULED or flight.departure_time <= now:
        raise errors.FlightClosed
    if flight.remaining_seats < no_of_seats and _release(flight.holds.expired()):
        flight.refresh_from_db(fields=["remaining_seats"])
    if flight.remaining_seats < no_of_seats:
        raise errors.SeatsUnavailable(
            f"The flight has {flight.remaining_seats} seats left, not {no_of_seats}.",
            remaining_seats=flight.remaining_seats,
        )
    hold = SeatHold(
        reference=reference,
        flight=flight,
        no_of_seats=no_of_seats,
        price=flight.price,
        currency=flight.currency,
        expires_at=expires_at,
        created_at=now,
        updated_at=now,
    )
    _take(hold)
    flight.remaining_seats -= no_of_seats
    event("hold.held", flight=flight.pk, reference=str(reference), seats=no_of_seats)
    return HeldSeats(hold, flight, created=True)


@transaction.atomic
def confirm_hold(*, flight_id: int, reference: UUID) -> HeldSeats:
    """Make a hold that never expires. Repeatable.

    A HELD hold is confirmed even past its expiry, as long as nobody reclaimed it.
    Raises HoldNotFound and HoldReleased; both mean that the seats are gone.
    """
    flight, hold = _locked_live_hold(flight_id, reference)
    if hold.status == HoldStatus.HELD:
        _move(hold, HoldStatus.CONFIRMED)
    return HeldSeats(hold, flight, created=False)


@transaction.atomic
def shrink_hold(*, flight_id: int, reference: UUID, no_of_seats: int) -> HeldSeats:
    """Let a live hold keep no more than `no_of_seats` (1 or more); the others are free again.

    Repeatable, and in any order: a hold never grows. Raises HoldNotFound and HoldReleased.
    """
    flight, hold = _locked_live_hold(flight_id, reference)
    if hold.no_of_seats > no_of_seats:
        freed = hold.no_of_seats - no_of_seats
        hold.no_of_seats = no_of_seats
        hold.save(update_fields=["no_of_seats", "updated_at"])
        event("hold.shrunk", flight=flight.pk, reference=str(reference), seats=no_of_seats)
        Flight.objects.filter(pk=flight.pk).update(remaining_seats=F("remaining_seats") + freed)
        flight.remaining_seats += freed
    return HeldSeats(hold, flight, created=False)


@transaction.atomic
def extend_hold(*, flight_id: int, reference: UUID, expires_at: datetime) -> HeldSeats:
    """Let a live hold expire not before `expires_at` (UTC); a CONFIRMED one never does anyway.

    Repeatable, and in any order: an expiry never comes nearer. Raises HoldNotFound, HoldReleased.
    """
    flight, hold = _locked_live_hold(flight_id, reference)
    if hold.status == HoldStatus.HELD and hold.expires_at < expires_at:
        hold.expires_at = expires_at
        hold.save(update_fields=["expires_at", "updated_at"])
    return HeldSeats(hold, flight, created=False)


@transaction.atomic
def give_up_hold(*, flight_id: int, reference: UUID) -> None:
    """Release a hold whose booking was never made. Repeatable; an unknown hold is nothing to do.

    Raises HoldConfirmed, and leaves the hold alone, when it is CONFIRMED: then somebody has paid.
    """
    try:
        _, hold = _locked_hold(flight_id, reference)
    except (errors.FlightNotFound, errors.HoldNotFound):
        return
    if hold.status == HoldStatus.CONFIRMED:
        raise errors.HoldConfirmed
    _release(SeatHold.objects.filter(pk=hold.pk, status=HoldStatus.HELD))


@transaction.atomic
def release_holds(*, references: Iterable[UUID]) -> int:
    """Release the holds of cancelled bookings, CONFIRMED ones too; return how many were live.

    Repeatable. Unknown and released holds are passed over.
    """
    wanted = SeatHold.objects.filter(reference__in=list(references))
    _lock_all(wanted.live().values_list("flight_id", flat=True))
    return _release(wanted.live())  # read again: only now nobody else moves them


@transaction.atomic
def release_expired_holds(*, limit: int = 500) -> int:
    """Release up to `limit` holds that nobody confirmed in time; return how many.

    The caller loops until less than `limit` come back. Any number may run at once.
    """
    due = list(
        SeatHold.objects.expired()
        .order_by("expires_at")
        .values_list("reference", "flight_id")[:limit]
    )
    _lock_all(flight_id for _, flight_id in due)
    return _release(SeatHold.objects.expired().filter(reference__in=[row[0] for row in due]))


@contextmanager
def flight_locked(*, flight_id: int) -> Iterator[Flight]:
    """The Flight, locked until the block ends, in a transaction that ends with it.

    For checks that must still be true when `change_flight` writes. Raises FlightNotFound.
    """
    with transaction.atomic():
        yield _locked(flight_id)


def change_flight(flight: Flight, **changes: Any) -> None:
    """Write `changes` (field names) to a flight of `flight_locked`.

    A change of `total_seats` adds to the seats that remain, or takes from them.
    Raises SeatsHeld, with `held_seats`, when more seats are held than would be left.
    """
    if "total_seats" in changes:
        held = flight.total_seats - flight.remaining_seats
        changes["remaining_seats"] = changes["total_seats"] - held
        if changes["remaining_seats"] < 0:
            raise errors.SeatsHeld(
                f"{held} seats are held: {changes['total_seats']} are too few.", held_seats=held
            )
    for name, value in changes.items():
        setattr(flight, name, value)
    flight.save(update_fields=[*changes, "updated_at"])
    event("flight.changed", flight=flight.pk, fields=sorted(changes))


@transaction.atomic
def cancel_flight(*, flight_id: int) -> Flight:
    """Close the flight for good: from here on nobody takes seats of it. Repeatable.

    Holds that nobody has confirmed are released, so that nobody pays for them any more; confirmed
    ones are left to their bookings. Raises FlightNotFound and FlightDeparted.
    """
    flight = _locked(flight_id)
    if flight.status == Flight.Status.CANCELLED:
        return flight
    if flight.departure_time <= database_clock():
        raise errors.FlightDeparted
    flight.status = Flight.Status.CANCELLED
    flight.save(update_fields=["status", "updated_at"])
    event("flight.cancelled", flight=flight.pk)
    _release(flight.holds.filter(status=HoldStatus.HELD))
    return flight


@transaction.atomic
def delete_flight(*, flight_id: int) -> None:
    """Delete a flight of which no seat is held. Raises FlightNotFound and FlightInUse."""
    flight = _locked(flight_id)
    if flight.holds.live().exists():
        raise errors.FlightInUse
    flight.holds.all().delete()  # released ones: nobody asks for them again
    flight.delete()


def _locked(flight_id: int) -> Flight:
    """The Flight, locked. Raises FlightNotFound."""
    try:
        return Flight.objects.select_for_update().get(pk=flight_id)
    except Flight.DoesNotExist:
        raise errors.FlightNotFound from None


def _now_and_known(reference: UUID) -> tuple[datetime, bool]:
    """The database's clock, and whether there is a hold of this reference, whatever its state."""
    with connection.cursor() as cursor:
        cursor.execute(NOW_AND_KNOWN, [reference])
        return cast(tuple[datetime, bool], cursor.fetchone())


def _take(hold: SeatHold) -> None:
    """Take the seats of a new hold and write it. Raises HoldConflict for a reference in use."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(TAKE, {column: getattr(hold, column) for column in _COLUMNS})
    except IntegrityError as error:  # at this moment the reference was used for another flight
        if isinstance(error.__cause__, UniqueViolation):
            raise errors.HoldConflict from error
        raise


def _lock_all(flight_ids: Iterable[int]) -> None:
    """Lock flights in primary key order, so that two batches never wait for each other."""
    ids = set(flight_ids)
    list(Flight.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))


def _locked_hold(flight_id: int, reference: UUID) -> tuple[Flight, SeatHold]:
    """The Flight, locked, and its hold as it is under that lock."""
    flight = _locked(flight_id)
    try:
        return flight, flight.holds.get(reference=reference)
    except SeatHold.DoesNotExist:
        raise errors.HoldNotFound from None


def _locked_live_hold(flight_id: int, reference: UUID) -> tuple[Flight, SeatHold]:
    flight, hold = _locked_hold(flight_id, reference)
    if hold.status == HoldStatus.RELEASED:
        raise errors.HoldReleased
    return flight, hold


def _standing(hold: SeatHold, flight: Flight, no_of_seats: int) -> HeldSeats:
    """The answer to a PUT whose reference is known already."""
    if hold.flight_id != flight.pk or hold.no_of_seats != no_of_seats:
        raise errors.HoldConflict
    if hold.status == HoldStatus.RELEASED:
        raise errors.HoldReleased
    return HeldSeats(hold, flight, created=False)


def _move(hold: SeatHold, status: HoldStatus) -> None:
    hold.status = status
    hold.save(update_fields=["status", "updated_at"])
    event(f"hold.{status.lower()}", flight=hold.flight_id, reference=str(hold.reference))


def _release(holds: QuerySet[SeatHold]) -> int:
    """Release `holds`, live ones of locked flights; return how many they were."""
    references = list(holds.values_list("reference", flat=True))
    if not references:
        return 0
    holds = SeatHold.objects.filter(reference__in=references)
    seats = holds.filter(flight=OuterRef("pk")).order_by().values("flight")
    Flight.objects.filter(pk__in=holds.values("flight")).update(
        remaining_seats=F("remaining_seats")
        + Subquery(seats.annotate(seats=Sum("no_of_seats")).values("seats"))
    )
    released = holds.update(status=HoldStatus.RELEASED, updated_at=Now())
    event("holds.released", count=released, references=[str(one) for one in references])
    return released
