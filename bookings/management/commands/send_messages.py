from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import mail
from common.batches import until_nothing_is_left


class Command(BaseCommand):
    help = (
        "Send the mail that is due. The beat task does the same every few seconds. Any number may"
        " run at once. Exit status 0 when all that was due is sent or given up, 1 when messages"
        " wait for another try."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        dealt_with = sum(until_nothing_is_left(mail.send_due))
        left = mail.waiting().count()
        self.stdout.write(f"{dealt_with} messages dealt with, {left} left.")
        if left:
            raise CommandError(f"{left} messages wait for another try (see Messages in the admin).")
