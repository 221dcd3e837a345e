"""Relay: tells other services what stands in the outbox, at least once (`bookings/outbox.py`).

Any number of relays may tell the same message: a claim only lasts for some time, and safety must
not depend on time.
"""

from model import network, steps
from model.network import call, deliver
from model.rules import World
from model.state import (
    AUTHORIZED,
    BOOKED,
    CAPTURE,
    CAPTURED,
    GIVE_BACK,
    REFUNDED,
    VOID,
    VOIDED,
    Outcome,
    Request,
    Sale,
    add_message,
    delete_message,
    go_on,
    send_late,
)
from model.transactions import cancel, commit, settle

AT_ONE_TIME = 2  # relays that tell one message

CAPTURING = (steps.CAPTURE, steps.VOID_REFUSED, steps.FAIL_CAPTURE, steps.SETTLE_CAPTURED)
GIVING_BACK = (
    steps.GIVE_BACK_VOID,
    steps.GIVE_BACK_REFUND,
    steps.SETTLE_VOIDED,
    steps.SETTLE_REFUNDED,
)


def starts(sale: Sale, world: World) -> list[Outcome]:
    """A relay claims a message."""
    outcomes = _release(sale, world) if sale.release else []
    for number, attempt in enumerate(sale.attempts):
        if VOID in attempt.outbox:
            outcomes += _void(sale, number, world)
        if CAPTURE in attempt.outbox:
            outcomes += _claim(sale, number, CAPTURE, steps.CAPTURE, CAPTURING, world)
        if GIVE_BACK in attempt.outbox:
            first = steps.GIVE_BACK_REFUND
            if world.rules.void_before_refund:
                first = steps.GIVE_BACK_VOID
            outcomes += _claim(sale, number, GIVE_BACK, first, GIVING_BACK, world)
    return outcomes


def _claim(
    sale: Sale, number: int, kind: str, first: str, those: tuple[str, ...], world: World
) -> list[Outcome]:
    busy = sum(process.attempt == number and process.step in those for process in sale.running)
    if busy >= AT_ONE_TIME:
        return []
    after = sale if world.rules.delete_when_answered else delete_message(sale, number, kind)
    return [Outcome(f"relay: claims {kind}", go_on(after, first, number), fault=busy > 0)]


# --- Seats, and attempts that were taken back -----------------------------------------------------
# The answer changes nothing but the message itself: telling and deleting are one step here.


def _release(sale: Sale, world: World) -> list[Outcome]:
    told = sale._replace(release=False)
    return _tell(sale, told, Request(network.RELEASE_HOLD), world)


def _void(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Where it finds the money captured, the message stays until somebody looks."""
    told = delete_message(sale, number, VOID)
    return _tell(sale, told, Request(network.VOID, number), world)


def _tell(sale: Sale, told: Sale, request: Request, world: World) -> list[Outcome]:
    outcomes = []
    if world.configuration.faults:
        left = sale if world.rules.delete_when_answered else told
        what = f"relay: {request.kind}"
        outcomes = [
            Outcome(f"{what}: DIES BEFORE IT", left, fault=True),
            Outcome(f"{what}: TIME-OUT, STILL ON ITS WAY", send_late(left, request), fault=True),
        ]
        outcomes += [
            answer._replace(what=f"{what} -> {answer.what}, BUT DIES", fault=True)
            for answer in deliver(left, request, world)
        ]
    for answer in deliver(told, request, world):
        if answer.what != "already_captured":
            outcomes.append(answer._replace(what=f"relay: {request.kind} -> {answer.what}"))
    return outcomes


# --- Capture --------------------------------------------------------------------------------------


def capture(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Refused for good, the payment is voided first."""
    refused = steps.VOID_REFUSED if world.rules.void_before_failing else steps.FAIL_CAPTURE
    if not world.rules.end_refused_capture:
        refused = steps.END
    then = {"ok": steps.SETTLE_CAPTURED, "capture_refused": refused}
    return call(sale, world, Request(network.CAPTURE, number), then)


def void_refused(sale: Sale, number: int, world: World) -> list[Outcome]:
    then = {"ok": steps.FAIL_CAPTURE, "already_captured": steps.SETTLE_CAPTURED}
    return call(sale, world, Request(network.VOID_REFUSED, number), then)


def settle_captured(sale: Sale, number: int, world: World) -> list[Outcome]:
    after = delete_message(settle(sale, number, CAPTURED, world), number, CAPTURE)
    return commit("CAPTURED", sale, after, world)


def fail_capture(sale: Sale, number: int, world: World) -> list[Outcome]:
    """`_fail_capture`: the booking is over, unless somebody ended the attempt before."""
    after = delete_message(sale, number, CAPTURE)
    if sale.attempts[number].status == AUTHORIZED:
        after = settle(after, number, VOIDED, world)
        if not world.rules.void_before_failing:
            after = add_message(after, number, VOID)
        if sale.status == BOOKED:
            after = cancel(after, world)
    return commit("VOIDED, CANCELLED (PAYMENT_FAILED)", sale, after, world)


# --- Give back ------------------------------------------------------------------------------------


def give_back_void(sale: Sale, number: int, world: World) -> list[Outcome]:
    then = {"ok": steps.SETTLE_VOIDED, "already_captured": steps.GIVE_BACK_REFUND}
    return call(sale, world, Request(network.VOID, number), then)


def give_back_refund(sale: Sale, number: int, world: World) -> list[Outcome]:
    return call(sale, world, Request(network.REFUND, number), {"ok": steps.SETTLE_REFUNDED})


def settle_voided(sale: Sale, number: int, world: World) -> list[Outcome]:
    after = delete_message(settle(sale, number, VOIDED, world), number, GIVE_BACK)
    return commit("VOIDED", sale, after, world)


def settle_refunded(sale: Sale, number: int, world: World) -> list[Outcome]:
    after = delete_message(settle(sale, number, REFUNDED, world), number, GIVE_BACK)
    return commit("REFUNDED", sale, after, world)


STEPS = {
    steps.CAPTURE: capture,
    steps.VOID_REFUSED: void_refused,
    steps.SETTLE_CAPTURED: settle_captured,
    steps.FAIL_CAPTURE: fail_capture,
    steps.GIVE_BACK_VOID: give_back_void,
    steps.GIVE_BACK_REFUND: give_back_refund,
    steps.SETTLE_VOIDED: settle_voided,
    steps.SETTLE_REFUNDED: settle_refunded,
}
