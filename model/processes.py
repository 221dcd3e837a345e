"""Everything that can happen to one sale: the steps of all processes, brought together."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from model import cancel, clocks, create, network, pay, reaper, reconcile, relay, sweep
from model.rules import World
from model.state import (
    BOOKED,
    CANCELLED,
    CONFIRMED,
    RELEASED,
    Outcome,
    Process,
    Request,
    Sale,
)

STEPS: Mapping[str, Callable[[Sale, int, World], list[Outcome]]] = {
    **create.STEPS,
    **pay.STEPS,
    **sweep.STEPS,
    **reconcile.STEPS,
    **relay.STEPS,
}
STARTS = (create, pay, cancel, clocks, sweep, reconcile, relay, reaper)


class Processes:
    """What can happen next to a sale, in a world.

    A step depends on the rows alone, and not on who else runs or what else is on its way: so it is
    worked out once for the rows (a sale at rest), and then put beside all the rest.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._step = cache(self._find_step)
        self._arrival = cache(self._find_arrival)
        self._starts = cache(self._find_starts)

    def next_moves(self, sale: Sale) -> Iterator[tuple[Outcome, Sale]]:
        """What can happen next, with the sale after it."""
        rows = sale._replace(running=(), late=())
        for outcome in self._starts(sale._replace(late=())):
            yield outcome, beside(outcome.sale, sale.running, sale.late)
        for process in sorted(set(sale.running)):
            others = list(sale.running)
            others.remove(process)
            for outcome in self._step(rows, process):
                yield outcome, beside(outcome.sale, tuple(others), sale.late)
        for request in sale.late:
            others_late = tuple(other for other in sale.late if other != request)
            for outcome in self._arrival(rows, request):
                yield outcome, beside(outcome.sale, sale.running, others_late)

    def _find_step(self, rows: Sale, process: Process) -> list[Outcome]:
        outcomes = STEPS[process.step](rows, process.attempt, self.world)
        return [
            outcome._replace(what=f"{process.step}: {outcome.what}", sale=simplify(outcome.sale))
            for outcome in outcomes
        ]

    def _find_arrival(self, rows: Sale, request: Request) -> list[Outcome]:
        outcomes = network.arrive(rows, request, self.world)
        return [outcome._replace(sale=simplify(outcome.sale)) for outcome in outcomes]

    def _find_starts(self, sale: Sale) -> list[Outcome]:
        """The only thing that a start asks about processes is how many do the same."""
        outcomes = []
        for process in STARTS:
            for outcome in process.starts(sale, self.world):
                new = list(outcome.sale.running)
                for running in sale.running:
                    new.remove(running)
                after = outcome.sale._replace(running=tuple(new))
                outcomes.append(outcome._replace(sale=simplify(after)))
        return outcomes


def beside(sale: Sale, running: tuple[Process, ...], late: tuple[Request, ...]) -> Sale:
    """`sale` beside more processes that run, and more requests that are on their way."""
    if sale.running:
        running = tuple(sorted(running + sale.running))
    if sale.late:
        late = tuple(sorted({*late, *sale.late}))
    if late:
        late = tuple(each for each in late if network.can_still_matter(sale, each))
    return Sale(*sale[:-2], running, late)


def simplify(sale: Sale) -> Sale:
    """Forget what nobody will ever look at again, so that states that behave alike are one."""
    if sale.status in (BOOKED, CANCELLED):
        sale = sale._replace(deadline_over=True, attempts_left=0)
    if sale.status == CANCELLED and any(attempt.refused for attempt in sale.attempts):
        sale = sale._replace(attempts=tuple(each._replace(refused=False) for each in sale.attempts))
    if sale.hold in (CONFIRMED, RELEASED):
        sale = sale._replace(hold_expired=True)
    return sale
