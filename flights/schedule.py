"""Schedules made: a plausible network between real airports, flown week after week.

How often a pair of airports is flown rises with how busy both are and falls with the distance;
the great-circle distance gives duration and price. The same seed makes the same flights.
"""

import csv
import io
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import combinations
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from flights.airports import import_airports, real_airports
from flights.models import Airline, Airplane

# The busiest airports of the world, roughly in order. DEL and BOM first: flight 1 is theirs.
BUSIEST = (
    "DEL BOM ATL DXB DFW LHR HND DEN IST ORD PVG LAX CAN ICN CDG SIN PEK AMS JFK MAD LAS BKK MIA "
    "CLT FRA HKG KUL MCO SFO CGK BCN PHX SEA MEX EWR CTU MNL NRT SYD IAH BLR BOG GRU DOH TPE JED "
    "FCO LGW MUC SGN YYZ BOS HAN SZX KMG SVO MSP FLL AYT RUH LIM MEL HYD SAW DTW PHL DUB ZRH LIS "
    "CPH VIE OSL ARN MAN STN BNE AKL CAI JNB CPT ADD NBO LOS CMN SCL EZE GIG BSB CUN YVR YUL SLC "
    "SAN BWI IAD DCA TPA AUS BNA HNL ANC OTP WAW PRG BUD ATH MXP BER DUS HAM GVA BRU EDI HEL KIX "
    "FUK CTS OKA GMP PUS CJU MAA CCU COK GOI AMD PNQ KTI DAC CMB KHI LHE ISB KTM MLE TAS ALA TBS "
    "EVN GYD BEY AMM KWI BAH MCT AUH SHJ TLV DPS SUB HKT CNX PEN BKI PER ADL CHC WLG NAN PPT"
).split()
MOST_AIRPORTS = 2000

# By designator: the name, and the country (ISO 3166) whose airports an airline flies from.
AIRLINES = {
    "AI": ("Air India", "IN"), "6E": ("IndiGo", "IN"), "UK": ("Vistara", "IN"),
    "AA": ("American Airlines", "US"), "DL": ("Delta Air Lines", "US"),
    "UA": ("United Airlines", "US"), "WN": ("Southwest Airlines", "US"),
    "AC": ("Air Canada", "CA"), "AM": ("Aeromexico", "MX"), "LA": ("LATAM Airlines", "CL"),
    "G3": ("GOL", "BR"), "AV": ("Avianca", "CO"), "BA": ("British Airways", "GB"),
    "U2": ("easyJet", "GB"), "FR": ("Ryanair", "IE"), "AF": ("Air France", "FR"),
    "KL": ("KLM", "NL"), "LH": ("Lufthansa", "DE"), "LX": ("Swiss", "CH"),
    "OS": ("Austrian Airlines", "AT"), "IB": ("Iberia", "ES"), "VY": ("Vueling", "ES"),
    "AZ": ("ITA Airways", "IT"), "TP": ("TAP Air Portugal", "PT"), "SK": ("SAS", "SE"),
    "TK": ("Turkish Airlines", "TR"), "EK": ("Emirates", "AE"), "QR": ("Qatar Airways", "QA"),
    "SV": ("Saudia", "SA"), "ET": ("Ethiopian Airlines", "ET"), "SQ": ("Singapore Airlines", "SG"),
    "MH": ("Malaysia Airlines", "MY"), "TG": ("Thai Airways", "TH"), "GA": ("Garuda", "ID"),
    "VN": ("Vietnam Airlines", "VN"), "PR": ("Philippine Airlines", "PH"),
    "CX": ("Cathay Pacific", "HK"), "CA": ("Air China", "CN"), "MU": ("China Eastern", "CN"),
    "CZ": ("China Southern", "CN"), "KE": ("Korean Air", "KR"), "NH": ("All Nippon Airways", "JP"),
    "JL": ("Japan Airlines", "JP"), "QF": ("Qantas", "AU"), "NZ": ("Air New Zealand", "NZ"),
}  # fmt: skip
# Model, seats, and the longest way it flies, in km.
FLEET = [
    ("ATR 72-600", 70, 900),
    ("Airbus A320neo", 180, 3000),
    ("Airbus A321neo", 220, 5500),
    ("Boeing 787-9", 290, 9000),
    ("Boeing 777-300ER", 350, 20000),
]
SHORTEST_KM, LONGEST_KM = 200, 14500
FLIGHTS_PER_INSERT = 100_000


class Leg(NamedTuple):
    """A flight number: where and when it flies, in local time, on which days, for how much."""

    number: str
    model: str
    departure: str
    arrival: str
    leaves: int  # minutes after local midnight
    minutes: int  # in the air
    price: int
    weekdays: int  # a bit for each, Monday the lowest


def generate_schedule(
    *,
    begin: date,
    days: int,
    airports: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda made: None,
) -> int:
    """Make the flights of `days` days from `begin` on, between that many airports.

    Returns how many flights were made. Repeatable: a flight that stands already (by number and
    departure) is left as it is. Missing airports, airlines and airplanes are added. Prices are in
    DEFAULT_CURRENCY. `progress` is told, now and then, how many flights are made so far.
    """
    legs = list(make_legs(airports=airports, seed=seed))
    made = 0
    with transaction.atomic(), connection.cursor() as cursor:
        # A bulk load takes as long as it takes; the bounds of web requests are not for it.
        cursor.execute("SET LOCAL statement_timeout = 0")
        # References are checked at each insert, not remembered till the end.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        import_airports({leg.departure for leg in legs})
        _add_airlines(legs)
        _stage(cursor, legs, _airplanes())
        daily = sum(leg.weekdays.bit_count() for leg in legs) / 7
        step = max(1, int(FLIGHTS_PER_INSERT / (daily or 1)))
        for offset in range(0, days, step):
            last = min(offset + step, days) - 1
            cursor.execute(
                FLY,
                {
                    "begin": begin, "first": offset, "last": last,
                    "seed": seed, "currency": settings.DEFAULT_CURRENCY,
                },
            )  # fmt: skip
            made += cursor.rowcount
            progress(made)
        cursor.execute("ANALYZE flights_flight")  # searches begin at once
    return made


def make_legs(*, airports: int, seed: int) -> Iterator[Leg]:
    """The week of a network of that many airports, there and back, each pair in turn."""
    chance = random.Random(seed)  # noqa: S311  (a dice, not a secret)
    rows = real_airports()
    numbers = _FlightNumbers(chance)
    chosen = list(enumerate(_choose_airports(airports, chance)))
    for (busy, here), (less_busy, there) in combinations(chosen, 2):
        km = distance_km(rows[here], rows[there])
        if not SHORTEST_KM <= km <= LONGEST_KM:
            continue
        for weekdays in _rotations(flights_a_week(busy, less_busy, km), chance):
            countries = {rows[here]["country"], rows[there]["country"]}
            outward, back = numbers.take_two(countries)
            minutes = 30 + 5 * round(km / 14 / 5)  # 840 km/h, and half an hour up and down
            fare = (1500 + 3.1 * km + 0.0002 * km * km) * chance.uniform(0.8, 1.25)
            model = next(model for model, _, reach in FLEET if km <= reach)
            for number, departure, arrival in ((outward, here, there), (back, there, here)):
                leaves = chance.randrange(5 * 60, 23 * 60, 5)
                yield Leg(number, model, departure, arrival, leaves, minutes, round(fare), weekdays)


def distance_km(here: Mapping[str, Any], there: Mapping[str, Any]) -> float:
    """The great-circle distance of two rows of airportsdata (haversine, a mean radius)."""
    north, east = radians(here["lat"]), radians(here["lon"])
    other_north, other_east = radians(there["lat"]), radians(there["lon"])
    chord = (
        sin((north - other_north) / 2) ** 2
        + cos(north) * cos(other_north) * sin((east - other_east) / 2) ** 2
    )
    return 2 * 6371 * asin(sqrt(chord))


def flights_a_week(busy: int, less_busy: int, km: float) -> int:
    """How often a pair is flown one way, by the ranks of both airports (0 is the busiest)."""
    pull = 1 / (1 + busy / 40) / (1 + less_busy / 40)
    return round(7 * 14 * pull / (1 + km / 3000) ** 1.5)


def _choose_airports(count: int, chance: random.Random) -> list[str]:
    others = sorted(
        code
        for code, row in real_airports().items()
        if "International" in row["name"] and code not in BUSIEST
    )
    chance.shuffle(others)
    return (BUSIEST + others)[:count]


def _rotations(weekly: int, chance: random.Random) -> Iterator[int]:
    """As many flights a week as daily ones and one more on some weekdays, each as its weekdays."""
    daily, rest = divmod(weekly, 7)
    yield from [0b1111111] * daily
    if rest:
        yield sum(1 << day for day in chance.sample(range(7), rest))


class _FlightNumbers:
    """Numbers in pairs, there and back, of an airline at home in one of the countries."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.next = dict.fromkeys(AIRLINES, 101)

    def take_two(self, countries: set[str]) -> tuple[str, str]:
        free = [code for code in AIRLINES if self.next[code] < 9999]
        airline = self.chance.choice(
            [code for code in free if AIRLINES[code][1] in countries] or free
        )
        number = self.next[airline]
        self.next[airline] += 2
        return f"{airline}{number}", f"{airline}{number + 1}"


def _add_airlines(legs: list[Leg]) -> None:
    used = {leg.number[:2] for leg in legs}
    Airline.objects.bulk_create(
        [Airline(code=code, name=AIRLINES[code][0]) for code in sorted(used)],
        ignore_conflicts=True,
    )


def _airplanes() -> dict[str, Airplane]:
    Airplane.objects.bulk_create(
        [Airplane(model_number=model, capacity=seats) for model, seats, _ in FLEET],
        ignore_conflicts=True,
    )
    return Airplane.objects.in_bulk([model for model, *_ in FLEET], field_name="model_number")


def _stage(cursor: Any, legs: list[Leg], airplanes: dict[str, Airplane]) -> None:
    """The legs as a table, for PostgreSQL to fly them on every day."""
    cursor.execute(STAGE)
    lines = io.StringIO()
    csv.writer(lines).writerows(
        (*leg, airplanes[leg.model].pk, airplanes[leg.model].capacity, row)
        for row, leg in enumerate(legs)
    )
    lines.seek(0)
    cursor.copy_expert("COPY flights_leg FROM STDIN (FORMAT csv)", lines)
    cursor.execute("ANALYZE flights_leg")


STAGE = """
    DROP TABLE IF EXISTS pg_temp.flights_leg;
    CREATE TEMPORARY TABLE flights_leg (
        number text, model text, departure text, arrival text, leaves int, minutes int, price int,
        weekdays int, airplane_id bigint, seats int, row int
    ) ON COMMIT DROP
"""
# Fridays and Sundays cost more, and each day a little more or less than the next. Sorted, so that
# the flights of one trip lie side by side, where a search for them reads.
FLY = """
    INSERT INTO flights_flight (
        flight_number, airplane_id, departure_airport_id, arrival_airport_id, departure_time,
        arrival_time, price, currency, boarding_gate, total_seats, remaining_seats, status,
        created_at, updated_at
    )
    SELECT number, airplane_id, departure, arrival, departure_time,
        departure_time + minutes * interval '1 minute',
        10 * round(price * (85 + mood + CASE WHEN weekday IN (5, 7) THEN 15 ELSE 0 END) / 1000.0),
        %(currency)s, '', seats, seats, 'SCHEDULED', now(), now()
    FROM (
        SELECT leg.*,
            timezone(airport.time_zone, day::timestamp + leaves * interval '1 minute')
                AS departure_time,
            extract(isodow FROM day)::int AS weekday,
            (row::bigint * 7919 + (day - '2000-01-01') * 10007 + %(seed)s) %% 31 AS mood
        FROM flights_leg leg
        JOIN flights_airport airport ON airport.code = leg.departure
        CROSS JOIN LATERAL (
            SELECT %(begin)s::date + number AS day
            FROM generate_series(%(first)s, %(last)s) number
        ) days
    ) flight
    WHERE weekdays >> (weekday - 1) & 1 = 1
    ORDER BY departure, arrival, departure_time
    ON CONFLICT (flight_number, departure_time) DO NOTHING
"""
