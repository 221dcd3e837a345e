"""Real airports: all that have an IATA code, from airportsdata."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import available_timezones

import airportsdata
from django.db import connection, transaction
from django.utils import timezone

from flights.models import Airport, City

# How a row of airportsdata becomes an Airport; its city is looked up.
COLUMNS = {"name": "name", "time_zone": "tz", "latitude": "lat", "longitude": "lon"}


@dataclass(frozen=True)
class ImportedAirports:
    added: int
    changed: int
    unchanged: int
    skipped: list[str]  # codes, of airports in a time zone that we don't know


@cache
def real_airports() -> Mapping[str, Mapping[str, Any]]:
    """The rows of airportsdata by IATA code."""
    return airportsdata.load("IATA")


@transaction.atomic
def import_airports(codes: Collection[str] | None = None) -> ImportedAirports:
    """Add or update the airports of `codes`, all there are by default, and their cities.

    Repeatable: what stands as it should is left alone. No airport is ever deleted.
    """
    rows = real_airports()
    if codes is not None:
        rows = {code: rows[code] for code in codes if code in rows}
    known = _known_zones()
    skipped = sorted(code for code, row in rows.items() if row["tz"] not in known)
    rows = {code: row for code, row in rows.items() if row["tz"] in known}
    cities = _cities(rows)
    standing = Airport.objects.in_bulk()
    added, changed = [], []
    for code, row in rows.items():
        wanted = {column: row[name] for column, name in COLUMNS.items()}
        wanted["city_id"] = cities[_city_of(row)]
        airport = standing.get(code)
        if airport is None:
            added.append(Airport(code=code, **wanted))
        elif any(getattr(airport, column) != value for column, value in wanted.items()):
            changed.append(Airport(code=code, updated_at=timezone.now(), **wanted))
    Airport.objects.bulk_create(added)
    Airport.objects.bulk_update(changed, [*COLUMNS, "city", "updated_at"], batch_size=500)
    unchanged = len(rows) - len(added) - len(changed)
    return ImportedAirports(len(added), len(changed), unchanged, skipped)


def _known_zones() -> set[str]:
    """Zones that both Python, which shows local times, and PostgreSQL, which searches, know."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return available_timezones() & {name for (name,) in cursor.fetchall()}


def _city_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """City and country. Where airportsdata names no city, the airport lends its name."""
    country = _countries().get(row["country"], row["country"])
    return row["city"] or row["name"], country


@cache
def _countries() -> dict[str, str]:
    """Names of countries by their code of ISO 3166."""
    table = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text()
    lines = [line for line in table.splitlines() if not line.startswith("#")]
    return dict(line.split("\t") for line in lines) | {"XK": "Kosovo"}


def _cities(rows: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Ids of the cities of `rows`, made where they are missing."""
    wanted = sorted({_city_of(row) for row in rows.values()})
    City.objects.bulk_create(
        [City(name=name, country=country) for name, country in wanted], ignore_conflicts=True
    )
    standing = City.objects.values_list("name", "country", "id")
    return {(name, country): id_ for name, country, id_ in standing}
