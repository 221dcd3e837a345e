"""Pay: two short transactions with the network between them (`services.pay`)."""

from model import network, steps
from model.network import call
from model.rules import World
from model.state import (
    AUTHORIZED,
    BOOKED,
    CAPTURE,
    DECLINED,
    INITIATED,
    PROCESSING,
    Attempt,
    Outcome,
    Request,
    Sale,
    add_message,
    go_on,
)
from model.transactions import cancel, commit, move_attempt, take_back


def starts(sale: Sale, world: World) -> list[Outcome]:
    """`_start_attempt`: the only place that judges the deadline."""
    busy = sale.paying_since and world.rules.one_at_a_time
    if sale.status != INITIATED or sale.deadline_over or busy or not sale.attempts_left:
        return []
    after = sale._replace(
        paying_since=True,
        attempts=(*sale.attempts, Attempt()),
        attempts_left=sale.attempts_left - 1,
    )
    after = go_on(after, steps.AUTHORISE, len(sale.attempts))
    return [Outcome("traveller: POST payments, _start_attempt: PROCESSING", after, fault=True)]


def authorise(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Only a decline is a decline: without an answer, the attempt stays PROCESSING."""
    seats_safe = steps.CONFIRM if world.rules.confirm_first else steps.BOOK
    back = steps.TAKE_BACK if world.rules.void_with_move else steps.VOID_THEN_TAKE_BACK
    then = {
        "ok": seats_safe,
        "ok, but it will never be captured": seats_safe,
        "payment_declined": steps.DECLINE,
        "payment method unknown": back,
    }  # payment_voided: somebody took the attempt back, and this process ends
    return call(sale, world, Request(network.AUTHORISE, number), then)


def confirm(sale: Sale, number: int, world: World) -> list[Outcome]:
    """From an answer ok on, the seats can't expire."""
    gone = steps.LOSE_SEATS if world.rules.void_with_move else steps.VOID_THEN_LOSE_SEATS
    then = {"ok": steps.BOOK, "hold_released": gone, "hold_not_found": gone}
    return call(sale, world, Request(network.CONFIRM_HOLD, number), then)


def book(sale: Sale, number: int, world: World) -> list[Outcome]:
    """`_book`, and the capture right after it. An attempt taken back meanwhile ends it."""
    if world.rules.compare_and_set and sale.attempts[number].status != PROCESSING:
        return [Outcome("the attempt was taken back: nothing is written", sale)]
    if sale.status != INITIATED and world.rules.book_only_initiated:
        after, _ = take_back(sale, number, world)
        return commit("the booking is over: VOIDED", sale, after, world)
    after = move_attempt(sale, number, AUTHORIZED)._replace(status=BOOKED)
    after = go_on(add_message(after, number, CAPTURE), steps.CAPTURE, number)
    return commit("BOOKED, AUTHORIZED", sale, after, world)


def decline(sale: Sale, number: int, world: World) -> list[Outcome]:
    if world.rules.compare_and_set and sale.attempts[number].status != PROCESSING:
        return [Outcome("the attempt was decided before", sale)]
    return commit("DECLINED", sale, move_attempt(sale, number, DECLINED), world)


def lose_seats(sale: Sale, number: int, world: World) -> list[Outcome]:
    after, moved = take_back(sale, number, world)
    if moved and sale.status == INITIATED:
        return commit("VOIDED, CANCELLED (SEATS_LOST)", sale, cancel(after, world), world)
    return commit("VOIDED" if moved else "the attempt was decided before", sale, after, world)


def take_back_alone(sale: Sale, number: int, world: World) -> list[Outcome]:
    after, moved = take_back(sale, number, world)
    return commit("VOIDED" if moved else "the attempt was decided before", sale, after, world)


def void_then_lose_seats(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Only without `void_with_move`."""
    return call(sale, world, Request(network.VOID, number), {"ok": steps.LOSE_SEATS})


def void_then_take_back(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Only without `void_with_move`."""
    return call(sale, world, Request(network.VOID, number), {"ok": steps.TAKE_BACK})


STEPS = {
    steps.AUTHORISE: authorise,
    steps.CONFIRM: confirm,
    steps.BOOK: book,
    steps.DECLINE: decline,
    steps.LOSE_SEATS: lose_seats,
    steps.TAKE_BACK: take_back_alone,
    steps.VOID_THEN_LOSE_SEATS: void_then_lose_seats,
    steps.VOID_THEN_TAKE_BACK: void_then_take_back,
}
