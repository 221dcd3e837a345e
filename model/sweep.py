"""Sweep: cancels bookings that nobody paid in time (`services.expire`)."""

from model import pay
from model.rules import World
from model.state import INITIATED, Outcome, Sale, go_on
from model.steps import SWEEP_SELECTED
from model.transactions import cancel, commit

TIMEDOUT = "sweep: CANCELLED (TIMEDOUT)"


def starts(sale: Sale, world: World) -> list[Outcome]:
    """One transaction: the row is looked at under its lock."""
    if sale.status != INITIATED or sale.paying_since:
        return []
    if not world.rules.sweep_on_row:
        return _select(sale, world)
    if not sale.deadline_over:
        return []
    return commit(TIMEDOUT, sale, cancel(sale, world), world)


def _select(sale: Sale, world: World) -> list[Outcome]:
    """Only without `sweep_on_row`: select by what is committed, and lock later."""
    if any(process.step == SWEEP_SELECTED for process in sale.running):
        return []
    if sale.deadline_over:
        return [Outcome("sweep: selects the booking", go_on(sale, SWEEP_SELECTED))]
    outcomes = []
    for begun in pay.starts(sale, world):
        overtaken = go_on(begun.sale._replace(deadline_over=True), SWEEP_SELECTED)
        what = f"{begun.what}; before its COMMIT the deadline passes, and the sweep selects"
        outcomes.append(Outcome(what, overtaken, fault=True))
    return outcomes


def cancel_selected(sale: Sale, _: int, world: World) -> list[Outcome]:
    """Only without `sweep_on_row`: whether somebody pays is not looked at again."""
    if sale.status != INITIATED:
        return [Outcome("no longer INITIATED", sale)]
    return commit(TIMEDOUT, sale, cancel(sale, world), world)


STEPS = {SWEEP_SELECTED: cancel_selected}
