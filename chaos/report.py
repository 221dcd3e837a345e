"""What a run has seen, for people: a line while it goes on, and the tables at the end."""

import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from chaos.checker import seconds
from chaos.record import Told
from chaos.run import Run
from chaos.snapshot import Snapshot
from chaos.violations import RULES, Violation

MOST_SHOWN = 20  # violations of one rule
QUIET_SECONDS = 15.0  # between two lines where nobody watches


@contextmanager
def progress(run: Run) -> Iterator[None]:
    """Say how far a run is: every second on a terminal, now and then in a file."""
    over = threading.Event()
    watched = sys.stdout.isatty()

    def tell() -> None:
        began = time.monotonic()
        while not over.wait(1.0 if watched else QUIET_SECONDS):
            line = _status(run, time.monotonic() - began)
            say(f"\r\033[K{line[:110]}" if watched else line, end="" if watched else "\n")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
        if watched:
            say("\r\033[K", end="")


def _status(run: Run, since: float) -> str:
    booked = sum(each.op == "pay" and each.status == 200 for each in run.log.told)
    return (
        f"{since // 60:3.0f}:{since % 60:02.0f}  {len(run.faults)} faults,"
        f" {len(run.log.told):,} requests, {booked:,} booked; {run.doing}"
    )


def report(run: Run) -> Iterator[str]:
    """The lines to print when a run is over."""
    plan = run.plan
    yield (
        f"Seed {plan.seed}: {plan.seconds:.0f} s, {plan.clients} clients,"
        f" {len(run.log.told):,} requests, {len(run.faults)} faults"
    )
    yield ""
    yield from _faults(run)
    yield ""
    yield from answers(run.log.told)
    yield ""
    yield from _bookings(run.log.told, run.snapshot)
    if run.recoveries:
        longest = max(run.recoveries, key=lambda recovery: recovery.seconds)
        names = ", ".join(map(str, longest.faults))
        yield f"Longest time to recover: {longest.seconds:.1f} s, after {names}"
    yield f"All at rest {run.settled_after:.0f} s after the last traffic"
    yield ""
    yield from verdict(run.violations)


def _faults(run: Run) -> Iterator[str]:
    yield "Faults                          times"
    for name, times in sorted(Counter(f"{f.kind} {f.target}" for f in run.faults).items()):
        yield f"  {name:<28} {times:6}"


def answers(told: Iterable[Told]) -> Iterator[str]:
    """What clients were answered, by request, status and code."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for each in told:
        status = "none" if each.status is None else str(each.status)
        counted[each.op][f"{status} {each.code}".strip()] += 1
    yield "Answers"
    for op, by_answer in sorted(counted.items()):
        for number, (answer, times) in enumerate(by_answer.most_common()):
            yield f"  {op if number == 0 else '':<8}{answer:<34}{times:8,}"


def _bookings(told: Sequence[Told], snapshot: Snapshot) -> Iterator[str]:
    ends = Counter(
        f"{row['status']} {row['cancellationReason'] or ''}".strip() for row in snapshot.bookings
    )
    yield f"Bookings: {', '.join(f'{times:,} {end}' for end, times in ends.most_common())}"
    deadlines = {row["id"]: seconds(row["paymentDeadline"]) for row in snapshot.bookings}
    crossing = sum(
        each.sent < deadlines.get(each.asked["booking"], 0.0) < each.received
        for each in told
        if each.op == "pay"
    )
    yield f"Payments under way when their deadline came: {crossing:,}"
    late = [
        seconds(row["updatedAt"]) - deadlines[row["id"]]
        for row in snapshot.bookings
        if row["cancellationReason"] == "TIMEDOUT"
    ]
    if late:
        yield f"Longest time that an overdue booking waited for the sweep: {max(late):.1f} s"


def verdict(violations: Sequence[Violation]) -> Iterator[str]:
    """Clean, or every promise that was broken."""
    if not violations:
        yield "Verdict: clean. Every promise was kept."
        return
    for rule, promise in RULES.items():
        sentences = [each.sentence for each in violations if each.rule == rule]
        if sentences:
            yield f"BROKEN ({rule}): {promise}"
            yield from (f"  {sentence}" for sentence in sentences[:MOST_SHOWN])
            if len(sentences) > MOST_SHOWN:
                yield f"  and {len(sentences) - MOST_SHOWN} more"
    yield f"Verdict: {len(violations)} violations."


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()
