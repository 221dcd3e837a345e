"""The faults, their order, and how each is done to the running stack."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import redis

from chaos.proxy import HOWS, FaultProxy, Trouble
from stack.harness import LocalStack

SERVICES = ("bookings", "flights", "payments")
BEHIND_A_PROXY = ("flights", "payments")


@dataclass(frozen=True)
class Fault:
    """One fault: what is done, to what, and for how many seconds (0: it is an instant)."""

    kind: str
    target: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind} {self.target}{lasting}"


# What can be done to what; how long it lasts, at least and at most.
INSTANTS = {
    "kill a process of": (*SERVICES, "worker"),
    "kill": (*SERVICES, "worker", "beat", "broker", "database"),
    "kill a backend of": ("database",),
    "stop at once": ("database",),
    "empty": ("broker",),
}
SPANS = {
    "freeze": ((*SERVICES, "worker", "broker", "database"), (0.5, 5.0)),
    **{f"network {how} to": (BEHIND_A_PROXY, (1.0, 5.0)) for how in HOWS},
}


def rounds(rng: random.Random) -> Iterator[list[Fault]]:
    """Faults without end, those of a round at the same time, each at something else.

    Like cards: every fault comes once before any comes again.
    """
    left: list[Fault] = []
    while True:
        if len(left) < 3:
            left += _deck(rng)
        faults: list[Fault] = []
        for _ in range(rng.choices([1, 2, 3], [50, 35, 15])[0]):
            taken = {fault.target for fault in faults}
            free = [fault for fault in left if fault.target not in taken]
            if free:
                faults.append(free[0])
                left.remove(free[0])
        yield faults


def _deck(rng: random.Random) -> list[Fault]:
    deck = [Fault(kind, target) for kind, targets in INSTANTS.items() for target in targets]
    for kind, (targets, (least, most)) in SPANS.items():
        deck += [Fault(kind, target, rng.uniform(least, most)) for target in targets]
    rng.shuffle(deck)
    return deck


class Injector:
    """Does faults to a stack. Leaving the `with` block undoes all that can be undone."""

    def __init__(self, stack: LocalStack, proxies: Mapping[str, FaultProxy]) -> None:
        self._stack = stack
        self._proxies = proxies
        self._frozen: set[int] = set()
        self._acts: dict[str, Callable[[Fault], None]] = {
            "kill": self._kill,
            "kill a process of": self._kill_one_below,
            "kill a backend of": self._kill_one_below,
            "stop at once": self._stop_at_once,
            "empty": self._empty,
            "freeze": self._freeze,
            **{f"network {how} to": self._disturb for how in HOWS},
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._thaw(self._frozen)
        for proxy in self._proxies.values():
            proxy.heal()

    def inflict(self, faults: Sequence[Fault]) -> list[Fault]:
        """Do all of them at once; return when the last is over, with those that could be done."""
        with ThreadPoolExecutor() as pool:
            done = list(pool.map(self._inflict, faults))
        return [fault for fault, was_done in zip(faults, done, strict=True) if was_done]

    def _inflict(self, fault: Fault) -> bool:
        try:
            self._acts[fault.kind](fault)
        except (ProcessLookupError, redis.RedisError):
            return False  # it was down already
        return True

    def _kill(self, fault: Fault) -> None:
        os.kill(self._pid(fault), signal.SIGKILL)

    def _kill_one_below(self, fault: Fault) -> None:
        """One of those that the program started; itself, where it works alone."""
        first, *below = family(self._pid(fault))
        os.kill(below[0] if below else first, signal.SIGKILL)

    def _stop_at_once(self, fault: Fault) -> None:
        os.kill(self._pid(fault), signal.SIGQUIT)  # PostgreSQL's immediate stop

    def _empty(self, fault: Fault) -> None:
        url = self._stack.env["REDIS_URL"]
        with redis.Redis.from_url(url, socket_timeout=2, retry=None) as broker:
            broker.flushall()

    def _freeze(self, fault: Fault) -> None:
        pids = set(family(self._pid(fault)))
        self._frozen.update(pids)
        for pid in pids:
            _signal(pid, signal.SIGSTOP)
        time.sleep(fault.seconds)
        self._thaw(pids)

    def _thaw(self, pids: set[int]) -> None:
        for pid in pids:
            _signal(pid, signal.SIGCONT)
        self._frozen.difference_update(pids)

    def _disturb(self, fault: Fault) -> None:
        proxy = self._proxies[fault.target]
        # Of `slow`: some calls come through in time, others don't.
        proxy.meet(Trouble(how=fault.kind.split()[1], seconds=fault.seconds / 15))
        time.sleep(fault.seconds)
        proxy.heal()

    def _pid(self, fault: Fault) -> int:
        """Raises ProcessLookupError where it does not run."""
        pid = self._stack.pid(fault.target)
        if pid is None:
            raise ProcessLookupError
        return pid


def family(pid: int) -> list[int]:
    """A process and all below it, the longest-running children last."""
    parents = dict(_parents())
    below = sorted((child for child, parent in parents.items() if parent == pid), reverse=True)
    return [pid, *(each for child in below for each in family(child))]


def _parents() -> Iterator[tuple[int, int]]:
    """Every process of the machine with its parent's id."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything, spaces and parentheses too.
            _, after_name = status.read_text().rsplit(")", 1)
            yield int(status.parent.name), int(after_name.split()[1])


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
