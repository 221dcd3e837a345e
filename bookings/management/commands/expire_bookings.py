from typing import Any

from django.core.management.base import BaseCommand

from bookings import services
from common.batches import until_nothing_is_left


class Command(BaseCommand):
    help = (
        "Cancel bookings that nobody paid in time. The beat task does the same every few seconds; "
        "run this where no worker runs, and relay_outbox after it to give the seats back. Any "
        "number may run at once. Exit status 0, also when there was nothing to do."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        expired = sum(until_nothing_is_left(services.expire))
        self.stdout.write(f"{expired} bookings expired.")
