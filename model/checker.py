"""The checker: walks through every state that can be reached, shortest ways first.

Sales only meet in the seats of their flight and in how much may go on at one time. So what can
happen to a sale is worked out once for each different sale (`Sales`), and a state of the whole is
only a few numbers: remaining seats, seats that others bought, and the number of each sale.
"""

import gc
import time
from array import array
from collections.abc import Callable, Iterator
from typing import NamedTuple

from model.flights import can_be_reclaimed, reclaim
from model.processes import Processes
from model.properties import broken_by, ends_well, has_seat
from model.rules import World
from model.state import Sale

State = tuple[int, ...]  # remaining seats, seats bought by others, a number for each sale
LIMIT = 20_000_000  # states
TELL_EVERY = 250_000


class Move(NamedTuple):
    """An Outcome whose sale is a number. `fair`: it happens, if nothing else does."""

    sale: int
    running: int  # processes more than before
    late: int  # late requests more than before
    seats: int
    when_full: bool
    fair: bool
    what: str


class Sales:
    """Each different sale has a number; what is known of it is worked out once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.processes = Processes(world)
        self.all: list[Sale] = []
        self.broken: list[str | None] = []
        self.seats: list[int] = []
        self._numbers: dict[Sale, int] = {}
        self._moves: list[list[Move] | None] = []

    def number(self, sale: Sale) -> int:
        """The number of `sale`, a new one if it was never seen."""
        number = self._numbers.get(sale)
        if number is None:
            number = self._numbers[sale] = len(self.all)
            self.all.append(sale)
            self.broken.append(broken_by(sale, self.world))
            self.seats.append(int(has_seat(sale)))
            self._moves.append(None)
        return number

    def moves(self, number: int) -> list[Move]:
        moves = self._moves[number]
        if moves is None:
            moves = self._moves[number] = list(self._find_moves(self.all[number]))
        return moves

    def _find_moves(self, sale: Sale) -> Iterator[Move]:
        most = self.world.configuration
        seen = set()
        for outcome, after in self.processes.next_moves(sale):
            running, late = len(after.running), len(after.late)
            if running > most.running or late > most.late or after == sale:
                continue
            number = self.number(after)
            fair = not outcome.fault
            if (number, fair, outcome.when_full) in seen:
                continue
            seen.add((number, fair, outcome.when_full))
            yield Move(
                number,
                running - len(sale.running),
                late - len(sale.late),
                outcome.seats,
                outcome.when_full,
                fair,
                outcome.what,
            )


class Step(NamedTuple):
    """One step of a counterexample. `actor` is the number of a sale, or -1 for somebody else."""

    actor: int
    what: str
    before: tuple[Sale, ...]
    after: tuple[Sale, ...]


class Counterexample(NamedTuple):
    """A shortest way to a state in which `broken`, one of PROPERTIES, is not true.

    `circle` are the steps that can come back for ever, where that is what is wrong.
    """

    broken: str
    steps: list[Step]
    circle: list[Step]


class Result(NamedTuple):
    """What a run found. Without a counterexample, and `complete`, all properties hold."""

    states: int
    transitions: int
    sales: int
    seconds: float  # of the processor
    complete: bool
    counterexample: Counterexample | None

    @property
    def holds(self) -> bool:
        return self.complete and self.counterexample is None


class Explorer:
    """One run over one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sales = Sales(world)
        self.transitions = 0
        configuration = world.configuration
        self.alike = len(configuration.attempts) > 1 and len(set(configuration.attempts)) == 1
        sales = [self.sales.number(Sale(attempts_left=left)) for left in configuration.attempts]
        first = (configuration.seats, 0, *sales)
        self.index: dict[State, int] = {first: 0}
        self.states = [first]
        self.parents = array("i", [-1])
        # The fair steps, to find what goes round for ever: those of state n end at ends[n].
        self.fair, self.ends = array("I"), array("I")

    # --- What can happen next ---------------------------------------------------------------------

    def successors(self, state: State) -> Iterator[tuple[State, bool, int, str]]:
        """Each next state, whether the step is fair, whose it is, and what it is."""
        configuration = self.world.configuration
        remaining, elsewhere, *numbers = state
        every = [self.sales.all[number] for number in numbers]
        room = configuration.running - sum(len(sale.running) for sale in every)
        late = configuration.late - sum(len(sale.late) for sale in every)
        free = remaining > 0 or any(can_be_reclaimed(sale) for sale in every)
        for slot, number in enumerate(numbers):
            for move in self.sales.moves(number):
                if move.running > room or move.late > late:
                    continue
                if (move.seats < 0 and not free) or (move.when_full and free):
                    continue
                after = self._after(remaining, elsewhere, numbers, slot, move)
                yield after, move.fair, slot, move.what
        if configuration.others_buy and free:
            yield self._sell_elsewhere(remaining, elsewhere, numbers), False, -1, "takes a seat"

    def _after(
        self, remaining: int, elsewhere: int, numbers: list[int], slot: int, move: Move
    ) -> State:
        after = numbers.copy()
        if move.seats:
            if remaining + move.seats < 0:
                remaining += self._reclaim(after)
            remaining += move.seats
        after[slot] = move.sale
        return (remaining, elsewhere, *after)

    def _sell_elsewhere(self, remaining: int, elsewhere: int, numbers: list[int]) -> State:
        after = numbers.copy()
        if not remaining:
            remaining += self._reclaim(after)
        return (remaining - 1, elsewhere + 1, *after)

    def _reclaim(self, numbers: list[int]) -> int:
        """Release the expired holds of a flight that has no seats left; returns how many."""
        released = 0
        for slot, number in enumerate(numbers):
            sale = self.sales.all[number]
            if can_be_reclaimed(sale):
                numbers[slot] = self.sales.number(reclaim(sale))
                released += 1
        return released

    # --- What must be true ------------------------------------------------------------------------

    def broken(self, state: State) -> str | None:
        remaining, elsewhere, *numbers = state
        live = sum(self.sales.seats[number] for number in numbers)
        if remaining + elsewhere + live != self.world.configuration.seats:
            return "seats-add-up"
        return next((why for number in numbers if (why := self.sales.broken[number])), None)

    def ends_well(self, state: State) -> bool:
        return all(ends_well(self.sales.all[number]) for number in state[2:])

    # --- The walk ---------------------------------------------------------------------------------

    def run(
        self,
        *,
        limit: int = LIMIT,
        progress: Callable[[int], None] = lambda _: None,
        tell_every: int = TELL_EVERY,
    ) -> tuple[bool, Counterexample | None]:
        """Whether all was seen that had to be, and what is broken."""
        number = 0
        while number < len(self.states):
            if number >= limit:
                return False, None
            if number % tell_every == 0 and number:
                progress(number)
            why = self.broken(self.states[number]) or self._expand(number)
            if why:
                return True, self._counterexample(why, number)
            number += 1
        circle = self._circle()
        return True, self._counterexample("ends", *circle) if circle else None

    def _expand(self, number: int) -> str | None:
        """Note the next states of a state. Returns a property that is broken by its end."""
        fair_steps = len(self.fair)
        for after, fair, _, _ in self.successors(self.states[number]):
            self.transitions += 1
            after = self.canonical(after)
            target = self.index.get(after)
            if target is None:
                target = self.index[after] = len(self.states)
                self.states.append(after)
                self.parents.append(number)
            if fair and target != number:
                self.fair.append(target)
        self.ends.append(len(self.fair))
        at_rest = len(self.fair) == fair_steps
        return "ends-well" if at_rest and not self.ends_well(self.states[number]) else None

    def _circle(self) -> list[int]:
        """States on a circle of fair steps, the first one again at its end; none without one."""
        left = self._behind_circles()
        while True:  # take away what only follows a circle
            ends = {number for number in left if not any(to in left for to in self._fair(number))}
            if not ends:
                break
            left -= ends
        walk: list[int] = [min(left)] if left else []
        while left:
            walk.append(next(to for to in self._fair(walk[-1]) if to in left))
            if walk[-1] in walk[:-1]:
                return walk[walk.index(walk[-1]) :]
        return []

    def _behind_circles(self) -> set[int]:
        """The states on a circle of fair steps, and all that follow one."""
        entries = array("I", bytes(self.fair.itemsize * len(self.states)))
        for to in self.fair:
            entries[to] += 1
        ready = [number for number, count in enumerate(entries) if not count]
        seen = bytearray(len(self.states))
        while ready:
            number = ready.pop()
            seen[number] = 1
            for to in self._fair(number):
                entries[to] -= 1
                if not entries[to]:
                    ready.append(to)
        return {number for number, mark in enumerate(seen) if not mark}

    def _fair(self, number: int) -> "array[int]":
        return self.fair[self.ends[number - 1] if number else 0 : self.ends[number]]

    def canonical(self, state: State) -> State:
        """One of the states that only differ in which of two like sales is which."""
        return (*state[:2], *sorted(state[2:])) if self.alike else state

    # --- The way to a state -----------------------------------------------------------------------

    def _counterexample(self, why: str, number: int, *circle: int) -> Counterexample:
        """The way to the state `number`, and from there around `circle`."""
        chain = [number]
        while self.parents[chain[-1]] >= 0:
            chain.append(self.parents[chain[-1]])
        chain.reverse()
        steps, state = [], self.states[0]
        for wanted in (*chain[1:], *circle):
            state, step = self._step(state, self.states[wanted])
            steps.append(step)
        return Counterexample(why, steps[: len(chain) - 1], steps[len(chain) - 1 :])

    def _step(self, state: State, wanted: State) -> tuple[State, Step]:
        """Each sale keeps its place, though the walk looked at `wanted` in another order."""
        after, _, actor, what = next(
            each for each in self.successors(state) if self.canonical(each[0]) == wanted
        )
        return after, Step(actor, what, self._sales_of(state), self._sales_of(after))

    def _sales_of(self, state: State) -> tuple[Sale, ...]:
        return tuple(self.sales.all[number] for number in state[2:])


def check(
    world: World,
    *,
    limit: int = LIMIT,
    progress: Callable[[int], None] = lambda _: None,
    tell_every: int = TELL_EVERY,
) -> Result:
    """Look at every state that `world` can reach, up to `limit` of them.

    `progress` is told how many were looked at, each time after `tell_every` more.
    Stops at the first state in which a property is broken, which is one of the nearest.
    """
    started = time.process_time()
    explorer = Explorer(world)
    gc.disable()  # nothing here is garbage, and looking for it takes half of the time
    try:
        complete, counterexample = explorer.run(
            limit=limit, progress=progress, tell_every=tell_every
        )
    finally:
        gc.enable()
    return Result(
        states=len(explorer.states),
        transitions=explorer.transitions,
        sales=len(explorer.sales.all),
        seconds=time.process_time() - started,
        complete=complete,
        counterexample=counterexample,
    )
