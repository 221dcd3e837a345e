"""Reconcile: finishes attempts that nobody works on any more (`services.reconcile`)."""

from model.rules import World
from model.state import INITIATED, PROCESSING, Outcome, Process, Sale, go_on
from model.steps import CONFIRM, DECLINE, FIND, PAYING, TAKE_BACK, VOID_THEN_TAKE_BACK

AT_ONE_TIME = 3  # reconcilers and requests that work on one attempt


def starts(sale: Sale, world: World) -> list[Outcome]:
    """Reads the attempt and its booking; what it read may be old when it goes on."""
    outcomes = []
    for number, attempt in enumerate(sale.attempts):
        busy = sum(_works_on(process, number) for process in sale.running)
        waits = busy and world.configuration.on_time and world.rules.lease
        if attempt.status != PROCESSING or waits or busy >= AT_ONE_TIME:
            continue
        first = FIND if sale.status == INITIATED else TAKE_BACK
        what = f"reconcile: reads that attempt {number + 1} is PROCESSING"
        # Another reconciler beside the first is nothing that must happen.
        outcomes.append(Outcome(what, go_on(sale, first, number), fault=busy > 0))
    return outcomes


def _works_on(process: Process, number: int) -> bool:
    return process.attempt == number and process.step in PAYING


def find(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Ask what the provider knows: forward where it has authorised, else back."""
    payment = sale.attempts[number].payment
    back = TAKE_BACK if world.rules.void_with_move else VOID_THEN_TAKE_BACK
    then = {"REQUIRES_CAPTURE": CONFIRM, "FAILED": DECLINE}.get(payment, back)
    found = payment or "an unknown key"
    outcomes = [Outcome(f"the provider says {found}", go_on(sale, then, number))]
    if world.configuration.faults:
        outcomes.append(Outcome("NO ANSWER: left to the next beat", sale, fault=True))
    return outcomes


STEPS = {FIND: find}
