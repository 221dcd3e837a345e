"""The checker can fail: each promise is broken on purpose in real processes, and it is found."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest

from chaos.checker import check
from chaos.proxy import Trouble
from chaos.record import Log
from chaos.run import traffic
from chaos.stage import Stage, Timetable
from chaos.traffic import Habits
from chaos.violations import Violation

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(300)]

# As short as they may be for payments that never take long.
TIMES = {
    "PAYMENT_WINDOW_SECONDS": "3",
    "PAYMENTS_READ_TIMEOUT": "1",
    "PAY_LEASE_SECONDS": "7.5",
    "HOLD_GRACE_SECONDS": "17",
}
PAY = {"tok_visa": 1}
PATIENCE_SECONDS = 8.0  # without a mutant, all is well by then


@dataclass(frozen=True)
class Scenario:
    """The traffic, and the trouble on the network meanwhile, under which a mutant shows.

    `rule` is the checker's that must find it.
    """

    rule: str
    endings: dict[str, int]
    seconds: float
    clients: int = 4
    seats: int = 180
    troubles: dict[str, Trouble] = field(default_factory=dict)


SCENARIOS = {
    # Everybody wants one flight.
    "holds_by_read_modify_write": Scenario("seats", {"pay": 1}, seconds=3, clients=8, seats=30),
    # Payments begin just before their deadline, and end just after it.
    "sweep_without_its_re_check": Scenario(
        "kept",
        {"pay_at_the_last_moment": 1},
        seconds=9,
        clients=2,
        troubles={"flights": Trouble("slow", seconds=0.6, where="/confirm/")},
    ),
    # The money is taken, and the answer that says so is lost.
    "capture_before_the_commit": Scenario(
        "money",
        {"pay": 1},
        seconds=3,
        troubles={"payments": Trouble("deaf", where="/capture/")},
    ),
    # Paid bookings are cancelled while their seats can't be given back.
    "lost_release": Scenario(
        "seats",
        {"pay_then_cancel": 1},
        seconds=3,
        troubles={"flights": Trouble("cut", where="/holds/release/")},
    ),
    # Money is authorised after the attempt was given up, and voided.
    "forgotten_void": Scenario(
        "money",
        {"pay": 1},
        seconds=11,
        clients=2,
        troubles={"payments": Trouble("late", where="POST /api/v1/payments/ ")},
    ),
}


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that holds the name of the mutant that the stack is."""
    file = tmp_path_factory.mktemp("mutants") / "chosen"
    file.write_text("")
    return file


@pytest.fixture(scope="module")
def stage(chosen: Path) -> Iterator[Stage]:
    """One stack for all mutants, and no CHECK of the seats in its database."""
    settings = "tests.chaos.mutants.settings"
    env = {**TIMES, "DJANGO_SETTINGS_MODULE": settings, "MUTANT_FILE": str(chosen)}
    with Stage(env) as stage:
        without_check(stage.stack.env["DATABASE_URL"])
        yield stage


def without_check(database: str) -> None:
    with contextlib.closing(psycopg2.connect(database)) as connection, connection as transaction:
        transaction.cursor().execute(
            "ALTER TABLE flights_flight DROP CONSTRAINT flights_flight_seats_add_up"
        )


def play(stage: Stage, scenario: Scenario, names: str) -> list[Violation]:
    """Play the traffic on a flight of its own, then wait; what is wrong in the end."""
    timetable = Timetable(stage, sizes=[scenario.seats])
    timetable.renew()
    log = Log()
    habits = Habits(scenario.endings, PAY, searches=0, thinking_seconds=0.05)
    for name, trouble in scenario.troubles.items():
        stage.proxies[name].meet(trouble)
    try:
        clients = scenario.clients
        with traffic(stage, timetable, log, seed=1, clients=clients, habits=habits, names=names):
            time.sleep(scenario.seconds)
    finally:
        for proxy in stage.proxies.values():
            proxy.heal()
    return what_is_wrong(stage, log, timetable.on_sale())


def what_is_wrong(stage: Stage, log: Log, flights: list[int]) -> list[Violation]:
    """Wait until all is at rest, and as long again as it takes to be well, if it ever is."""
    rested_at = None
    while True:
        found = check(log.told, stage.snapshot().of_flights(flights))
        at_rest = not any(violation.rule == "rest" for violation in found)
        rested_at = rested_at or (time.monotonic() if at_rest else None)
        if not found or (rested_at and time.monotonic() > rested_at + PATIENCE_SECONDS):
            return found
        time.sleep(0.5)


@pytest.mark.parametrize("mutant", SCENARIOS)
def test_a_mutant_is_caught(stage: Stage, chosen: Path, mutant: str) -> None:
    scenario = SCENARIOS[mutant]
    chosen.write_text(mutant)
    try:
        found = play(stage, scenario, names=mutant)
    finally:
        chosen.write_text("")
    assert scenario.rule in {violation.rule for violation in found}, found
