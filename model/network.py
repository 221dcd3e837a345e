"""Calls to other services, and what can happen to them on the way."""

from collections.abc import Callable, Mapping

from model import flights, payments
from model.rules import World
from model.state import (
    CONFIRMED,
    HELD,
    NONE,
    REQUIRES_CAPTURE,
    SUCCEEDED,
    Outcome,
    Request,
    Sale,
    go_on,
    send_late,
)
from model.steps import END

PUT_HOLD = "PUT hold"
DELETE_HOLD = "DELETE hold"
CONFIRM_HOLD = "confirm hold"
RELEASE_HOLD = "release hold"
AUTHORISE = "authorise"
CAPTURE = "capture"
VOID = "void by key"
VOID_REFUSED = "void by key (never captured)"
REFUND = "refund"

HANDLERS: Mapping[str, Callable[[Sale, int, World], list[Outcome]]] = {
    PUT_HOLD: flights.hold_seats,
    DELETE_HOLD: flights.give_up_hold,
    CONFIRM_HOLD: flights.confirm_hold,
    RELEASE_HOLD: flights.release_hold,
    AUTHORISE: payments.authorise,
    CAPTURE: payments.capture,
    VOID: payments.void_by_key,
    VOID_REFUSED: payments.void_refused,
    REFUND: payments.refund,
}

# Where a request that comes late can still change something, now or after other things happened.
UNFINISHED_HOLDS = {
    PUT_HOLD: (NONE,),
    CONFIRM_HOLD: (NONE, HELD),
    DELETE_HOLD: (NONE, HELD, CONFIRMED),
    RELEASE_HOLD: (NONE, HELD, CONFIRMED),
}
UNFINISHED_PAYMENTS = {
    AUTHORISE: (NONE,),
    CAPTURE: (NONE, REQUIRES_CAPTURE),
    VOID: (NONE, REQUIRES_CAPTURE),
    VOID_REFUSED: (NONE, REQUIRES_CAPTURE),
    REFUND: (NONE, REQUIRES_CAPTURE, SUCCEEDED),
}


def deliver(sale: Sale, request: Request, world: World) -> list[Outcome]:
    """What the other service makes of `request`; `what` is its answer."""
    return HANDLERS[request.kind](sale, request.attempt, world)


def call(
    sale: Sale, world: World, request: Request, then: Mapping[str, str], failed: str = END
) -> list[Outcome]:
    """All that can become of a call whose caller is no longer in `sale.running`.

    `then` names the step that follows an answer, `failed` the one that follows none.
    """
    outcomes = []
    for answer in deliver(sale, request, world):
        after = go_on(answer.sale, then.get(answer.what, END), request.attempt)
        outcomes.append(answer._replace(what=f"{request.kind} -> {answer.what}", sale=after))
        if world.configuration.faults:
            outcomes += _trouble_after(answer, after, request, failed)
    if world.configuration.faults:
        outcomes += _trouble_before(sale, request, failed)
    return outcomes


def _trouble_after(answer: Outcome, after: Sale, request: Request, failed: str) -> list[Outcome]:
    """The request was carried out, but the caller learns nothing, or a copy of it comes later."""
    done = f"{request.kind} -> {answer.what}"
    ends = [
        ("THE ANSWER IS LOST", go_on(answer.sale, failed, request.attempt)),
        ("A COPY IS STILL ON ITS WAY", send_late(after, request)),
    ]
    if failed:
        ends.append(("THE CALLER DIES", answer.sale))
    return [answer._replace(what=f"{done}, {how}", sale=end, fault=True) for how, end in ends]


def _trouble_before(sale: Sale, request: Request, failed: str) -> list[Outcome]:
    """The request never arrives, or later than the caller waits."""
    given_up = go_on(sale, failed, request.attempt)
    ends = [
        ("THE REQUEST IS LOST", given_up),
        ("TIME-OUT, THE REQUEST IS STILL ON ITS WAY", send_late(given_up, request)),
    ]
    if failed:
        ends.append(("THE CALLER DIES BEFORE IT", sale))
        ends.append(("THE CALLER DIES, THE REQUEST IS STILL ON ITS WAY", send_late(sale, request)))
    return [Outcome(f"{request.kind}: {how}", end, fault=True) for how, end in ends]


def arrive(sale: Sale, request: Request, world: World) -> list[Outcome]:
    """A late request arrives at some time, or never; nobody hears its answer."""
    never = Outcome(f"late {request.kind} never arrives", sale)
    return [never] + [
        answer._replace(what=f"late {request.kind} arrives: {answer.what}")
        for answer in deliver(sale, request, world)
    ]


def can_still_matter(sale: Sale, request: Request) -> bool:
    """Whether a late request could ever change anything. If not, the model forgets it."""
    if request.kind in UNFINISHED_HOLDS:
        return sale.hold in UNFINISHED_HOLDS[request.kind]
    attempt = sale.attempts[request.attempt]
    if request.kind == REFUND and attempt.refunded:
        return False
    if request.kind == CAPTURE and attempt.never_captured:
        return False
    return attempt.payment in UNFINISHED_PAYMENTS[request.kind]
