"""What each rule is good for: the table that `python -m model table` checks.

A needed rule has a configuration that shows what breaks without it. The others are belts and
braces: all properties hold without them, and the reason says why the code has them all the same.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from model.checker import Result, check
from model.configurations import CONFIGURATIONS, LARGE, SMALL
from model.rules import Rules, World


class Row(NamedTuple):
    """One run: without these rules, this property breaks; None: all hold."""

    configuration: str
    without: tuple[str, ...] = ()
    breaks: str | None = None

    def __str__(self) -> str:
        rules = " and ".join(self.without)
        return f"{self.configuration}, without {rules}" if rules else f"{self.configuration}"


NEEDED = {
    "release_confirmed": Row("one", ("release_confirmed",), "ends-well"),
    "reap": Row("one", ("reap",), "ends-well"),
    "one_at_a_time": Row("calm", ("one_at_a_time",), "one-payer"),
    "compare_and_set": Row("one", ("compare_and_set",), "paid-once"),
    "confirm_first": Row("one", ("confirm_first",), "seats-kept"),
    "void_with_move": Row("one", ("void_with_move",), "paid-once"),
    "void_unknown_keys": Row("one", ("void_unknown_keys",), "ends-well"),
    "remember_declines": Row("one", ("remember_declines",), "ends-well"),
    "cancel_waits": Row("one", ("cancel_waits",), "one-payer"),
    "void_before_refund": Row("one", ("void_before_refund",), "ends"),
    "sweep_on_row": Row("one", ("sweep_on_row",), "one-payer"),
    "outbox_with_change": Row("one", ("outbox_with_change",), "paid-once"),
    "delete_when_answered": Row("one", ("delete_when_answered",), "paid-once"),
    "end_refused_capture": Row("stubborn", ("end_refused_capture",), "ends"),
    "void_before_failing": Row("one", ("void_before_failing",), "no-money-for-nothing"),
    "lease": Row("calm", ("lease",), "not-for-nothing"),
    "grace": Row("calm", ("grace",), "not-for-nothing"),
}

# Either of the two is enough: the code has both.
EITHER = ("spare_confirmed", "keep_after_commit")

BELTS_AND_BRACES = {
    "spare_confirmed": "keep_after_commit is enough, and the other way round",
    "keep_after_commit": "spare_confirmed is enough, and the other way round",
    "refuse_past_holds": "a hold that comes too late expires anyway",
    "book_only_initiated": "PROCESSING means INITIATED: nothing ends a booking that is being paid",
    "remove_capture": "giving back undoes a capture, too; this saves the traveller the detour",
}
ALL_BELTS = tuple(name for name in BELTS_AND_BRACES if name != "keep_after_commit")


def small_rows() -> Iterator[Row]:
    """Runs of seconds: every small configuration, and each rule left out."""
    yield from (Row(name) for name in SMALL)
    yield from NEEDED.values()
    yield Row("one", EITHER, "seats-kept")
    yield from (Row("one", (name,)) for name in BELTS_AND_BRACES)
    yield Row("one", ALL_BELTS)


def large_rows() -> Iterator[Row]:
    """Runs of minutes, the longest first, so that two processes end at about the same time."""
    yield from (Row(name) for name in LARGE)
    yield Row("retry", ALL_BELTS)
    yield Row("pair", ALL_BELTS)


def run_row(row: Row, progress: Callable[[int], None] = lambda _: None) -> tuple[Row, Result]:
    """Run one row of the table, in whatever process."""
    world = World(Rules().without(*row.without), CONFIGURATIONS[row.configuration])
    return row, check(world, progress=progress)


def is_as_expected(row: Row, result: Result) -> bool:
    """Whether the run broke the property that the row names, or none when it names none."""
    found = result.counterexample
    return result.complete and (found.broken if found else None) == row.breaks
