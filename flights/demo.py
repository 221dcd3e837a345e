"""A small catalogue to try things with: real airports, a few weeks of flights."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from flights.models import Airline, Airplane, Airport, City, Flight

AIRLINES = {"UK": "Vistara", "AI": "Air India", "BA": "British Airways", "UA": "United Airlines"}
AIRPLANES = {"Airbus A320": 180, "Boeing 777-300ER": 350}
AIRPORTS = [
    ("DEL", "Indira Gandhi International Airport", "Delhi", "India", "Asia/Kolkata"),
    ("BOM", "Chhatrapati Shivaji International Airport", "Mumbai", "India", "Asia/Kolkata"),
    ("BLR", "Kempegowda International Airport", "Bengaluru", "India", "Asia/Kolkata"),
    ("LHR", "Heathrow Airport", "London", "United Kingdom", "Europe/London"),
    (
        "JFK",
        "John F. Kennedy International Airport",
        "New York",
        "United States",
        "America/New_York",
    ),
    ("SYD", "Kingsford Smith International Airport", "Sydney", "Australia", "Australia/Sydney"),
]
# Number, airplane, from, to, local departure, minutes in the air, INR. The first is flight 1.
DAILY = [
    ("UK808", "Airbus A320", "DEL", "BOM", time(10, 0), 130, 5000),
    ("AI865", "Airbus A320", "DEL", "BOM", time(18, 30), 135, 4200),
    ("UK809", "Airbus A320", "BOM", "DEL", time(14, 15), 130, 5200),
    ("AI501", "Airbus A320", "BLR", "DEL", time(7, 45), 170, 6100),
    ("AI502", "Airbus A320", "DEL", "BLR", time(20, 5), 165, 5900),
    ("BA142", "Boeing 777-300ER", "DEL", "LHR", time(3, 30), 560, 42000),
    ("BA143", "Boeing 777-300ER", "LHR", "DEL", time(21, 0), 510, 43500),
    ("UA82", "Boeing 777-300ER", "JFK", "DEL", time(20, 20), 810, 61000),
    ("AI301", "Boeing 777-300ER", "DEL", "SYD", time(13, 15), 720, 55000),
]
DAYS = range(7, 35)


@transaction.atomic
def load() -> int:
    """Load the demo catalogue where no flight exists yet; return how many flights were made.

    The first, of DEL to BOM in a week for 5000 INR, has id 1.
    """
    if Flight.objects.exists():
        return 0
    _load_catalogue()
    airports = Airport.objects.in_bulk()
    airplanes = Airplane.objects.in_bulk(field_name="model_number")
    today = timezone.localdate(timezone=ZoneInfo("Asia/Kolkata"))
    flights = [
        _flight(today + timedelta(days=days), airports, airplanes, row)
        for days in DAYS
        for row in DAILY
    ]
    flights[0].pk = 1
    flights[0].save(force_insert=True)
    with connection.cursor() as cursor:
        # The sequence may stand anywhere; an id given by hand doesn't move it.
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('flights_flight', 'id'),"
            " greatest(nextval(pg_get_serial_sequence('flights_flight', 'id')), 1))"
        )
    Flight.objects.bulk_create(flights[1:])
    return len(flights)


def _load_catalogue() -> None:
    for code, name in AIRLINES.items():
        Airline.objects.get_or_create(code=code, defaults={"name": name})
    for model_number, capacity in AIRPLANES.items():
        Airplane.objects.get_or_create(model_number=model_number, defaults={"capacity": capacity})
    for code, name, city, country, zone in AIRPORTS:
        home, _ = City.objects.get_or_create(name=city, country=country)
        Airport.objects.get_or_create(
            code=code, defaults={"name": name, "city": home, "time_zone": zone}
        )


def _flight(day, airports, airplanes, row) -> Flight:
    number, model_number, departure, arrival, clock, minutes, price = row
    zone = ZoneInfo(airports[departure].time_zone)
    leaves = datetime.combine(day, clock, tzinfo=zone)
    seats = airplanes[model_number].capacity
    return Flight(
        flight_number=number,
        airplane=airplanes[model_number],
        departure_airport=airports[departure],
        arrival_airport=airports[arrival],
        departure_time=leaves,
        arrival_time=leaves.astimezone(ZoneInfo("UTC")) + timedelta(minutes=minutes),
        price=Decimal(price),
        currency="INR",
        total_seats=seats,
        remaining_seats=seats,
    )
