"""What a flight is shown with beside itself: remembered, for it hardly ever changes."""

import time
from functools import lru_cache
from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from flights.models import Airplane, Airport, City, Flight

# What another process has changed reaches the snapshots of what was sold this much later.
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


@receiver([post_save, post_delete])
def forget(sender: Any, **kwargs: Any) -> None:
    """What this process changes itself, it knows at once."""
    if sender in (Airplane, Airport, City):
        _airplane.cache_clear()
        _airport.cache_clear()
