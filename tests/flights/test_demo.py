from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from flights import demo
from flights.models import Flight

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("used", [0, 7])
def test_flight_1_can_be_booked_whatever_ids_were_used_before(used: int) -> None:
    with connection.cursor() as cursor:
        for _ in range(used):
            cursor.execute("SELECT nextval(pg_get_serial_sequence('flights_flight', 'id'))")
    count = demo.load()
    assert count == Flight.objects.count() > 1000
    flight = Flight.objects.bookable().get(pk=1)
    assert (flight.departure_airport_id, flight.arrival_airport_id) == ("DEL", "BOM")
    assert flight.price == 5000
    assert (flight.currency, flight.remaining_seats) == ("INR", 180)
    assert flight.departure_time > timezone.now() + timedelta(days=12)


def test_demo_data_are_loaded_once(flight: Flight) -> None:
    assert demo.load() == 0
    assert list(Flight.objects.all()) == [flight]
