"""What a person reads: the result of a run, and the way to a state in which something is broken."""

import sys
from collections.abc import Iterator

from model.checker import Counterexample, Result, Step
from model.properties import PROPERTIES
from model.state import Attempt, Sale


def verdict(result: Result) -> str:
    """One line: what was looked at, and what came of it."""
    if result.counterexample is not None:
        steps = len(result.counterexample.steps)
        found = f"BREAKS {result.counterexample.broken} in {steps} steps"
    else:
        found = "holds" if result.complete else "UNFINISHED, nothing broken so far"
    seen = f"{result.states:,} states, {result.transitions:,} transitions"
    return f"{found} ({seen}, {result.seconds:.1f} s)"


def tell_progress(run: str, states: int) -> None:
    """A line on stderr now and then, so that nobody thinks that it stands still."""
    sys.stderr.write(f"      {run}: {states:,} states so far\n")
    sys.stderr.flush()


def tell(counterexample: Counterexample) -> Iterator[str]:
    """The steps of a counterexample, each with what it changed."""
    yield f"{counterexample.broken}: {PROPERTIES[counterexample.broken]}. It is not so after:"
    yield from _tell_steps(counterexample.steps, 1)
    if counterexample.broken == "ends-well":
        yield "     Here everything rests, and nothing will ever put it right."
    if counterexample.circle:
        yield "     And this can come back for ever:"
        yield from _tell_steps(counterexample.circle, len(counterexample.steps) + 1)


def _tell_steps(steps: list[Step], first: int) -> Iterator[str]:
    for number, step in enumerate(steps, first):
        yield f"{number:3}. {_who(step)}{step.what}"
        for change in _changes(step):
            yield f"       {change}"


def _who(step: Step) -> str:
    if step.actor < 0:
        return "somebody else "
    return f"{_name(step.actor)}: " if len(step.after) > 1 else ""


def _name(number: int) -> str:
    return "AB"[number]


def _changes(step: Step) -> Iterator[str]:
    for number, (before, after) in enumerate(zip(step.before, step.after, strict=True)):
        old, new = facts(before), facts(after)
        changed = [f"{what} {new[what]}" for what in new if old.get(what) != new[what]]
        changed += [f"{what} gone" for what in old if what not in new and "outbox" in what]
        if changed:
            whose = f"{_name(number)}'s " if len(step.after) > 1 else ""
            yield f"=> {whose}" + ", ".join(changed)


def facts(sale: Sale) -> dict[str, str]:
    """What is worth telling of a sale: what it is about, and how that stands."""
    told = {"booking": sale.status, "hold": sale.hold}
    told["paying_since"] = "set" if sale.paying_since else "empty" if sale.attempts else ""
    told["outbox RELEASE"] = "written" if sale.release else ""
    for number, attempt in enumerate(sale.attempts, 1):
        told |= _facts_of_attempt(attempt, number)
    return {what: how for what, how in told.items() if how}


def _facts_of_attempt(attempt: Attempt, number: int) -> dict[str, str]:
    told = {f"attempt {number}": attempt.status, f"payment {number}": attempt.payment}
    if attempt.refunded:
        told[f"payment {number}"] += ", refunded"
    return told | {f"outbox {kind} {number}": "written" for kind in sorted(attempt.outbox)}
