from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import outbox
from bookings.models import OutboxMessage
from common.batches import until_nothing_is_left


class Command(BaseCommand):
    help = (
        "Tell the other services what is due: seats to release, money to capture, void or give "
        "back. The beat task does the same every few seconds. Any number may run at once. Exit "
        "status 0 when all that was due is answered, 1 when messages are left that need a service "
        "or a human."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        told = sum(until_nothing_is_left(outbox.relay))
        waiting = OutboxMessage.objects.count()
        oldest = f"; the oldest waits {outbox.oldest_wait().total_seconds():.0f} s"
        self.stdout.write(f"{told} messages dealt with, {waiting} left{oldest if waiting else ''}.")
        failed = OutboxMessage.objects.exclude(last_error="")
        dead = failed.filter(dead_at__isnull=False).count()
        if failed.exists():
            raise CommandError(
                f"{failed.count() - dead} messages wait for another try, {dead} are dead letters"
                " (see Outbox messages in the admin)."
            )
