from typing import Any

from django.core.management.base import BaseCommand

from common.batches import until_nothing_is_left
from flights import holds


class Command(BaseCommand):
    help = (
        "Give back the seats of holds that nobody confirmed in time. The beat task does the same "
        "every few seconds; run this where no worker runs. Any number may run at once, and "
        "confirmed holds are never touched. Exit status 0, also when there was nothing to do."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        released = sum(until_nothing_is_left(holds.release_expired_holds))
        self.stdout.write(f"{released} expired holds released.")
