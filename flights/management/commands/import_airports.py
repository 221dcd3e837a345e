from typing import Any

from django.core.management.base import BaseCommand

from flights import airports


class Command(BaseCommand):
    help = (
        "Import all airports with an IATA code from airportsdata, with cities, positions and time "
        "zones. Running it again updates what changed there and adds nothing twice; airports that "
        "staff added are left alone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = airports.import_airports()
        if done.skipped:
            self.stderr.write(f"Skipped, in unknown time zones: {', '.join(done.skipped)}")
        self.stdout.write(
            f"{done.added} airports added, {done.changed} changed, {done.unchanged} unchanged."
        )
