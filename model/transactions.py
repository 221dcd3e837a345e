"""Transactions of the bookings service: what they write together, and how they can end.

Each is one step: it holds the booking's lock from its first read to its COMMIT.
"""

from model.rules import World
from model.state import (
    AUTHORIZED,
    BOOKED,
    CANCELLED,
    CAPTURE,
    CAPTURED,
    GIVE_BACK,
    PROCESSING,
    REFUNDED,
    VOID,
    VOIDED,
    Outcome,
    Sale,
    add_message,
    change_attempt,
    delete_message,
)

SETTLED_FROM = {AUTHORIZED: (CAPTURED, VOIDED, REFUNDED), CAPTURED: (REFUNDED,)}


def commit(what: str, before: Sale, after: Sale, world: World) -> list[Outcome]:
    """The transaction is committed as a whole, or not at all."""
    outcomes = [Outcome(what, after)]
    if world.configuration.faults:
        outcomes.append(Outcome(f"{what}: DIES BEFORE COMMIT", before, fault=True))
        if not world.rules.outbox_with_change:
            half = _without_new_messages(before, after)
            outcomes.append(Outcome(f"{what}: DIES BEFORE IT WRITES THE OUTBOX", half, fault=True))
    return outcomes


def _without_new_messages(before: Sale, after: Sale) -> Sale:
    half = after._replace(release=before.release, running=before.running)
    for number, old in enumerate(before.attempts):
        new = after.attempts[number].outbox & old.outbox
        half = change_attempt(half, number, outbox=new)
    return half


def move_attempt(sale: Sale, number: int, status: str) -> Sale:
    """`moves._move_attempt`: an attempt that leaves PROCESSING frees its booking."""
    if sale.attempts[number].status == PROCESSING:
        sale = sale._replace(paying_since=False)
    return change_attempt(sale, number, status=status)


def take_back(sale: Sale, number: int, world: World) -> tuple[Sale, bool]:
    """`moves.take_back`: the sale after it, and whether the attempt moved."""
    if world.rules.compare_and_set and sale.attempts[number].status != PROCESSING:
        return sale, False
    sale = move_attempt(sale, number, VOIDED)
    return (add_message(sale, number, VOID) if world.rules.void_with_move else sale), True


def settle(sale: Sale, number: int, status: str, world: World) -> Sale:
    """`moves.settle`: note what became of the money, unless that was noted before."""
    may = status in SETTLED_FROM.get(sale.attempts[number].status, ())
    return move_attempt(sale, number, status) if may or not world.rules.compare_and_set else sale


def cancel(sale: Sale, world: World) -> Sale:
    """`moves.cancel`: seats go back, and money where any was authorised."""
    was_booked = sale.status == BOOKED
    sale = sale._replace(status=CANCELLED, release=True)
    if was_booked:
        for number, attempt in enumerate(sale.attempts):
            if attempt.status in (AUTHORIZED, CAPTURED):
                sale = _give_back(sale, number, world)
    return sale


def _give_back(sale: Sale, number: int, world: World) -> Sale:
    if world.rules.remove_capture:
        sale = delete_message(sale, number, CAPTURE)
    return add_message(sale, number, GIVE_BACK)
