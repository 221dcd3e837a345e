"""Everything that can happen to bookings, as rules of a game that is played in any order."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bookings.models import Booking
from flights.models import Flight, SeatHold
from tests.money import acts, promises
from tests.money.travellers import REFUNDS, Order, Travellers
from tests.money.trouble import Fate, ProcessDied, Troubled, Turn

NEWEST = 0
MAIN, ROOM, CLOSED = range(3)  # flights
SOME = st.integers(0, 5)  # one of the bookings, holds, quotes, late requests
A_WHILE = st.sampled_from([1.0, acts.LEASE, acts.WINDOW, acts.WINDOW + acts.GRACE])
RULES = st.sampled_from(list(acts.RULES))
SOME_SEATS = st.sampled_from([1, 1, 2, 2, 3, 0])  # 0: all of them
CARDS = st.just("tok_visa") | st.sampled_from(acts.METHODS)
OTHERS = (
    *("create", "pay", "extend", "rebook", "cancel", "cancel_some", "refund"),
    *("hold_expires", "arrive", "relay", "overtake", "sweep", "reap"),
)
MEANWHILE = st.none() | st.tuples(st.sampled_from(OTHERS), SOME)
TURN = st.tuples(st.just(Fate.FINE) | st.sampled_from(Fate), MEANWHILE, MEANWHILE)
OUTAGE = st.tuples(st.sampled_from([Fate.LOST, Fate.OVERLOADED, Fate.LATE]), st.integers(2, 9)).map(
    lambda outage: [(outage[0], None, None)] * outage[1]
)
TURNS = st.lists(TURN, max_size=6) | OUTAGE
# Seats, with names of passengers or not, paid by a card, without trouble or with it.
TRIP = st.tuples(st.integers(1, 4), st.booleans(), CARDS, st.just([]) | TURNS)
TRIPS = st.lists(TRIP, min_size=1, max_size=4)


class Travels(RuleBasedStateMachine):
    """Travellers, staff, clocks and deaths. Others do things while a call is under way."""

    network: ClassVar[Troubled]
    elsewhere: ClassVar[ThreadPoolExecutor]
    done: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.sound = True
        self.network.plan([])
        self.network.late.clear()
        acts.forget_everything()

    @initialize(seats=st.integers(6, 16), room=st.integers(0, 5), trips=TRIPS, rules=RULES)
    def schedule(self, seats: int, room: int, trips: list[Any], rules: str) -> None:
        flight_ids = [acts.make_flight(total).pk for total in (seats, room, 10)]
        Flight.objects.filter(pk=flight_ids[CLOSED]).update(status="CANCELLED")
        self.people = Travellers(flight_ids, rules)
        for trip in trips:
            self.create_and_pay(trip)

    # --- What happens -------------------------------------------------------------------------

    @rule(seats=st.integers(1, 4), named=st.booleans(), turns=TURNS)
    def create(self, seats: int, named: bool, turns: Any) -> None:
        self._create("create", self.people.order(seats, named), turns)

    @rule(trip=TRIP)
    def create_and_pay(self, trip: Any) -> None:
        seats, named, method, turns = trip
        self.create(seats, named, [])
        self.pay(NEWEST, method, 1, turns)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, turns=TURNS)
    def create_again(self, place: int, turns: Any) -> None:
        orders = self.people.orders
        self._create("create again", orders[place % len(orders)], turns)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, method=CARDS, nth=st.integers(1, 2), turns=TURNS)
    def pay(self, place: int, method: str, nth: int, turns: Any) -> None:
        self._to_booking(f"pay {method}", place, self.people.pay, method, nth, turns=turns)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, seconds=st.sampled_from([0, acts.WINDOW, 1e7]), turns=TURNS)
    def extend(self, place: int, seconds: float, turns: Any) -> None:
        self._to_booking("extend", place, self.people.extend, seconds, turns=turns)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, to=st.sampled_from([ROOM, ROOM, MAIN, CLOSED]), turns=TURNS)
    def rebook(self, place: int, to: int, turns: Any) -> None:
        self._to_booking("rebook", place, self.people.rebook, to, turns=turns)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, seats=SOME_SEATS)
    def ask_for_a_quote(self, place: int, seats: int) -> None:
        self._to_booking("ask", place, self.people.ask, seats)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, seats=SOME_SEATS)
    def cancel_some(self, place: int, seats: int) -> None:
        self._to_booking("cancel some", place, self.people.cancel_some, seats)

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME)
    def cancel(self, place: int) -> None:
        self._to_booking("cancel", place, self.people.cancel)

    @precondition(lambda self: self.people.quotes)
    @rule(nth=SOME, rules=st.none() | RULES)
    def cancel_by_quote(self, nth: int, rules: str | None) -> None:
        """Rules may have changed since it was given."""
        if rules:
            self.people.rule(rules)
        self._happens("cancel by quote", partial(self.people.cancel_by_quote, nth))

    @precondition(lambda self: self.people.orders)
    @rule(place=SOME, nth=st.integers(0, len(REFUNDS) - 1))
    def refund(self, place: int, nth: int) -> None:
        self._to_booking("refund", place, self.people.refund, nth)

    @rule(name=st.sampled_from(["relay", *acts.CLOCKWORK]), turns=TURNS)
    def clockwork(self, name: str, turns: Any) -> None:
        self._happens(name, acts.CLOCKWORK[name], turns)

    @rule(seconds=A_WHILE, ahead=st.none() | SOME)
    def wait(self, seconds: float, ahead: int | None = None) -> None:
        """One of the holds may be on a clock that is ahead."""
        if ahead is not None:
            self._happens("hold_expires", partial(hold_expires, ahead))
        self._happens("wait", partial(acts.time_passes, seconds))

    @precondition(lambda self: self.network.late)
    @rule(place=SOME)
    def arrive(self, place: int) -> None:
        self._happens("arrive", partial(self.network.deliver_late, place))

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

    def _create(self, name: str, order: Order, turns: Sequence[Any]) -> None:
        self._happens(name, partial(self.people.create, order), turns)

    def _to_booking(
        self,
        name: str,
        place: int,
        act: Callable[..., object],
        *arguments: Any,
        turns: Sequence[Any] = (),
    ) -> None:
        unpaid = (self.people.pay, self.people.extend, self.people.cancel)
        wanted = "INITIATED" if act in unpaid else "BOOKED"
        self._happens(name, partial(to_booking, wanted, place, act, *arguments), turns)

    def _other(self, what: tuple[str, int] | None) -> Callable[[], object] | None:
        """What another process does, on its own connection, while the first one waits."""
        if what is None:
            return None
        name, place = what
        people, some = self.people, partial(to_booking, "", place)
        acts_of_others: dict[str, Callable[[], object]] = {
            **acts.CLOCKWORK,
            "create": lambda: people.create(people.order(1 + place % 4)),
            "pay": partial(some, people.pay, "tok_visa", 3),
            "extend": partial(some, people.extend, acts.WINDOW),
            "rebook": partial(some, people.rebook, ROOM),
            "cancel": partial(some, people.cancel),
            "cancel_some": partial(some, people.cancel_some, 1),
            "refund": partial(some, people.refund, 0),
            "hold_expires": partial(hold_expires, place),
            "arrive": partial(self.network.deliver_late, place),
            "overtake": partial(time_then, acts.LEASE, "reconcile", "relay"),
            "sweep": partial(time_then, acts.WINDOW, "expire"),
            "reap": partial(time_then, acts.WINDOW + acts.GRACE, "reap"),
        }

        def happen() -> None:
            self.done["meanwhile"] += 1
            self.elsewhere.submit(acts_of_others[name]).result()

        return happen

    # --- What must be true --------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        self.sound = False
        assert promises.broken_promises() == []
        assert self.network.held_during_a_call == []
        self.sound = True

    def teardown(self) -> None:
        """Settle; then the last late requests arrive, into a world that has forgotten them."""
        if not self.sound or not hasattr(self, "people"):
            return
        self.network.plan([])
        acts.settle()
        if self.network.late:
            while self.network.late:
                self.network.deliver_late(0)
            acts.settle()
        promises.check_the_end()
        self.people.check_that_words_were_kept()


def to_booking(wanted: str, place: int, act: Callable[..., object], *arguments: Any) -> None:
    """Do `act` to one of the bookings: first those of the status `wanted`, the newest of them."""
    bookings = Booking.objects.order_by("-pk").values_list("status", "pk")
    ids = [pk for _, pk in sorted(bookings, key=lambda row: row[0] != wanted)]
    if ids:
        act(ids[place % len(ids)], *arguments)


def hold_expires(place: int) -> None:
    """The clock of the flights service is ahead of all others."""
    holds = SeatHold.objects.filter(status="HELD").order_by("created_at")
    ids = list(holds.values_list("pk", flat=True))
    if ids:
        hold = SeatHold.objects.filter(pk=ids[place % len(ids)])
        hold.update(expires_at=timezone.now() - timedelta(seconds=1))


def time_then(seconds: float, *clockwork: str) -> None:
    acts.time_passes(seconds)
    for name in clockwork:
        acts.CLOCKWORK[name]()
