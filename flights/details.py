"""What a flight is shown with beside itself: remembered, for it hardly ever changes."""

import time
from functools import lru_cache

from flights.models import Airplane, Airport, Flight

# A new name or time zone of an airport reaches the snapshots of what was sold this much later.
SECONDS = 60


def add_details(flight: Flight) -> None:
    """Give `flight` its airplane and airports without a query, as `with_details` reads them.

    They may be up to a minute old.
    """
    period = int(time.monotonic() // SECONDS)
    flight.airplane = _airplane(flight.airplane_id, period)
    flight.departure_airport = _airport(flight.departure_airport_id, period)
    flight.arrival_airport = _airport(flight.arrival_airport_id, period)


@lru_cache(maxsize=1_000)
def _airplane(pk: int, period: int) -> Airplane:
    return Airplane.objects.get(pk=pk)


@lru_cache(maxsize=10_000)
def _airport(code: str, period: int) -> Airport:
    return Airport.objects.select_related("city").get(pk=code)
