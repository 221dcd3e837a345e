"""Everything that can happen to bookings, in any order, on a network on which anything happens."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
import urllib3
from django.db import connection
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from common.breaker import CircuitBreaker
from tests.money.network import Services, connection_class
from tests.money.travels import NEWEST, ROOM, Travels
from tests.money.trouble import Fate, Troubled

logger = logging.getLogger(__name__)

FINE = (Fate.FINE, None, None)
LOST = (Fate.LOST, None, None)
SEATS = 2
SOON = 60.0


@pytest.fixture
def troubled(services: Services, no_nudges: None, monkeypatch: pytest.MonkeyPatch) -> Troubled:
    network = Troubled(services)
    wire = connection_class(network.carry)
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "ConnectionCls", wire)
    # It counts real seconds, in which nothing would happen here; it has tests of its own.
    monkeypatch.setattr(CircuitBreaker, "allows", lambda breaker: True)
    return network


@pytest.fixture
def elsewhere(transactional_db: None) -> Iterator[ThreadPoolExecutor]:
    """The thread of another process, with its own connection."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


@pytest.fixture
def travels(troubled: Troubled, elsewhere: ThreadPoolExecutor) -> type[Travels]:
    members = {"network": troubled, "elsewhere": elsewhere, "done": Counter[str]()}
    return type("Travels", (Travels,), members)


# --- Each trouble alone, in case that chance does not come to it below ----------------------------


def pays(travel: Travels, turns: list[Any]) -> None:
    travel.pay(NEWEST, "tok_visa", 1, turns)


def pays_in_vain(travel: Travels, turns: list[Any]) -> None:
    travel.pay(NEWEST, "tok_capture_fails", 1, turns)


def has_more_time(travel: Travels, turns: list[Any]) -> None:
    travel.extend(NEWEST, SOON, turns)
    travel.wait(SOON)
    travel.pay(NEWEST, "tok_visa", 2, [])


def changes_flights(travel: Travels, turns: list[Any]) -> None:
    travel.pay(NEWEST, "tok_visa", 1, [])
    travel.rebook(NEWEST, ROOM, turns)


def gives_a_seat_back(travel: Travels, turns: list[Any]) -> None:
    """Before it was captured."""
    travel.pay(NEWEST, "tok_visa", 1, [FINE, FINE, LOST, LOST])
    travel.cancel_some(NEWEST, 1)
    travel.clockwork("relay", turns)


def gives_all_back(travel: Travels, turns: list[Any]) -> None:
    travel.pay(NEWEST, "tok_visa", 1, [])
    travel.cancel(NEWEST)
    travel.clockwork("relay", turns)


# What is done, how many calls that takes, and who may come between. Chance tries all of them below.
DEEDS: dict[Callable[[Travels, list[Any]], None], tuple[int, str]] = {
    pays: (3, "create pay extend cancel cancel_some hold_expires arrive relay overtake sweep reap"),
    pays_in_vain: (4, "pay cancel cancel_some rebook relay overtake"),
    has_more_time: (1, "pay extend cancel cancel_some hold_expires sweep reap"),
    changes_flights: (2, "rebook cancel cancel_some refund relay overtake reap"),
    gives_a_seat_back: (3, "rebook cancel cancel_some refund relay overtake"),
    gives_all_back: (3, "rebook refund relay overtake"),
}


def travel_once(travels: type[Travels], deed: Any, call: int, turn: Any) -> None:
    travel = travels()
    try:
        travel.schedule(6, SEATS, [], "none" if deed is gives_all_back else "half")
        travel.create(SEATS, False, [])
        deed(travel, [*[FINE] * call, turn])
        travel.promises_hold()
        travel.teardown()
    except BaseException as error:
        error.add_note(f"{turn} at call {call + 1} of what {deed.__name__}")
        raise


@pytest.mark.timeout(600)
@pytest.mark.parametrize("deed", DEEDS)
def test_another_process_may_act_at_any_call(
    travels: type[Travels], deed: Callable[[Travels, list[Any]], None]
) -> None:
    calls, others = DEEDS[deed]
    for call, other in product(range(calls), others.split()):
        for turn in ((Fate.FINE, (other, 0), None), (Fate.FINE, None, (other, 0))):
            travel_once(travels, deed, call, turn)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("deed", DEEDS)
def test_any_call_may_go_wrong(
    travels: type[Travels], deed: Callable[[Travels, list[Any]], None]
) -> None:
    for call, fate in product(range(DEEDS[deed][0]), Fate):
        travel_once(travels, deed, call, (fate, None, None))


# --- All together -------------------------------------------------------------------------------


@pytest.mark.timeout(0)  # shrinking a failure takes its time; hypothesis bounds it
@pytest.mark.parametrize("number", range(2))
def test_whatever_happens_in_whatever_order_it_ends_right(
    number: int, chance: int, profile: settings, travels: type[Travels]
) -> None:
    run_state_machine_as_test(seed(chance + number)(travels), settings=profile)
    steps = travels.done.total()
    logger.info("%s steps: %s; %s", steps, dict(travels.done), dict(travels.network.met))
    assert steps > 15 * profile.max_examples  # it does not just pass by doing nothing
