"""What is prepared past the API, in a process with Django and the stack's settings.

    python -m bench.inside travellers 500

Each task prints one line of JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from stack.harness import LocalStack
from stack.processes import BASE_DIR


def ask(stack: LocalStack, task: str, *arguments: object) -> Any:
    """Have a task done for this stack. Raises CalledProcessError where it fails."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-m", "bench.inside", task, *map(str, arguments)],
        cwd=BASE_DIR,
        env={**os.environ, **stack.env, "DJANGO_SETTINGS_MODULE": "booking_project.settings"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def travellers(count: int) -> list[str]:
    """New travellers; a token for each."""
    from django.contrib.auth import get_user_model
    from knox.models import AuthToken

    users = get_user_model().objects
    people = [users.create(username=f"bench{number}") for number in range(count)]
    return [AuthToken.objects.create(person)[1] for person in people]


def flights(count: int) -> tuple[int, int]:
    """The first and the last of so many flights in a row that all take bookings."""
    from flights.models import Flight

    ids = list(Flight.objects.bookable().order_by("-pk").values_list("pk", flat=True)[:count])
    if len(ids) < count or ids[0] - ids[-1] != count - 1:
        raise SystemExit(f"There are no {count} flights in a row.")
    return ids[-1], ids[0]


def hot_flight(seats: int) -> int:
    """A flight of so many seats."""
    from django.utils import timezone

    from flights.models import Flight

    flight = Flight.objects.order_by("pk").first()
    assert flight  # noqa: S101
    flight.pk = None
    flight.flight_number = "UK9999"
    flight.departure_time = timezone.now() + timedelta(days=20)
    flight.arrival_time = flight.departure_time + timedelta(hours=2)
    flight.total_seats = flight.remaining_seats = seats
    flight.save(force_insert=True)
    return flight.pk


def overdue(count: int, like: int) -> int:
    """So many copies of a booking, its hold with it, that nobody has paid in time."""
    from django.db import connection

    from bookings.models import Booking
    from flights.models import SeatHold

    bookings, holds = Booking._meta.db_table, SeatHold._meta.db_table
    booking = Booking.objects.get(pk=like)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        # Neither history nor foreign keys look at copies: making them is not what is measured.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "CREATE TEMPORARY TABLE copies AS SELECT number, gen_random_uuid() AS reference"
            " FROM generate_series(1, %s) AS number",
            [count],
        )
        changed = {
            "reference": "reference",
            "hold_reference": "reference",
            "locator": "lpad(to_hex(number), 6, '0')",
            "payment_deadline": "now() - interval '1 minute'",
            "idempotency_key": "NULL",
        }
        _copy(cursor, Booking, changed, booking.pk)
        _copy(cursor, SeatHold, {"reference": "reference"}, booking.hold_reference)
        cursor.execute(
            "UPDATE flights_flight SET total_seats = total_seats + %s WHERE id = %s",
            [count * booking.no_of_seats, booking.flight_id],
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        for table in (bookings, holds):
            cursor.execute(f"VACUUM ANALYZE {table}")
    return count


def _copy(cursor: Any, model: Any, changed: dict[str, str], like: Any) -> None:
    """Insert a copy of a row for each of `copies`, with the columns of `changed` as they say."""
    table, key = model._meta.db_table, model._meta.pk.column
    columns = [field.column for field in model._meta.concrete_fields if not field.generated]
    if key not in changed:
        columns.remove(key)
    source = [
        f"copies.{changed[name]}"
        if changed.get(name) == "reference"
        else changed.get(name) or f"this.{name}"
        for name in columns
    ]
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(source)}"  # noqa: S608
        f" FROM copies, {table} AS this WHERE this.{key} = %s",
        [like],
    )


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task for task in (travellers, flights, hot_flight, overdue)
}


if __name__ == "__main__":
    import django

    django.setup()
    name, *numbers = sys.argv[1:]
    print(json.dumps(TASKS[name](*map(int, numbers))))  # noqa: T201
