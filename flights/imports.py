"""Schedules in: flights from a CSV file (RFC 4180, one flight a line), checked row by row.

The rows go through a temporary table: memory stays the same however long the file is, PostgreSQL
finds what stands twice, and all flights come in one transaction or not at all.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from common.money import CURRENCIES, is_exact
from flights.models import FLIGHT_NUMBER, Airplane, Airport

HEADER = (
    "flight_number,airplane_model,total_seats,departure_airport,arrival_airport,departure_local,"
    "arrival_local,price,currency,boarding_gate"
)
ROWS_PER_BATCH = 20_000

LOCAL_TIME = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}\Z")
SEATS = re.compile(r"[0-9]{1,4}\Z")
PRICE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?\Z")
GATE = re.compile(r"[\x20-\x7e]{0,10}\Z")


class WrongHeader(Exception):
    """The file is empty, or doesn't begin with HEADER."""


class BadRows(Exception):
    """There were bad rows, all reported, and nothing was imported."""

    def __init__(self, imported: "Imported") -> None:
        self.imported = imported
        super().__init__(f"{imported.bad} of {imported.rows} rows are bad.")


@dataclass
class Imported:
    rows: int = 0
    bad: int = 0
    standing: int = 0  # flights that were there already, just as in the file
    added: int = 0


def import_flights(
    lines: Iterable[str],
    *,
    skip_bad: bool = False,
    report: Callable[[int, str], None],
    progress: Callable[[str, int], None] = lambda doing, rows: None,
) -> Imported:
    """Import the flights of a CSV file with HEADER; local times are those at each airport.

    Each bad row is told to `report`, with its line number and all its faults. With `skip_bad` the
    others are imported, else nothing is, and BadRows is raised. Repeatable: flights that stand
    already are counted and left alone; a row that would change one is bad (PATCH does that).
    Raises WrongHeader. `progress` is told what is done and with how many rows.
    """
    import_ = _Import(report)
    with transaction.atomic(), connection.cursor() as cursor:
        # A bulk load takes as long as it takes; the bounds of web requests are not for it.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        # References are checked with each batch: PostgreSQL would remember a million till the end.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(STAGE)
        for batch in _batches(import_.rows(iter(lines)), ROWS_PER_BATCH):
            cursor.copy_expert("COPY flights_staged FROM STDIN (FORMAT csv)", _as_csv(batch))
            progress("read", import_.done.rows)
        cursor.execute(PREPARE)
        import_.refuse(cursor, TWICE, DELETE_TWICE)
        import_.refuse(cursor, OTHERWISE, DELETE_OTHERWISE)
        done = import_.done
        if done.bad and not skip_bad:
            raise BadRows(done)
        for begin in range(0, import_.line, ROWS_PER_BATCH):
            cursor.execute(ADD, [begin, begin + ROWS_PER_BATCH])
            done.added += cursor.rowcount
            progress("added", done.added)
        cursor.execute("ANALYZE flights_flight")  # searches begin at once
        done.standing = done.rows - done.bad - done.added
    return done


class _Import:
    """One file on its way in: what is known to check its rows against, and the count so far."""

    def __init__(self, report: Callable[[int, str], None]) -> None:
        self.report = report
        self.done = Imported()
        self.line = 0
        self.zones = {
            code: ZoneInfo(zone) for code, zone in Airport.objects.values_list("code", "time_zone")
        }
        self.airplanes = {airplane.model_number: airplane for airplane in Airplane.objects.all()}

    def rows(self, lines: Iterator[str]) -> Iterator[tuple[Any, ...]]:
        """The good rows, for the temporary table. Raises WrongHeader."""
        header = next(lines, "").strip()
        if [name.strip(' "') for name in header.split(",")] != HEADER.split(","):
            found = f"not: {header[:100]}" if header else "but it is empty"
            raise WrongHeader(f"The file must begin with {HEADER}\n{found}")
        self.line = 1
        for line in lines:
            self.line += 1
            if line.strip():
                self.done.rows += 1
                faults: list[str] = []
                row = self._row(line, faults)
                if row is None or faults:
                    self._refuse(self.line, "; ".join(faults))
                else:
                    yield row

    def refuse(self, cursor: Any, find: str, delete: str) -> None:
        """Report the staged rows that `find` finds, and delete them."""
        # A cursor with a name leaves the rows with PostgreSQL, however many they are.
        with connection.connection.cursor(name="flights_refused") as found:
            found.execute(find)
            for line, fault in found:
                self._refuse(line, fault)
        cursor.execute(delete)

    def _refuse(self, line: int, fault: str) -> None:
        self.done.bad += 1
        self.report(line, fault)

    def _row(self, line: str, faults: list[str]) -> tuple[Any, ...] | None:
        try:
            # One line at a time: a stray quote spoils its own row and none of the next.
            fields = next(csv.reader([line], strict=True))
        except csv.Error as error:
            faults.append(f"is not well-formed CSV: {error}")
            return None
        if len(fields) != 10:
            faults.append(f"has {len(fields)} fields, not 10")
            return None
        number, model, seats, departure, arrival, leaves, lands, price, currency, gate = (
            field.strip() for field in fields
        )
        if not FLIGHT_NUMBER.regex.match(number):  # type: ignore[union-attr]
            faults.append(f"flight_number {_shown(number)} is not like UK808")
        if not GATE.match(gate):
            faults.append(f"boarding_gate {_shown(gate)} has over 10 characters, or odd ones")
        return (
            self.line,
            number,
            *self._seats(model, seats, faults),
            departure,
            arrival,
            *self._times(departure, arrival, leaves, lands, faults),
            *_fare(price, currency or settings.DEFAULT_CURRENCY, faults),
            gate,
        )

    def _seats(self, model: str, seats: str, faults: list[str]) -> tuple[Any, Any]:
        airplane = self.airplanes.get(model)
        if airplane is None:
            faults.append(f"airplane_model {_shown(model)} is unknown")
            return None, None
        if not seats:
            return airplane.pk, airplane.capacity
        if not SEATS.match(seats) or not 1 <= int(seats) <= airplane.capacity:
            faults.append(f"total_seats {_shown(seats)} is not 1 to {airplane.capacity}")
        return airplane.pk, seats

    def _times(
        self, departure: str, arrival: str, leaves: str, lands: str, faults: list[str]
    ) -> tuple[datetime | None, datetime | None]:
        for column, code in (("departure_airport", departure), ("arrival_airport", arrival)):
            if code not in self.zones:
                faults.append(f"{column} {_shown(code)} is unknown")
        if departure == arrival:
            faults.append("departure_airport and arrival_airport are the same")
        begin = self._utc("departure_local", leaves, departure, faults)
        end = self._utc("arrival_local", lands, arrival, faults)
        if begin and end and end <= begin:
            # The hour that comes twice in autumn: a flight lands in the second one.
            end = self._utc("arrival_local", lands, arrival, faults, fold=1)
            if end and end <= begin:
                faults.append("arrives before it departs")
        return begin, end

    def _utc(
        self, column: str, text: str, airport: str, faults: list[str], fold: int = 0
    ) -> datetime | None:
        """A local time at `airport` in UTC; of an hour that comes twice the first, or `fold`."""
        try:
            local = datetime.fromisoformat(text if LOCAL_TIME.match(text) else "")
        except ValueError:
            faults.append(f"{column} {_shown(text)} is not like 2026-12-24T09:30")
            return None
        zone = self.zones.get(airport)
        if zone is None:
            return None
        utc = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if utc.astimezone(zone).replace(tzinfo=None) != local:
            faults.append(f"{column} {text} is skipped by the clocks at {airport}")
        return utc


def _fare(price: str, currency: str, faults: list[str]) -> tuple[str, str]:
    if currency not in CURRENCIES:
        faults.append(f"currency {_shown(currency)} is not one of ISO 4217")
    if not PRICE.match(price) or not Decimal(price):
        faults.append(f"price {_shown(price)} is not like 4999.50")
    elif not is_exact(Decimal(price), currency):
        faults.append(f"price {_shown(price)} is no amount of {currency}")
    return price, currency


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "…")


def _batches(rows: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(islice(rows, size)):
        yield batch


def _as_csv(rows: list[Any]) -> io.StringIO:
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    lines.seek(0)
    return lines


STAGE = """
    DROP TABLE IF EXISTS pg_temp.flights_staged;
    CREATE TEMPORARY TABLE flights_staged (
        line bigint, flight_number text, airplane_id bigint, total_seats int, departure text,
        arrival text, departure_time timestamptz, arrival_time timestamptz, price numeric,
        currency text, boarding_gate text
    ) ON COMMIT DROP
"""
# Plans for a table that looks empty still, minutes after a bulk load, would take hours; and all
# that a cursor finds will be read, not its first rows only.
PREPARE = """
    CREATE INDEX ON flights_staged (line);
    ANALYZE flights_staged;
    ANALYZE flights_flight;
    SET LOCAL cursor_tuple_fraction = 1
"""
FIRST_LINES = """
    SELECT line, min(line) OVER (PARTITION BY flight_number, departure_time) AS first_line
    FROM flights_staged
"""
TWICE = f"""
    SELECT line, 'is the same flight as line ' || first_line
    FROM ({FIRST_LINES}) staged WHERE line <> first_line ORDER BY line
"""  # noqa: S608  (constants, all of them)
DELETE_TWICE = f"""
    DELETE FROM flights_staged USING ({FIRST_LINES}) first
    WHERE flights_staged.line = first.line AND first.line <> first.first_line
"""  # noqa: S608
STANDING_OTHERWISE = """
    flights_flight flight
    WHERE (flight.flight_number, flight.departure_time)
        = (flights_staged.flight_number, flights_staged.departure_time)
    AND (
        flight.airplane_id, flight.total_seats, flight.departure_airport_id,
        flight.arrival_airport_id, flight.arrival_time, flight.price, flight.currency,
        flight.boarding_gate
    ) <> (
        flights_staged.airplane_id, flights_staged.total_seats, departure,
        arrival, flights_staged.arrival_time, flights_staged.price, flights_staged.currency,
        COALESCE(flights_staged.boarding_gate, '')
    )
"""
OTHERWISE = f"""
    SELECT line, 'flight ' || flight.id || ' departs with this number then, with other details'
    FROM flights_staged, {STANDING_OTHERWISE} ORDER BY line
"""  # noqa: S608
DELETE_OTHERWISE = f"DELETE FROM flights_staged USING {STANDING_OTHERWISE}"  # noqa: S608
ADD = """
    INSERT INTO flights_flight (
        flight_number, airplane_id, departure_airport_id, arrival_airport_id, departure_time,
        arrival_time, price, currency, boarding_gate, total_seats, remaining_seats, status,
        created_at, updated_at
    )
    SELECT flight_number, airplane_id, departure, arrival, departure_time, arrival_time, price,
        currency, COALESCE(boarding_gate, ''), total_seats, total_seats, 'SCHEDULED', now(), now()
    FROM flights_staged WHERE line > %s AND line <= %s ORDER BY line
    ON CONFLICT (flight_number, departure_time) DO NOTHING
"""
