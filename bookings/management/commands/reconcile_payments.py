from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import services


class Command(BaseCommand):
    help = (
        "Finish payments that nobody works on any more: forward where the provider authorised and "
        "the seats still stand, back where not. The beat task does the same every few seconds. "
        "Any number may run at once. Exit status 0 when none is left, 1 when a service could not "
        "be asked."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        attempts = list(services.unfinished_attempts())
        finished = services.reconcile(attempts)
        self.stdout.write(f"{finished} payments finished.")
        if finished < len(attempts):
            raise CommandError(f"{len(attempts) - finished} payments could not be finished now.")
