import json
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError

from bookings.audit import Report, audit
from common.checks import refuse_broken_settings
from common.errors import ServiceUnavailable


class Command(BaseCommand):
    help = (
        "Recount all seats, bookings and money, across the services and through their APIs. "
        "Exit status 0: everything adds up; 1: it does not, each difference is named; "
        "2: nothing is known, because a service or the database could not be asked."
    )
    requires_system_checks: list[str] = []  # run below: their failure must not look like 1

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        progress = self._show if self.stderr.isatty() else lambda rows: None
        try:
            refuse_broken_settings()
            report = audit(progress)
        except (ServiceUnavailable, ImproperlyConfigured, OperationalError) as error:
            raise CommandError(f"{error} Nothing is known.", returncode=2) from error
        self.stdout.write(self._as_json(report) if options["json"] else self._as_text(report))
        if not report.clean:
            raise CommandError("The audit found differences.", returncode=1)

    def _show(self, rows: int) -> None:
        if rows % 1000 == 0:
            self.stderr.write(f"\r{rows} rows read", ending="")

    def _as_text(self, report: Report) -> str:
        counted = ", ".join(f"{number} {what}" for what, number in sorted(report.counted.items()))
        verdict = f"{len(report.differences) or 'no'} differences"
        return "\n".join([*report.differences, f"Audited {counted}: {verdict}."])

    def _as_json(self, report: Report) -> str:
        return json.dumps(
            {
                "clean": report.clean,
                "counted": report.counted,
                "differences": report.differences,
            },
            indent=2,
        )
