"""What happened to a booking, in the trade's words: when, what, by whom, and what it changed.

Read from the rows that triggers wrote (`bookings/models/events.py`). They know users by id alone:
names are asked for when somebody reads, so that forgetting a person needs nothing here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from pghistory.models import Events

from bookings.models import EVENTS, Booking
from bookings.states import AttemptStatus, BookingStatus, CancellationReason, RefundStatus
from common.money import format_amount
from common.wire import camelize, to_wire_time

ORDER = ("pgh_created_at", "pgh_slug")
MONEY = ("total_cost", "amount", "refund", "kept")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Happening:
    """Something that happened. `changes` are as on the wire: name → from (None if new) and to."""

    at: datetime
    what: str
    by: dict[str, str]
    changes: dict[str, dict[str, Any]]
    request_id: str | None


def events_of(booking: Booking) -> QuerySet[Any]:
    """What the triggers wrote of a booking, oldest first."""
    return Events.objects.across(*EVENTS).references(booking).order_by(*ORDER)


def tell(booking: Booking, events: Iterable[Events], *, names: bool) -> list[Happening]:
    """Events of a booking in words; who did it by name, where `names` may be told."""
    events = list(events)
    users = _usernames(events) if names else {}
    return [
        Happening(
            at=event.pgh_created_at,
            what=WORDS[event.pgh_obj_model](event.pgh_label, event.pgh_data, event.pgh_diff or {}),
            by=_by(event.pgh_context, booking, users, names=names),
            changes=_changes(event, booking.currency),
            request_id=(event.pgh_context or {}).get("request"),
        )
        for event in events
    ]


# --- What ---------------------------------------------------------------------------------------


def _seats(number: int) -> str:
    return f"{number} seat" if number == 1 else f"{number} seats"


def _of_booking(label: str, now: Row, diff: Row) -> str:
    if "flight" in now:
        number = now["flight"]["flightNumber"]
        return f"rebooked to {number}" if label == "rebooked" else f"{number} moved"
    if label == "insert":
        return f"{_seats(now['no_of_seats'])} held"
    if label == "contact":
        return "contact changed"
    if label == "before":
        return "on record from here"
    return ", ".join(_changes_of_booking(now, diff)) or "changed"


def _changes_of_booking(now: Row, diff: Row) -> Iterable[str]:
    if "status" in diff:
        if now["status"] == BookingStatus.BOOKED:
            yield "booked"
        else:
            timed_out = now["cancellation_reason"] == CancellationReason.TIMEDOUT
            yield "expired" if timed_out else "cancelled"
    if "no_of_seats" in diff:
        before, after = diff["no_of_seats"]
        yield f"{_seats(abs(before - after))} {'given back' if after < before else 'added'}"
    elif "total_cost" in diff:
        yield "price changed"
    if "payment_deadline" in diff:
        before, after = diff["payment_deadline"]
        yield "deadline extended" if after > before else "deadline brought forward"
    if "free_to_cancel" in diff:
        yield "free to cancel" if now["free_to_cancel"] else "no longer free to cancel"


def _of_attempt(label: str, now: Row, diff: Row) -> str:
    if label == "insert":
        return "payment begun"
    return {
        AttemptStatus.AUTHORIZED: "payment authorised",
        AttemptStatus.CAPTURED: "payment captured",
        AttemptStatus.DECLINED: "payment declined",
        AttemptStatus.VOIDED: "payment voided",
        AttemptStatus.REFUNDED: "payment refunded in full",
    }.get(now["status"], "payment changed")


def _of_refund(label: str, now: Row, diff: Row) -> str:
    if label == "insert":
        return "refund begun"
    return {
        RefundStatus.REFUNDED: "refunded",
        RefundStatus.VOIDED: "let go uncharged, and not refunded",
    }.get(now["status"], "refund changed")


def _of_cancellation(label: str, now: Row, diff: Row) -> str:
    return f"{_seats(now['no_of_seats'])} cancelled"


def _of_rebooking(label: str, now: Row, diff: Row) -> str:
    return "rebooking begun" if label == "insert" else "rebooking taken back"


def _of_passenger(label: str, now: Row, diff: Row) -> str:
    return {
        "insert": "passenger added",
        "corrected": "name corrected",
        "forgotten": "name forgotten",
        "delete": "passenger removed",
    }[label]


WORDS: dict[str, Callable[[str, Row, Row], str]] = {
    "bookings.Booking": _of_booking,
    "bookings.PaymentAttempt": _of_attempt,
    "bookings.Refund": _of_refund,
    "bookings.Cancellation": _of_cancellation,
    "bookings.Rebooking": _of_rebooking,
    "bookings.Passenger": _of_passenger,
}


# --- By whom ------------------------------------------------------------------------------------


def _by(
    context: dict[str, Any] | None, booking: Booking, users: dict[int, str], *, names: bool
) -> dict[str, str]:
    """`system` is a task or a command; `database`, whoever wrote there past this program."""
    context = context or {}
    user = context.get("user")
    if user is None:
        kind, name = "system" if context else "database", _program(context)
    else:
        kind = "traveller" if user == booking.user_id else "support"
        name = users.get(user, "")
    return {"kind": kind, "name": name} if names and name else {"kind": kind}


def _program(context: dict[str, Any]) -> str:
    return context.get("task") or context.get("command") or context.get("route") or ""


def _usernames(events: Iterable[Events]) -> dict[int, str]:
    ids = {user for event in events if (user := (event.pgh_context or {}).get("user"))}
    people = get_user_model().objects.filter(pk__in=ids)
    return dict(people.values_list("pk", "username")) if ids else {}


# --- What changed -------------------------------------------------------------------------------


def _changes(event: Events, currency: str) -> dict[str, dict[str, Any]]:
    """All of what is new, and of what is not, what is other than it was."""
    if event.pgh_diff:
        pairs = event.pgh_diff
    elif event.pgh_label in ("insert", "rebooked", "moved"):
        pairs = {name: (None, value) for name, value in event.pgh_data.items()}
    else:
        pairs = {}
    return {
        camelize(name): {"from": old, "to": new}
        for name, pair in _without_ballast(pairs)
        for old, new in [[_shown(name, value, currency) for value in pair]]
        if old != new
    }


def _without_ballast(pairs: Row) -> Iterable[tuple[str, Any]]:
    """What everybody knows left out, and a whole flight made into what a traveller asks of it."""
    for name, (old, new) in pairs.items():
        if name == "flight":
            for part in ("flightNumber", "departureTime", "arrivalTime"):
                yield part, (old and old.get(part), new.get(part))
        elif name not in ("id", "booking_id"):
            yield name, (old, new)


def _shown(name: str, value: Any, currency: str) -> Any:
    if value is None or value is False or value == "":
        return None
    if name in MONEY:
        return format_amount(Decimal(str(value)), currency)
    if name == "payment_deadline":
        return to_wire_time(datetime.fromisoformat(value))
    return value["name"] if name == "rule" else value
