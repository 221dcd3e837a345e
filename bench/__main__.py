"""What Seathold carries on this machine, each figure beside its limit, measured in the same run.

    python -m bench            a quarter of an hour; --quick takes three minutes

The whole stack runs, as `make run` starts it and with its settings, throttles alone off, and the
load generator with it, all on the same cores. It prints what it finds, and keeps it in a folder as
bench.json and bench.svg. Exit status 1 where a booking was lost or sold twice, or a part failed.
"""

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import booking, expiry, report, search
from bench.booking import Bookings, Row
from stack.harness import LocalStack

CLIENTS = [1, 8, 32, 64, 256]
# Where the local stack is meant for people who read along.
PRODUCTION = {"LOG_FORMAT": "json"}


def main() -> int:
    options = parser().parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
    }
    begin = time.monotonic()
    for part in options.parts:
        figures |= PARTS[part](options)
    figures["seconds"] = round(time.monotonic() - begin)
    (options.out / "bench.json").write_text(json.dumps(figures, indent=1) + "\n")
    (options.out / "bench.svg").write_text(report.chart(figures))
    say(f"\nTook {figures['seconds']} s. Kept in {options.out}: bench.json, bench.svg.")
    return 0


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__.split("\n")[0])
    arguments.add_argument("--quick", action="store_true", help="shorter, and less exact")
    arguments.add_argument("--out", type=Path, default=Path(".bench"), help="where figures go")
    arguments.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS])
    arguments.add_argument("--overdue", type=int, nargs="+", help="bookings to sweep at once")
    return arguments


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def measure_booking(options: argparse.Namespace) -> dict[str, Any]:
    """Parts 1 to 3, and 6: memory and start-up."""
    seconds = 4.0 if options.quick else 10.0
    begin = time.monotonic()
    with LocalStack(PRODUCTION) as stack:
        started = time.monotonic() - begin
        say(f"Start-up: {started:.1f} s from nothing to the first answer")
        bookings = Bookings(stack)
        script = bookings.record()
        (options.out / "create.sql").write_text(script)

        say(report.heading("Spread over 1,000 flights"))
        rows = booking.spread(bookings, script, CLIENTS, seconds=seconds, show=show)
        memory = bookings.processes.memory()

        say(report.heading("Hot: one flight until it is sold out"))
        seats = 400 if options.quick else 2000
        hot = booking.hot(bookings, script, seats=seats, clients=64, seconds=seconds)
        show(hot)

        say(report.heading("Full: booked and paid"))
        full = booking.full(bookings, clients=8, seconds=seconds)
        show(full)

        restarts = {
            name: booking.restart_seconds(stack, name)
            for name in ("bookings", "flights", "payments")
        }
        say(report.memory(memory))
        audit(stack)
    return {
        "start_up": {"all_from_nothing": started, **restarts},
        "memory_mib": memory,
        "spread": [row.as_dict() for row in rows],
        "hot": {"seats": seats, **hot.as_dict()},
        "full": full.as_dict(),
    }


def measure_expiry(options: argparse.Namespace) -> dict[str, Any]:
    """Part 5, each size on a stack of its own."""
    found = []
    say("\nExpire: bookings that nobody paid")
    for count in options.overdue or ([20_000] if options.quick else [100_000, 1_000_000]):
        with LocalStack(PRODUCTION) as stack:
            found.append(expiry.sweep(Bookings(stack), count, seconds=5.0))
            say(report.sweep(found[-1]))
    return {"expire": [one.as_dict() for one in found]}


def measure_search(options: argparse.Namespace) -> dict[str, Any]:
    """Part 4: the short form of bench.search."""
    sizes = [10_000] if options.quick else [10_000, 200_000]
    sites = search.measure(sizes, 200 if options.quick else 500)
    for site in sites:
        search.show(site, sites[0])
    return {"search": [report.search(site) for site in sites]}


def audit(stack: LocalStack) -> None:
    """Raises RuntimeError where bookings, holds and money do not add up."""
    run = stack.manage("audit", timeout=600)
    say(run.stdout.strip().splitlines()[-1])
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)


def show(row: Row) -> None:
    say(report.line(row))


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


PARTS = {"booking": measure_booking, "expire": measure_expiry, "search": measure_search}

if __name__ == "__main__":
    sys.exit(main())
