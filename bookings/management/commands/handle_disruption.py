import time
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import disruption, rebooking
from bookings.disruption import Disruption, Outcome, Remedy
from common.errors import SeatholdError

WAIT_SECONDS = 5.0  # between two looks at bookings that somebody is just paying or rebooking


class Command(BaseCommand):
    help = (
        "Put right the bookings of a flight that was cancelled or moved. First shows what it would "
        "do, and asks; then does it, with progress. Kill it and start it again as you like: each "
        "traveller is rebooked or refunded once, and told once. Exit status 0: every booking fits "
        "its flight; 1: some could not be put right, run it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flight", type=int, help="the flight's id")
        parser.add_argument(
            "--remedy",
            choices=Remedy.values,
            help="; ".join(f"{remedy.value}: {remedy.label}" for remedy in Remedy)
            + " (default: rebook for a cancelled flight, keep for a moved one)",
        )
        parser.add_argument(
            "--days",
            type=int,
            default=3,
            help="look for other flights up to so many days before and after (default: 3)",
        )
        parser.add_argument("--dry-run", action="store_true", help="show, and do nothing")
        parser.add_argument("--yes", action="store_true", help="do it without asking")
        parser.add_argument(
            "--wait",
            type=int,
            default=120,
            metavar="SECONDS",
            help="how long to wait for bookings that are being paid or rebooked (default: 120)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["days"] <= 30:
            raise CommandError("--days goes from 0 to 30.")
        remedy = Remedy(options["remedy"]) if options["remedy"] else None
        try:
            found = disruption.look(
                flight_id=options["flight"], remedy=remedy, days=options["days"]
            )
            self._show(found)
            if not options["dry_run"] and (options["yes"] or self._agreed()):
                self._carry_out(found, options["wait"])
        except SeatholdError as error:
            raise CommandError(str(error.detail)) from error

    def _show(self, found: Disruption) -> None:
        flight = found.flight
        self.stdout.write(
            f"{flight['flightNumber']} {flight['departureAirport']['code']}-"
            f"{flight['arrivalAirport']['code']} of {flight['departureLocalTime']}: "
            f"{'cancelled' if found.is_cancelled else 'moved'}."
        )
        for other in found.alternatives:
            self.stdout.write(
                f"  instead: {other['flightNumber']} of {other['departureLocalTime']}, "
                f"{other['remainingSeats']} seats left"
            )
        self._count("would be", disruption.foresee(found))

    def _count(self, verb: str, outcomes: Counter[Outcome]) -> None:
        for outcome, number in sorted(outcomes.items()):
            self.stdout.write(f"{number:>7,} bookings {verb} {outcome}")
        if not outcomes:
            self.stdout.write("No booking has to be put right.")

    def _agreed(self) -> bool:
        return input("Do it? [y/N] ").strip().lower() in ("y", "yes")

    def _carry_out(self, found: Disruption, patience: int) -> None:
        total = found.affected().count()

        def show(done: int) -> None:
            if self.stderr.isatty() or done % disruption.BATCH == 0:
                self.stderr.write(f"\r{done:,} of {total:,}", ending="")

        outcomes = disruption.handle(found, show)
        give_up_at = time.monotonic() + patience
        while found.affected().exists() and time.monotonic() < give_up_at:
            time.sleep(WAIT_SECONDS)
            rebooking.take_back(list(rebooking.unfinished_rebookings()))
            outcomes = outcomes + disruption.handle(found, show)
            outcomes.pop(Outcome.BUSY, None)
        self.stderr.write("")
        outcomes.pop(Outcome.BUSY, None)
        self._count("are", outcomes)
        if left := found.affected().count():
            raise CommandError(f"{left} bookings are left: run it again in a minute.", returncode=1)
