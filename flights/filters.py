"""What lists may be asked: query parameters, checked like any other input."""

import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from common.wire import FilterSerializer
from flights.models import IATA_AIRLINE, Airport, FlightQuerySet

SORT_KEYS = {
    "departureTime": "departure_time",
    "arrivalTime": "arrival_time",
    "price": "price",
    "duration": "duration",
}
# What each filter asks of a flight; the others need an airport's clock.
LOOKUPS = {"travellers": "remaining_seats__gte", "price": "price__range", "airline": "airline"}


class TripField(serializers.RegexField):
    """`DEL-BOM` as a pair of IATA codes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            r"^[A-Z]{3}-[A-Z]{3}\Z",
            error_messages={"invalid": "A trip is two IATA codes in capitals, as in DEL-BOM."},
            **kwargs,
        )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        trip = super().run_validation(data)
        departure, arrival = trip.split("-")
        if departure == arrival:
            raise ValidationError("A trip leads to another airport.", code="same_airport")
        return departure, arrival


class PriceRangeField(serializers.RegexField):
    """`4000-6000`, `4000-` or `-6000`, both ends included, as a pair."""

    HIGHEST = Decimal("999999999.999")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            r"^(?=.*\d)([0-9]{1,9}(\.[0-9]{1,3})?)?-([0-9]{1,9}(\.[0-9]{1,3})?)?\Z",
            error_messages={"invalid": "A price range is 4000-6000, 4000- or -6000."},
            **kwargs,
        )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        text = super().run_validation(data)
        low, high = text.split("-")
        ends = Decimal(low or 0), Decimal(high or self.HIGHEST)
        if ends[0] > ends[1]:
            raise ValidationError("The range ends before it begins.", code="empty_range")
        return ends


class SortField(serializers.CharField):
    """`price_ASC,departureTime_DESC` as names to order by, closed by id."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        ordering = []
        for key in super().run_validation(data).split(","):
            match = re.match(r"^([A-Za-z]+)_(ASC|DESC)\Z", key)
            if match is None or match[1] not in SORT_KEYS:
                raise ValidationError(
                    f"Sort by one or more of {', '.join(SORT_KEYS)}, each with _ASC or _DESC.",
                    code="invalid",
                )
            ordering.append(("-" if match[2] == "DESC" else "") + SORT_KEYS[match[1]])
        if len({key.lstrip("-") for key in ordering}) < len(ordering):
            raise ValidationError("Sort by each key once.", code="repeated")
        # The id goes the way of the last key, so that an index can be read backwards.
        return (*ordering, "-id" if ordering[-1].startswith("-") else "id")


class LocalTimeField(serializers.RegexField):
    """`06:30` as a time of day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z",
            error_messages={"invalid": "A time of day is HH:MM, as in 06:30."},
            **kwargs,
        )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return time.fromisoformat(super().run_validation(data))


class DayField(serializers.DateField):
    """A calendar day of this century, for years that clocks everywhere can show."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            error_messages={"invalid": "A day is YYYY-MM-DD, as in 2026-12-24."}, **kwargs
        )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and not re.match(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}\Z", data):
            self.fail("invalid")  # Python reads 20261224 and 2026-W52-4, too
        return super().run_validation(data)


class FlightFilters(FilterSerializer):
    """A search of flights."""

    trips = TripField(required=False, help_text="From and to, as in DEL-BOM.")
    trip_date = DayField(required=False, help_text="The local date at the departure airport.")
    travellers = serializers.IntegerField(
        required=False, min_value=1, max_value=1000, help_text="Seats that must be left."
    )
    price = PriceRangeField(
        required=False, help_text="Of a seat: 4000-6000, both ends included; either may be empty."
    )
    airline = serializers.CharField(
        required=False, validators=[IATA_AIRLINE], help_text="IATA designator, as in UK."
    )
    departure_after = LocalTimeField(required=False, help_text="HH:MM at the departure airport.")
    departure_before = LocalTimeField(required=False, help_text="HH:MM at the departure airport.")
    include_unbookable = serializers.BooleanField(
        default=False, help_text="Full, cancelled and departed flights, too."
    )
    sort = SortField(
        default="departureTime_ASC",
        help_text="As in price_ASC,departureTime_DESC, over departureTime, arrivalTime, price and "
        "duration. All but departureTime need trips and tripDate.",
    )

    def validate(self, wanted: dict[str, Any]) -> dict[str, Any]:
        after, before = wanted.get("departure_after"), wanted.get("departure_before")
        if after and before and after > before:
            raise ValidationError({"departureBefore": ["This window ends before it begins."]})
        by_time_alone = len(wanted["sort"]) == 2 and "departure_time" in wanted["sort"][0]
        if not by_time_alone and not {"trips", "trip_date"} <= wanted.keys():
            raise ValidationError({"sort": ["Such a sort needs trips and tripDate."]})
        return wanted


class MonthField(serializers.RegexField):
    """`2026-12` as the first day of that month and the first of the next."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            r"^20[0-9]{2}-(0[1-9]|1[0-2])\Z",
            error_messages={"invalid": "A month is YYYY-MM, as in 2026-12."},
            **kwargs,
        )

    def run_validation(self, data: Any = serializers.empty) -> Any:
        begin = date.fromisoformat(super().run_validation(data) + "-01")
        return begin, (begin + timedelta(days=31)).replace(day=1)


class CalendarFilters(FilterSerializer):
    """The cheapest prices of a month."""

    trips = TripField(help_text="From and to, as in DEL-BOM.")
    month = MonthField(help_text="As in 2026-12, at the departure airport.")
    travellers = serializers.IntegerField(
        default=1, min_value=1, max_value=1000, help_text="Seats that must be left."
    )


class AirportFilters(FilterSerializer):
    q = serializers.CharField(
        required=False,
        max_length=100,
        help_text="The beginning of a code, a name or a city, or of a word of them: best first.",
    )


def matching(flights: FlightQuerySet, wanted: dict[str, Any]) -> FlightQuerySet:
    """Those of `flights` that `wanted` (of FlightFilters) asks for.

    Raises ValidationError for airports that we don't know.
    """
    if not wanted["include_unbookable"]:
        flights = flights.bookable()
    flights = flights.filter(
        **{lookup: wanted[name] for name, lookup in LOOKUPS.items() if name in wanted}
    )
    zone = None
    if "trips" in wanted:
        zone = departure_zone(wanted["trips"], flights.db)
        departure, arrival = wanted["trips"]
        flights = flights.filter(departure_airport=departure, arrival_airport=arrival)
    if "trip_date" in wanted:
        flights = flights.departing_on(wanted["trip_date"], zone)
    if any("duration" in key for key in wanted["sort"]):
        flights = flights.with_duration()
    return flights.departing_between(wanted.get("departure_after"), wanted.get("departure_before"))


def cheapest_of_month(flights: FlightQuerySet, wanted: dict[str, Any]) -> FlightQuerySet:
    """The cheapest bookable flight of each day that `wanted` (of CalendarFilters) asks for.

    Raises ValidationError for airports that we don't know.
    """
    zone = departure_zone(wanted["trips"], flights.db)
    departure, arrival = wanted["trips"]
    begin, end = wanted["month"]
    return (
        flights.bookable()
        .filter(departure_airport=departure, arrival_airport=arrival)
        .filter(remaining_seats__gte=wanted["travellers"])
        .departing_within(begin, end, zone)
        .cheapest_by_day(zone)
    )


def departure_zone(trip: tuple[str, str], using: str) -> str:
    """The time zone that a trip begins in. Raises ValidationError for airports we don't know."""
    airports = Airport.objects.using(using).filter(code__in=trip)
    zones = dict(airports.values_list("code", "time_zone"))
    unknown = [f"We know no airport {code}." for code in trip if code not in zones]
    if unknown:
        raise ValidationError({"trips": unknown}, code="unknown_airport")
    return zones[trip[0]]
