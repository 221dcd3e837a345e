"""The model and the code tell of the same world: names, moves, and the places of the rules."""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from importlib import import_module
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from django.db.models import TextChoices

import model
from bookings.states import ATTEMPT_MOVES, BOOKING_MOVES, AttemptStatus, BookingStatus, OutboxKind
from flights.states import HOLD_MOVES, HoldStatus
from model import state
from model.checker import Explorer
from model.configurations import CONFIGURATIONS
from model.rules import RULES, Rules, World, where
from model.state import Sale
from payments.states import PAYMENT_MOVES, PaymentStatus

MODULES = sorted(Path(model.__file__).parent.glob("*.py"))


@cache
def steps_of_the_model() -> list[tuple[Sale, Sale]]:
    """Each step that some sale takes, with all rules in force."""
    explorer = Explorer(World(Rules(), CONFIGURATIONS["one"]))
    explorer.run()
    sales = explorer.sales
    every = range(len(sales.all))
    return [(sales.all[n], sales.all[move.sale]) for n in every for move in sales.moves(n)]


def moves(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    """The moves of rows that exist before a step. NONE is no row."""
    for old, new in zip_longest(before, after, fillvalue=state.NONE):
        if old not in (state.NONE, new):
            yield old, new


def allowed(table: Mapping[Any, frozenset[Any]]) -> set[tuple[str, str]]:
    return {(before.value, after.value) for before, then in table.items() for after in then}


@pytest.mark.parametrize(
    ("names", "choices"),
    [
        (state.BOOKING_STATES, BookingStatus),
        (state.ATTEMPT_STATES, AttemptStatus),
        (state.HOLD_STATES, HoldStatus),
        (state.PAYMENT_STATES, PaymentStatus),
    ],
)
def test_states_have_the_names_of_the_code(
    names: tuple[str, ...], choices: type[TextChoices]
) -> None:
    assert set(names) == set(choices.values)


def test_the_model_sends_all_messages_but_those_of_several_seats() -> None:
    assert {*state.OUTBOX_KINDS, "SHRINK"} == set(OutboxKind.values)


def test_bookings_make_all_the_moves_of_the_table_and_no_other() -> None:
    made = {move for old, new in steps_of_the_model() for move in moves([old.status], [new.status])}
    assert made == allowed(BOOKING_MOVES)


def test_attempts_make_all_the_moves_of_the_table_and_no_other() -> None:
    made = {
        move
        for old, new in steps_of_the_model()
        for move in moves(
            [attempt.status for attempt in old.attempts],
            [attempt.status for attempt in new.attempts],
        )
    }
    assert made == allowed(ATTEMPT_MOVES)


def test_holds_make_all_the_moves_of_the_table_and_no_other() -> None:
    made = {move for old, new in steps_of_the_model() for move in moves([old.hold], [new.hold])}
    assert made == allowed(HOLD_MOVES)


def test_payments_make_all_the_moves_of_the_table_and_no_other() -> None:
    made = {
        move
        for old, new in steps_of_the_model()
        for move in moves(
            [attempt.payment for attempt in old.attempts],
            [attempt.payment for attempt in new.attempts],
        )
    }
    assert made == allowed(PAYMENT_MOVES)


@pytest.mark.parametrize("name", RULES)
def test_each_rule_names_functions_that_exist(name: str) -> None:
    assert where(name)
    for path in where(name):
        app, module, *attributes = path.split(".")
        assert callable(reduce(getattr, attributes, import_module(f"{app}.{module}")))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_model_needs_nothing_but_python(module: Path) -> None:
    nodes = [*ast.walk(ast.parse(module.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"model"}
