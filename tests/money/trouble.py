"""What can happen to a call between two services, and what others may do while it is under way."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from tests.money.network import Answer, Network, Sent, Services

HTML = {"Content-Type": "text/html"}
RUBBISH = (
    Answer(200, HTML, b"<html>Log in to the hotel's network</html>"),
    Answer(200, {"Content-Type": "application/json"}, b'["rub", "bish"]'),
    Answer(200, {"Content-Type": "application/json"}, b'{"status": "SUCC'),
    Answer(302, {**HTML, "Location": "http://elsewhere.example/"}, b""),
    Answer(404, HTML, b"<html>This proxy does not know you</html>"),
)


class Fate(Enum):
    """What becomes of one request. DONE: the service did what it was asked to do, nevertheless."""

    FINE = auto()
    LOST = auto()
    LOST_DONE = auto()
    LATE = auto()  # the caller gives up; the request arrives at some later time
    TIMED_OUT_DONE = auto()
    TWICE = auto()
    TWICE_ONCE_LATE = auto()
    BROKEN = auto()
    BROKEN_DONE = auto()
    OVERLOADED = auto()
    RUBBISH = auto()
    RUBBISH_DONE = auto()
    KILLED = auto()  # the caller's process dies
    KILLED_DONE = auto()


@dataclass(frozen=True)
class Turn:
    """The fate of one call; what another process does just before it, and just after it."""

    fate: Fate = Fate.FINE
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


class ProcessDied(BaseException):
    """The process that made a call is no more: nothing that it wanted to do then happens."""


class Troubled(Network):
    """Carries requests as planned: each call takes the next turn of `plan`, without one it is fine.

    Only calls of the thread that planned have a turn; the others' calls go through.
    """

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.late: list[Sent] = []
        self.met: Counter[Fate] = Counter()
        self._plan: deque[Turn] = deque()
        self._planner = threading.get_ident()
        self._dead = False
        self._rubbish = 0

    def plan(self, turns: Sequence[Turn]) -> None:
        """The turns of the calls that now follow, and a new process that makes them."""
        self._plan = deque(turns)
        self._dead = False

    def deliver_late(self, place: int) -> None:
        """One of the late requests arrives at last; nobody waits for its answer."""
        if self.late:
            self.services.serve(self.late.pop(place % len(self.late)))

    def carry(self, sent: Sent, patience: float) -> Answer:
        if threading.get_ident() != self._planner:
            return super().carry(sent, patience)
        if self._dead:
            raise ProcessDied
        turn = self._plan.popleft() if self._plan else Turn()
        if turn.before:
            turn.before()
        try:
            return self._meet(turn.fate, sent, patience)
        finally:
            if turn.after:
                turn.after()

    def _meet(self, fate: Fate, sent: Sent, patience: float) -> Answer:
        self.met[fate] += 1
        answer = None
        if fate in DONE:
            answer = super().carry(sent, patience)
        if fate in LATER:
            self.late.append(sent)
        if fate is Fate.TWICE:
            answer = super().carry(sent, patience)
        if fate in DEATHS:
            self._dead = True
        if error := ERRORS.get(fate):
            raise error()
        return answer if answer and fate in ANSWERED else self._bad_answer(fate)

    def _bad_answer(self, fate: Fate) -> Answer:
        if fate is Fate.OVERLOADED:
            return Answer(503, HTML, b"busy")
        if fate in (Fate.BROKEN, Fate.BROKEN_DONE):
            return Answer(500, HTML, b"oops")
        self._rubbish += 1
        return RUBBISH[self._rubbish % len(RUBBISH)]


ANSWERED = {Fate.FINE, Fate.TWICE, Fate.TWICE_ONCE_LATE}
DONE = ANSWERED | {fate for fate in Fate if fate.name.endswith("_DONE")}
LATER = {Fate.LATE, Fate.TWICE_ONCE_LATE}
DEATHS = {Fate.KILLED, Fate.KILLED_DONE}
ERRORS: dict[Fate, type[BaseException]] = {
    Fate.LOST: ConnectionResetError,
    Fate.LOST_DONE: ConnectionResetError,
    Fate.LATE: TimeoutError,
    Fate.TIMED_OUT_DONE: TimeoutError,
    Fate.KILLED: ProcessDied,
    Fate.KILLED_DONE: ProcessDied,
}
