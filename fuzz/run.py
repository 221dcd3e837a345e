"""Who asks, where, and for how long; and what a run has found."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack.harness import LocalStack

HERE = Path(__file__).parent
CONFIG = HERE / "schemathesis.toml"
# So long that Schemathesis can load the description and end.
GRACE_SECONDS = 120
# Bookings expire while we ask, and nobody's limits end the fun.
ENV = {
    "PAYMENT_WINDOW_SECONDS": "20",
    "EXPIRY_SWEEP_SECONDS": "1",
    "OUTBOX_SECONDS": "1",
    "RECONCILE_SECONDS": "1",
    "PAYMENTS_TOK_TIMEOUT_SECONDS": "1",
    "MAX_UNPAID_BOOKINGS": "0",
    "MAX_BOOKINGS_PER_FLIGHT_HOUR": "0",
}


@dataclass(frozen=True)
class Caller:
    """Somebody who asks one of the three services for their share of the time."""

    name: str
    url: str
    authorization: str
    share: float


def callers(stack: LocalStack) -> Iterator[Caller]:
    """All that there are. The service comes last: it may take holds from under bookings."""
    yield Caller("a stranger", stack.url, "", 0.1)
    yield Caller("a traveller", stack.url, stack.login("traveller").authorization, 0.3)
    yield Caller("staff", stack.url, stack.login("admin").authorization, 0.3)
    service = stack.service("flights").authorization
    yield Caller("a service, of flights", stack.flights_url, service, 0.15)
    yield Caller("a service, of payments", stack.payments_url, service, 0.15)


def fuzz(stack: LocalStack, *, seconds: float, seed: int) -> list[str]:
    """Ask all that the published descriptions tell of; return a report for each caller's failures.

    Takes about `seconds` in all. What is sent follows from `seed`, as far as it does not hang on
    the answers.
    """
    reports = []
    for caller in callers(stack):
        run = _ask(caller, seconds=max(1, round(seconds * caller.share)), seed=seed, site=stack.url)
        print(f"{caller.name}: {_summary(run.stdout)}", flush=True)
        if run.returncode:
            reports.append(f"=== As {caller.name}\n{run.stdout}{run.stderr}")
    if "Traceback (most recent call last)" in stack.logs():
        reports.append(f"=== In the stack's log\n{_tracebacks(stack.logs())}")
    return reports


def _ask(caller: Caller, *, seconds: int, seed: int, site: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color"]
    command += ["--config-file", str(CONFIG), "run", f"{caller.url}/api/v1/schema/?format=json"]
    command += ["--max-time", str(seconds), "--seed", str(seed)]
    return subprocess.run(
        command,
        cwd=HERE.parent,
        env={**os.environ, "FUZZ_SITE": site, "FUZZ_AUTHORIZATION": caller.authorization},
        capture_output=True,
        text=True,
        timeout=seconds + GRACE_SECONDS,
        check=False,
    )


def _summary(printed: str) -> str:
    """Schemathesis' own count of requests and failures."""
    _, _, rest = printed.partition("Test cases:")
    return " ".join(rest.split("\n\n")[0].split()) or "no test cases"


def _tracebacks(log: str) -> str:
    """The log from its first traceback on, as far as one can read it."""
    begin = log.index("Traceback (most recent call last)")
    return log[max(0, begin - 1000) : begin + 4000]
