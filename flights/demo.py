"""A catalogue to try things with: the busiest real airports, and weeks of flights between them."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.core.management.color import no_style
from django.db import connection, transaction
from django.utils import timezone

from flights.airports import import_airports
from flights.models import Airplane, Flight
from flights.schedule import generate_schedule

INDIA = ZoneInfo("Asia/Kolkata")


@transaction.atomic
def load() -> int:
    """Load the demo catalogue where no flight exists yet; return how many flights were made.

    Flight 1 goes from DEL to BOM in two weeks, for 5000 INR; a month of flights between a dozen
    airports begins tomorrow.
    """
    if Flight.objects.exists():
        return 0
    import_airports(["DEL", "BOM"])
    airplane, _ = Airplane.objects.get_or_create(
        model_number="Airbus A320neo", defaults={"capacity": 180}
    )
    today = timezone.localdate(timezone=INDIA)
    leaves = datetime.combine(today + timedelta(days=14), time(10), tzinfo=INDIA)
    Flight.objects.create(
        id=1,
        flight_number="UK808",
        airplane=airplane,
        departure_airport_id="DEL",
        arrival_airport_id="BOM",
        departure_time=leaves,
        arrival_time=leaves + timedelta(minutes=130),
        price=Decimal(5000),
        currency="INR",
        total_seats=airplane.capacity,
        remaining_seats=airplane.capacity,
    )
    with connection.cursor() as cursor:
        # An id given by hand does not move the sequence that gives the next ones.
        for statement in connection.ops.sequence_reset_sql(no_style(), [Flight]):
            cursor.execute(statement)
    return 1 + generate_schedule(begin=today + timedelta(days=1), days=30, airports=12, seed=1)
