"""Load flights to try Seathold with, and accounts whose passwords everybody knows."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import connection, transaction

from stack.datadir import INSECURE_PREFIX

# Programs are written against these ids.
ACCOUNTS = {1: "admin", 2: "traveller", 3: "traveller2", 4: "support", 5: "schedule", 6: "finance"}
# The groups of staff; `admin` may do everything without one.
ROLES = {"support": "support", "schedule": "schedule manager", "finance": "finance"}
ADVISORY_LOCK = 0x5EA7


class Command(BaseCommand):
    help = (
        f"{__doc__} Staff: admin/admin, support/support, schedule/schedule and finance/finance. "
        "Travellers: traveller/traveller (id 2) and "
        "traveller2/traveller2 (id 3). What is there already is left as it is. Refused with "
        f"SECURE on, and with a SECRET_KEY that does not begin with {INSECURE_PREFIX!r} (those "
        "of the local stack do): that is a production key."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.SECURE or not settings.SECRET_KEY.startswith(INSECURE_PREFIX):
            raise CommandError(
                "Demo accounts have passwords that everybody knows: they are not made where "
                f"SECURE is on or SECRET_KEY lacks the prefix {INSECURE_PREFIX!r}."
            )
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
            accounts = load_accounts()
            flights = load_flights()
        if accounts or flights:
            self.stdout.write(f"Demo data: {accounts} accounts and {flights} flights added.")
        else:
            self.stdout.write("Demo data is there already.")


def load_accounts() -> int:
    """Make the demo accounts that are missing, under their own ids where those are free."""
    users = get_user_model().objects
    made = 0
    for pk, name in ACCOUNTS.items():
        if users.filter(username=name).exists():
            continue
        create = users.create_superuser if name == "admin" else users.create_user
        ids = {} if users.filter(pk=pk).exists() else {"pk": pk}
        staff = {"is_staff": True} if name in ROLES else {}
        user = create(username=name, password=name, email=f"{name}@example.com", **ids, **staff)
        user.groups.set(Group.objects.filter(name=ROLES.get(name)))
        made += 1
        count_ids_from_here()
    return made


def count_ids_from_here() -> None:
    """The next account gets an id above all that are taken, also those we chose ourselves."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [get_user_model()]):
            cursor.execute(statement)


def load_flights() -> int:
    """Load the demo catalogue where this process serves flights; say how many flights are new."""
    if "flights" not in settings.SERVICES:
        return 0
    from flights import demo

    return demo.load()
