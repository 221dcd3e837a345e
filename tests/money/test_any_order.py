"""Everything that can happen to bookings, in any order, on a network on which anything happens."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import urllib3
from django.db import connection
from django.utils import timezone
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bookings.models import Booking
from common.breaker import CircuitBreaker
from flights.models import SeatHold
from payments.models import Payment
from tests.money import acts
from tests.money.network import Services, connection_class
from tests.money.trouble import Fate, ProcessDied, Troubled, Turn

logger = logging.getLogger(__name__)

NEWEST = 0
SOME = st.integers(0, 5)  # one of the bookings, holds, late requests
A_WHILE = st.sampled_from([1.0, acts.LEASE, acts.WINDOW, acts.WINDOW + acts.GRACE])
OTHERS = ("create", "pay", "cancel", "hold_expires", "arrive", "relay", "overtake", "sweep", "reap")
MEANWHILE = st.none() | st.tuples(st.sampled_from(OTHERS), SOME)
TURN = st.tuples(st.just(Fate.FINE) | st.sampled_from(Fate), MEANWHILE, MEANWHILE)
OUTAGE = st.tuples(st.sampled_from([Fate.LOST, Fate.OVERLOADED, Fate.LATE]), st.integers(2, 9)).map(
    lambda outage: [(outage[0], None, None)] * outage[1]
)
TURNS = st.lists(TURN, max_size=6) | OUTAGE

CALLS_OF_PAYING = 3  # authorise, confirm, capture
PAY_ANSWERS = {200, 402, 409, 503}


class Travels(RuleBasedStateMachine):
    """Travellers, clocks and deaths. Another process does things while a call is under way."""

    network: ClassVar[Troubled]
    elsewhere: ClassVar[ThreadPoolExecutor]
    done: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.sound = True
        self.told_booked: set[int] = set()
        self.told_cancelled: set[int] = set()
        self.told_declined: set[tuple[int, str]] = set()
        self.orders: list[tuple[int, int, str]] = []
        self.network.plan([])
        self.network.late.clear()
        acts.forget_everything()

    @initialize(seats=st.integers(4, 12), bookings=st.integers(0, 3))
    def schedule(self, seats: int, bookings: int) -> None:
        self.flight_id = acts.make_flight(seats).pk
        for _ in range(bookings):
            self.create(1, [])

    # --- What happens -------------------------------------------------------------------------

    @rule(seats=st.integers(1, 4), turns=TURNS)
    def create(self, seats: int, turns: Any) -> None:
        order = (acts.make_traveller().pk, seats, "order")
        self.orders.append(order)
        self._happens("create", lambda: self._create(order), turns)

    @precondition(lambda self: self.orders)
    @rule(place=SOME, turns=TURNS)
    def create_again(self, place: int, turns: Any) -> None:
        order = self.orders[place % len(self.orders)]
        self._happens("create again", lambda: self._create(order), turns)

    @precondition(lambda self: self.orders)
    @rule(place=SOME, method=st.sampled_from(acts.METHODS), nth=st.integers(1, 2), turns=TURNS)
    def pay(self, place: int, method: str, nth: int, turns: Any) -> None:
        self._happens(f"pay {method}", lambda: self._pay(place, method, nth), turns)

    @rule(method=st.sampled_from(acts.METHODS), seats=st.integers(1, 3), turns=TURNS)
    def create_and_pay(self, method: str, seats: int, turns: Any) -> None:
        self.create(seats, [])
        self._happens(f"pay {method}", lambda: self._pay(NEWEST, method, 1), turns)

    @precondition(lambda self: self.orders)
    @rule(place=SOME)
    def cancel(self, place: int) -> None:
        self._happens("cancel", lambda: self._cancel(place))

    @rule(name=st.sampled_from(list(acts.CLOCKWORK)), turns=TURNS)
    def clockwork(self, name: str, turns: Any) -> None:
        self._happens(name, acts.CLOCKWORK[name], turns)

    @rule(seconds=A_WHILE)
    def wait(self, seconds: float) -> None:
        self._happens("wait", lambda: acts.time_passes(seconds))

    @precondition(lambda self: self.orders)
    @rule(place=SOME)
    def hold_expires(self, place: int) -> None:
        self._happens("hold_expires", lambda: self._hold_expires(place))

    @precondition(lambda self: self.network.late)
    @rule(place=SOME)
    def arrive(self, place: int) -> None:
        self._happens("arrive", lambda: self.network.deliver_late(place))

    # --- How it happens -----------------------------------------------------------------------

    def _happens(self, name: str, act: Callable[[], object], turns: Sequence[Any] = ()) -> None:
        self.done[name] += 1
        self.sound = False
        self.network.plan(
            [Turn(fate, self._other(before), self._other(after)) for fate, before, after in turns]
        )
        try:
            act()
        except ProcessDied:
            self.done["deaths"] += 1
        self.network.plan([])
        self.sound = True

    def _other(self, what: tuple[str, int] | None) -> Callable[[], object] | None:
        """What another process does, on its own connection, while the first one waits."""
        if what is None:
            return None
        name, place = what
        acts_of_others: dict[str, Callable[[], object]] = {
            **acts.CLOCKWORK,
            "create": lambda: self._create((acts.make_traveller().pk, 1 + place % 4, "order")),
            "pay": lambda: self._pay(place, "tok_visa", 3),
            "cancel": lambda: self._cancel(place),
            "hold_expires": lambda: self._hold_expires(place),
            "arrive": lambda: self.network.deliver_late(place),
            "overtake": lambda: time_then(acts.LEASE, "reconcile"),
            "sweep": lambda: time_then(acts.WINDOW, "expire"),
            "reap": lambda: time_then(acts.WINDOW + acts.GRACE, "reap"),
        }

        def happen() -> None:
            self.done["meanwhile"] += 1
            self.elsewhere.submit(acts_of_others[name]).result()

        return happen

    def _booking(self, place: int) -> int | None:
        """One of the bookings, the newest first, because most can happen to them."""
        ids = list(Booking.objects.order_by("-pk").values_list("pk", flat=True))
        return ids[place % len(ids)] if ids else None

    def _create(self, order: tuple[int, int, str]) -> None:
        user_id, seats, key = order
        answer = acts.create(user_id, self.flight_id, seats, key)
        assert answer.status_code in (201, 409, 503), answer.content
        mine = Booking.objects.filter(user_id=user_id).count()
        assert mine == (1 if answer.status_code == 201 else mine)
        assert mine <= 1

    def _pay(self, place: int, method: str, nth: int) -> None:
        booking_id = self._booking(place)
        if booking_id is None:
            return
        key = f"{method}-{nth}"
        answer = acts.pay(booking_id, method, key)
        unknown = {400} if method == "tok_nobody_knows" else set()
        assert answer.status_code in PAY_ANSWERS | unknown, answer.content
        if answer.status_code == 200:
            assert answer.json()["status"] == "BOOKED"
            self.told_booked.add(booking_id)
        elif answer.status_code == 402:
            self.told_declined.add((booking_id, key))

    def _cancel(self, place: int) -> None:
        booking_id = self._booking(place)
        if booking_id is None:
            return
        answer = acts.cancel(booking_id)
        assert answer.status_code in (200, 409), answer.content
        if answer.status_code == 200:
            assert answer.json()["status"] == "CANCELLED"
            self.told_cancelled.add(booking_id)

    def _hold_expires(self, place: int) -> None:
        """The clock of the flights service is ahead of all others."""
        holds = SeatHold.objects.filter(status="HELD").order_by("created_at")
        ids = list(holds.values_list("pk", flat=True))
        if ids:
            hold = SeatHold.objects.filter(pk=ids[place % len(ids)])
            hold.update(expires_at=timezone.now() - timedelta(seconds=1))

    # --- What must be true --------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        self.sound = False
        assert acts.broken_promises() == []
        assert self.network.held_during_a_call == []
        self.sound = True

    def teardown(self) -> None:
        """Settle; then the last late requests arrive, into a world that has forgotten them."""
        if not self.sound or not hasattr(self, "flight_id"):
            return
        self.network.plan([])
        acts.settle()
        while self.network.late:
            self.network.deliver_late(0)
        acts.settle()
        acts.check_the_end()
        self._words_were_kept()

    def _words_were_kept(self) -> None:
        ended = Booking.objects.in_bulk()
        for booking_id in self.told_booked:
            booking = ended[booking_id]
            reasons = {"", "USER", "PAYMENT_FAILED"}
            assert booking.cancellation_reason in reasons, booking.cancellation_reason
        assert {ended[id_].status for id_ in self.told_cancelled} <= {"CANCELLED"}
        for booking_id, key in self.told_declined:
            attempt = ended[booking_id].attempts.get(idempotency_key=key)
            # VOIDED, where the reconciler had given up on it before the provider was asked.
            assert attempt.status in ("DECLINED", "VOIDED")
            payment = Payment.objects.get(idempotency_key=attempt.provider_key)
            assert payment.status == "FAILED"


def time_then(seconds: float, clockwork: str) -> None:
    acts.time_passes(seconds)
    acts.CLOCKWORK[clockwork]()


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


@pytest.mark.parametrize("method", ["tok_visa", "tok_capture_fails"])
@pytest.mark.parametrize("other", OTHERS)
def test_another_process_may_act_at_any_call_of_one_that_pays(
    travels: type[Travels], other: str, method: str
) -> None:
    """Each alone, in case that chance does not come to it below."""
    nothing, something = (Fate.FINE, None, None), (other, 0)
    for call in range(CALLS_OF_PAYING):
        for turn in ((Fate.FINE, something, None), (Fate.FINE, None, something)):
            travel_once(travels, method, [*[nothing] * call, turn])


@pytest.mark.parametrize("fate", Fate)
def test_any_call_of_one_that_pays_may_go_wrong(travels: type[Travels], fate: Fate) -> None:
    for call in range(CALLS_OF_PAYING):
        travel_once(travels, "tok_visa", [*[(Fate.FINE, None, None)] * call, (fate, None, None)])


def travel_once(travels: type[Travels], method: str, turns: list[Any]) -> None:
    travel = travels()
    travel.schedule(6, 0)
    travel.create_and_pay(method, 1, turns)
    travel.promises_hold()
    travel.teardown()


@pytest.mark.timeout(0)  # shrinking a failure takes its time; hypothesis bounds it
@pytest.mark.parametrize("number", range(4))
def test_whatever_happens_in_whatever_order_it_ends_right(
    number: int, chance: int, profile: settings, travels: type[Travels]
) -> None:
    run_state_machine_as_test(seed(chance + number)(travels), settings=profile)
    steps = travels.done.total()
    logger.info("%s steps: %s; %s", steps, dict(travels.done), dict(travels.network.met))
    assert steps > 15 * profile.max_examples  # it does not just pass by doing nothing
