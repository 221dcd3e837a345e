"""One run: traffic and faults for a while, then peace, then the verdict."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from chaos.checker import check
from chaos.faults import Fault, Injector, rounds
from chaos.record import Log
from chaos.snapshot import NoSnapshot, Snapshot
from chaos.stage import TIMES, Stage, Timetable
from chaos.traffic import USUAL, Habits, Traveller
from chaos.violations import Violation

SIZES = (12, 60)  # seats of the flights on sale: one that everybody wants, and one with room
RENEW_SECONDS = 20.0
PATIENCE_SECONDS = 120.0  # until bookings must work again after a fault
# Whatever a service must be told is told within a minute of its return. Before that, deadlines,
# leases and holds run out.
SETTLE_SECONDS = 60.0 + sum(
    float(TIMES[name])
    for name in ("PAYMENT_WINDOW_SECONDS", "PAY_LEASE_SECONDS", "HOLD_GRACE_SECONDS")
)


@dataclass(frozen=True)
class Plan:
    """What a run does. The same seed has the same faults in the same order."""

    seed: int
    seconds: float
    clients: int = 12


@dataclass(frozen=True)
class Recovery:
    """Faults since the last recovery, and the seconds from their end until bookings worked."""

    faults: list[Fault]
    seconds: float


class Run:
    """A plan, and all that is seen when it is carried out by `play`. `doing` is for who watches."""

    def __init__(self, plan: Plan, log: Log) -> None:
        self.plan = plan
        self.log = log
        self.doing = "starting the stack"
        self.faults: list[Fault] = []
        self.recoveries: list[Recovery] = []
        self.settled_after = 0.0
        self.snapshot = Snapshot([], [], [], [])
        self.violations: list[Violation] = []
        self.printed = ""

    def play(self) -> None:
        """Carry the plan out. Raises StackError when the stack does not start."""
        self.log.write("run", asdict(self.plan))
        with Stage() as stage:
            try:
                self._disturb(stage)
                self._settle(stage)
                self._audit(stage)
                self._look_for_bookings()
            finally:
                self.printed = stage.stack.logs()
        self.snapshot.keep(self.log)
        for violation in self.violations:
            self.log.write("violation", asdict(violation))

    # --- Trouble ----------------------------------------------------------------------------------

    def _disturb(self, stage: Stage) -> None:
        """Traffic, and faults one round after the other, until the time is over."""
        timetable = Timetable(stage, sizes=SIZES)
        for _ in range(3):
            timetable.renew()
        probe = Probe(stage, self.log)
        probe.until_it_works()
        seed, clients = self.plan.seed, self.plan.clients
        order, rng = rounds(random.Random(f"{seed} faults")), random.Random(f"{seed} pauses")
        with (
            traffic(stage, timetable, self.log, seed=seed, clients=clients),
            Injector(stage.stack, stage.proxies) as injector,
        ):
            ends_at = time.monotonic() + self.plan.seconds
            while time.monotonic() < ends_at:
                self._round(next(order), injector)
                # Now and then the next fault meets a system that has not yet got over the last.
                if rng.random() < 0.75:
                    self._recover(probe)
                timetable.renew_when_due(RENEW_SECONDS)
                time.sleep(rng.uniform(0.0, 1.0))
            self._recover(probe)

    def _round(self, faults: list[Fault], injector: Injector) -> None:
        self.doing = ", ".join(map(str, faults))
        for fault in faults:
            self.log.write("fault", {"at": time.time(), **asdict(fault)})
        self.faults += injector.inflict(faults)

    def _recover(self, probe: "Probe") -> None:
        """Wait until a booking can be made and paid again."""
        self.doing = "waiting for recovery"
        faults = self.faults[sum(len(earlier.faults) for earlier in self.recoveries) :]
        if not faults:
            return
        seconds = probe.until_it_works()
        recovery = Recovery(faults, PATIENCE_SECONDS if seconds is None else seconds)
        self.recoveries.append(recovery)
        self.log.write("recovery", {"at": time.time(), **asdict(recovery)})
        if seconds is None:
            names = ", ".join(map(str, faults))
            sentence = f"no recovery within {PATIENCE_SECONDS:.0f} s of: {names}"
            self.violations.append(Violation("recovery", sentence))

    # --- Peace ------------------------------------------------------------------------------------

    def _settle(self, stage: Stage) -> None:
        """Look until all is as promised, or the time for that is over: what is then wrong, is."""
        began = time.monotonic()
        found: list[Violation] = []
        while True:
            self.doing = f"settling, {len(found)} things are not in order yet"
            try:
                self.snapshot = stage.snapshot()
                found = check(self.log.told, self.snapshot)
            except NoSnapshot as error:
                found = [Violation("recovery", str(error))]
            self.settled_after = time.monotonic() - began
            if not found or self.settled_after > SETTLE_SECONDS:
                self.violations += found
                return
            time.sleep(1)

    def _audit(self, stage: Stage) -> None:
        self.doing = "manage.py audit"
        audit = stage.stack.manage("audit", timeout=900)
        self.log.write("audit", {"status": audit.returncode, "printed": audit.stdout})
        if audit.returncode != 0:
            lines = (audit.stdout + audit.stderr).strip().splitlines()
            self.violations += [Violation("audit", line) for line in lines]

    def _look_for_bookings(self) -> None:
        """A run in which nothing ever worked shows nothing."""
        if not any(each.op == "pay" and each.status == 200 for each in self.log.told):
            self.violations.append(Violation("recovery", "no booking was ever paid"))


@contextmanager
def traffic(
    stage: Stage,
    timetable: Timetable,
    log: Log,
    *,
    seed: int,
    clients: int,
    habits: Habits = USUAL,
    names: str = "traveller",
) -> Iterator[None]:
    """Travellers with an account each (`names` and a number), busy during the `with` block."""
    stopped = threading.Event()
    travellers = [
        Traveller(
            name,
            stage.account(name),
            flights=timetable.on_sale,
            rng=random.Random(f"{seed} {name}"),
            log=log,
            stopped=stopped,
            habits=habits,
        )
        for name in (f"{names}-{number}" for number in range(1, clients + 1))
    ]
    for traveller in travellers:
        traveller.start()
    try:
        yield
    finally:
        stopped.set()
        for traveller in travellers:
            traveller.join()


class Probe:
    """Makes and pays bookings, a new one each time, to see whether that works."""

    def __init__(self, stage: Stage, log: Log) -> None:
        flight_id = stage.flight(180)
        self._traveller = Traveller(
            "probe",
            stage.account("probe"),
            flights=lambda: [flight_id],
            rng=random.Random("probe"),
            log=log,
            stopped=threading.Event(),
            habits=replace(USUAL, tries=1),
        )

    def until_it_works(self) -> float | None:
        """Try until a booking is paid; how many seconds that took, or None where it takes ages."""
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < PATIENCE_SECONDS:
            booking = self._traveller.book()
            if booking and self._traveller.pay(booking, "tok_visa").status == 200:
                seconds = time.monotonic() - began
                self._traveller.cancel(booking)
                return seconds
            time.sleep(0.1)
        return None
