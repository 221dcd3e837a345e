"""Were the promises kept? Judged from outside: by what clients were told, and what the APIs say.

Pure: the same answers and the same snapshot give the same verdict. Nothing here knows how the
services work; all it knows is what they promise.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from chaos import books
from chaos.record import Told
from chaos.snapshot import Snapshot
from chaos.violations import Violation

ORDER = {"INITIATED": 0, "BOOKED": 1, "CANCELLED": 2}

# Every answer that a client may get who does nothing wrong: code by status, per kind of request.
# No answer at all, and 502, 503 and 504, are what faults look like from outside.
EXPECTED: dict[str, dict[int, set[str]]] = {
    "create": {201: {""}, 409: {"seats_unavailable", "request_in_flight"}},
    "pay": {
        200: {""},
        402: {"payment_declined"},
        409: {
            *("booking_expired", "booking_cancelled", "already_booked", "seats_lost"),
            *("payment_in_progress", "request_in_flight", "payment_voided"),
        },
    },
    "quote": {200: {""}, 409: {"booking_cancelled"}},
    "cancel": {200: {""}, 409: {"payment_in_progress", "quote_outdated"}},
    "read": {200: {""}},
    "list": {200: {""}},
    "search": {200: {""}},
}
DOWN = (None, 502, 503, 504)


def check(told: Iterable[Told], snapshot: Snapshot) -> list[Violation]:
    """Every promise that was broken, in order. An empty list is a clean verdict."""
    told = list(told)
    found = [
        *_answers(told),
        *_kept(told, snapshot),
        *_sold_once(told, snapshot),
        *books.seats(snapshot),
        *books.money(snapshot),
        *_once(told, snapshot),
        *_forward(told),
        *books.rest(snapshot),
    ]
    return sorted(set(found))


# --- What clients were told -----------------------------------------------------------------------


def _answers(told: Iterable[Told]) -> Iterator[Violation]:
    for each in told:
        if each.status in DOWN:
            continue
        if each.code not in EXPECTED[each.op].get(each.status or 0, ()):
            yield Violation("answers", f"{_request(each)} was answered {each.status} {each.code}")
        elif each.status in (200, 201) and _status(each) not in _states_to_tell(each):
            sentence = f"{_request(each)} was answered {each.status}, {_status(each)}"
            yield Violation("answers", sentence)


def _states_to_tell(each: Told) -> set[str | None]:
    """The states of the booking in a good answer to such a request."""
    if each.op == "pay":
        return {"BOOKED"}
    if each.op == "cancel" and not each.asked.get("noOfSeats"):
        return {"CANCELLED"}
    return {None} if each.op in ("quote", "list", "search") else set(ORDER)


def _forward(told: Iterable[Told]) -> Iterator[Violation]:
    """What was asked after an answer had come must not say less than that answer."""
    for booking, history in _histories(told).items():
        furthest = "INITIATED"
        answers = deque(sorted(history, key=lambda each: each.received))
        for each in sorted(history, key=lambda each: each.sent):
            while answers[0].received < each.sent:
                furthest = max(furthest, _status(answers.popleft()), key=ORDER.__getitem__)
            if ORDER[_status(each)] < ORDER[furthest]:
                sentence = f"booking {booking} was {furthest}, and later {_status(each)}"
                yield Violation("forward", sentence)


# --- Bookings that were acknowledged --------------------------------------------------------------


def _kept(told: Iterable[Told], snapshot: Snapshot) -> Iterator[Violation]:
    standing = {row["id"]: row for row in snapshot.bookings}
    cancels, refusing = _causes(told)
    for id_, history in _histories(told).items():
        if id_ in standing:
            yield from _still_what_it_was(standing[id_], history)
            yield from _as_many_seats(standing[id_], history, cancels.get(id_, {}))
        else:
            yield Violation("kept", f"booking {id_} was acknowledged, and is not there")
    for id_, row in standing.items():
        yield from _rightly_cancelled(row, id_ in cancels, id_ in refusing)


def _causes(told: Iterable[Told]) -> tuple[dict[int, dict[str, int]], set[int]]:
    """What may end a booking: seats that were to be cancelled, by quote; a capture refused."""
    cancels: dict[int, dict[str, int]] = defaultdict(dict)
    refusing = set()
    for each in told:
        if each.op == "cancel":
            quote = each.asked.get("quote", "all")
            cancels[each.asked["booking"]][quote] = each.asked.get("noOfSeats", 0)
        if each.op == "pay" and each.asked["paymentMethod"] == "tok_capture_fails":
            refusing.add(each.asked["booking"])
    return cancels, refusing


def _still_what_it_was(row: dict[str, Any], history: list[Told]) -> Iterator[Violation]:
    name = f"booking {row['id']}"
    for each in history:
        said = each.booking or {}
        for field in ("reference", "locator", "flightId", "userId", "currency"):
            if said[field] != row[field]:
                sentence = f"{name} was said to have {field} {said[field]}, and has {row[field]}"
                yield Violation("kept", sentence)
    furthest = max((_status(each) for each in history), key=ORDER.__getitem__)
    if ORDER[row["status"]] < ORDER[furthest]:
        yield Violation("kept", f"{name} was said to be {furthest}, and is {row['status']}")
    elif (
        any(_status(each) == "BOOKED" for each in history)
        and row["status"] == "CANCELLED"
        and row["cancellationReason"] not in ("USER", "PAYMENT_FAILED")
    ):
        sentence = f"{name} was said to be BOOKED, and is CANCELLED, {row['cancellationReason']}"
        yield Violation("kept", sentence)


def _as_many_seats(
    row: dict[str, Any], history: list[Told], cancels: dict[str, int]
) -> Iterator[Violation]:
    """Seats never come back, and go as often as quotes were sent, not as often as requests."""
    said = [(each.booking or {})["noOfSeats"] for each in history]
    if not max(said) - sum(cancels.values()) <= row["noOfSeats"] <= min(said):
        sentence = (
            f"booking {row['id']} was said to have {max(said)} to {min(said)} seats, of which at"
            f" most {sum(cancels.values())} were cancelled, and it has {row['noOfSeats']}"
        )
        yield Violation("kept", sentence)


def _rightly_cancelled(
    row: dict[str, Any], asked_to_cancel: bool, refusing: bool
) -> Iterator[Violation]:
    """Each reason needs its cause. SEATS_LOST has none that shows outside."""
    reason = row["cancellationReason"]
    name = f"booking {row['id']}"
    if reason == "USER" and not asked_to_cancel:
        yield Violation("kept", f"{name} is cancelled by its traveller, who never asked for that")
    if reason == "PAYMENT_FAILED" and not refusing:
        yield Violation("kept", f"{name} is cancelled for a capture that nobody had refused")
    if reason == "TIMEDOUT" and seconds(row["updatedAt"]) < seconds(row["paymentDeadline"]):
        yield Violation("kept", f"{name} is cancelled as not paid in time, before its deadline")


def _once(told: Iterable[Told], snapshot: Snapshot) -> Iterator[Violation]:
    """Each request made at most one booking, however often it was sent."""
    wishes: dict[tuple[int, str], list[Told]] = defaultdict(list)
    for number, each in enumerate(told):
        if each.op == "create":
            wishes[each.user, each.asked.get("key") or f"request {number}"].append(each)
    unanswered: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    acknowledged: set[int] = set()
    for (_, key), tries in wishes.items():
        made = {each.booking["id"] for each in tries if each.booking}
        acknowledged |= made
        if len(made) > 1:
            yield Violation("once", f"one request ({key}) made bookings {sorted(made)}")
        if not made:
            unanswered[_wish(tries[0])].append(min(each.sent for each in tries))
    yield from _strays(snapshot, acknowledged, unanswered)


def _strays(
    snapshot: Snapshot, acknowledged: set[int], unanswered: dict[tuple[Any, ...], list[float]]
) -> Iterator[Violation]:
    """Bookings that nobody was told of must each come from a request that got no answer."""
    strays = [row for row in snapshot.bookings if row["id"] not in acknowledged]
    for row in sorted(strays, key=lambda row: seconds(row["createdAt"])):
        wish = (row["userId"], row["flightId"], row["noOfSeats"])
        earlier = [sent for sent in unanswered[wish] if sent <= seconds(row["createdAt"])]
        if earlier:
            unanswered[wish].remove(min(earlier))
        else:
            yield Violation("once", f"booking {row['id']} is there, and nobody asked for it")


def _wish(each: Told) -> tuple[Any, ...]:
    return (each.user, each.asked["flightId"], each.asked["noOfSeats"])


# --- Seats ----------------------------------------------------------------------------------------


def _sold_once(told: Iterable[Told], snapshot: Snapshot) -> Iterator[Violation]:
    """By what clients were told alone: who was told BOOKED, and never cancelled, has seats."""
    cancels, refusing = _causes(told)
    promised = Counter[int]()
    for id_, history in _histories(told).items():
        booked = [each.booking for each in history if _status(each) == "BOOKED"]
        if booked and booked[0] and id_ not in cancels and id_ not in refusing:
            promised[booked[0]["flightId"]] += booked[0]["noOfSeats"]
    for flight in snapshot.flights:
        if promised[flight["id"]] > flight["totalSeats"]:
            sentence = (
                f"of flight {flight['id']} {promised[flight['id']]} seats are promised,"
                f" and it has {flight['totalSeats']}"
            )
            yield Violation("sold once", sentence)


# --- Reading --------------------------------------------------------------------------------------


def _histories(told: Iterable[Told]) -> dict[int, list[Told]]:
    """The answers that showed a booking, by its id."""
    histories: dict[int, list[Told]] = defaultdict(list)
    for each in told:
        if each.booking:
            histories[each.booking["id"]].append(each)
    return histories


def _status(each: Told) -> Any:
    """The state of the booking in the answer, None where there is none in it."""
    return (each.booking or {}).get("status")


def _request(each: Told) -> str:
    return f"{each.op} {each.asked} of {each.client}"


def seconds(text: str) -> float:
    """A time on the wire as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()
