import argparse
import time
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from flights import schedule


def a_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day, as in 2026-12-24") from None


class Command(BaseCommand):
    help = (
        "Make a plausible schedule between real airports. The same seed, days and airports make "
        "the same flights; flights that stand already are left as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=_count(1, 3660), default=30, help="default: 30")
        parser.add_argument(
            "--airports",
            type=_count(2, schedule.MOST_AIRPORTS),
            default=60,
            help="how many of the world's busiest airports (default: 60)",
        )
        parser.add_argument("--seed", type=_count(0, 2**31 - 1), default=0, help="default: 0")
        parser.add_argument(
            "--begin", type=a_day, help="the first day, YYYY-MM-DD (default: tomorrow)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        made = schedule.generate_schedule(
            begin=options["begin"] or timezone.localdate() + timedelta(days=1),
            days=options["days"],
            airports=options["airports"],
            seed=options["seed"],
            progress=lambda made: self.stderr.write(f"{made:,} flights"),
        )
        self.stdout.write(f"{made} flights made in {time.monotonic() - started:.1f} seconds.")


def _count(least: int, most: int) -> Any:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return parse
