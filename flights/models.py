"""What flies, and which seats are left."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import (
    Case,
    Exists,
    ExpressionWrapper,
    F,
    Func,
    GeneratedField,
    OuterRef,
    Prefetch,
    Q,
    Value,
    When,
)
from django.db.models.functions import Cast, Concat, Now, Substr, TruncDate
from django.utils import timezone

from common.money import CURRENCIES, is_exact
from flights.states import HoldStatus, ShownStatus

IATA_AIRPORT = RegexValidator(r"^[A-Z]{3}\Z", "An IATA code is three letters, as in DEL.")
# IATA designator (two characters, one a letter) and a number of one to four digits.
FLIGHT_NUMBER = RegexValidator(
    r"^(?:[A-Z][A-Z0-9]|[0-9][A-Z])[1-9][0-9]{0,3}[A-Z]?\Z",
    "A flight number is an airline's two characters and a number, as in UK808.",
)
IATA_AIRLINE = RegexValidator(
    r"^(?:[A-Z][A-Z0-9]|[0-9][A-Z])\Z", "An IATA designator is two characters, as in UK."
)

# Times that clocks everywhere can show, and no slip of the pen.
SANE_TIMES = [
    MinValueValidator(datetime(2000, 1, 1, tzinfo=UTC), "Flights leave in this century."),
    MaxValueValidator(datetime(2100, 1, 1, tzinfo=UTC), "Flights leave in this century."),
]


def validate_time_zone(name: str) -> None:
    """Both clocks must know a zone: Python's, which shows local times, and PostgreSQL's, which
    searches by them. Raises ValidationError.
    """
    if name in available_timezones():
        with connection.cursor() as cursor:
            cursor.execute("SELECT true FROM pg_timezone_names WHERE name = %s", [name])
            if cursor.fetchone():
                return
    raise ValidationError("This is no IANA time zone; Asia/Kolkata is one.", code="time_zone")


def validate_currency(code: str) -> None:
    """Raises ValidationError for what is no code of ISO 4217."""
    if code not in CURRENCIES:
        raise ValidationError("This is no currency of ISO 4217; INR is one.", code="currency")


class Folded(Func):
    """Text as people type it: without accents, in small letters.

    An immutable expression, so that a generated column can hold it, and the same for what is
    looked for. (`lower` of the C locale knows ASCII only: letters lose their accents first.)
    """

    # Accents are what decomposing splits off. Letters without a decomposition are named; what
    # parts words becomes a space, and what is often left out (O'Hare, St. John's) goes.
    template = (
        "lower(translate(regexp_replace(normalize(%(expressions)s, NFKD),"
        " '[\u0300-\u036f]', '', 'g'),"
        " 'ØøŁłĐđĦħıÆæŒœ-/(.''\u2019', 'OoLlDdHhiAaOo   '))"
    )
    arity = 1
    output_field = models.TextField()


def _folded(name: str) -> GeneratedField:
    return GeneratedField(expression=Folded(name), output_field=models.TextField(), db_persist=True)


class City(models.Model):
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=100)
    folded_name = _folded("name")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "cities"
        constraints = [
            models.UniqueConstraint(
                fields=["name", "country"],
                name="flights_city_once",
                violation_error_message="This country has a city of this name already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.country}"


class AirportQuerySet(models.QuerySet["Airport"]):
    def found_by(self, text: str) -> "AirportQuerySet":
        """Airports whose code, city or name begins with `text`, or has a word that does.

        With `rank`, 0 for the best match: a code, a city, the beginning of a city or of a name, a
        word of either; and with `unserved`, where no flight leaves. Accents and case don't matter.
        """
        typed = Folded(Value(text.strip()))
        word = Concat(Value(" "), typed)
        ranks = [
            Q(code__iexact=text.strip()),
            Q(city__folded_name=typed),
            Q(city__folded_name__startswith=typed),
            Q(folded_name__startswith=typed),
            Q(code__istartswith=text.strip()),
            Q(city__folded_name__contains=word) | Q(folded_name__contains=word),
        ]
        whens = [When(match, then=Value(rank)) for rank, match in enumerate(ranks)]
        return self.annotate(
            rank=Case(*whens, default=None, output_field=models.IntegerField()),
            unserved=~Exists(Flight.objects.filter(departure_airport=OuterRef("pk"))),
        ).filter(rank__isnull=False)


class Airport(models.Model):
    code = models.CharField(max_length=3, primary_key=True, validators=[IATA_AIRPORT])
    name = models.CharField(max_length=200)
    city = models.ForeignKey(City, on_delete=models.PROTECT, related_name="airports")
    time_zone = models.CharField(
        max_length=64, validators=[validate_time_zone], help_text="IANA name, as in Asia/Kolkata"
    )
    latitude = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
        help_text="Degrees north, WGS 84",
    )
    longitude = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
        help_text="Degrees east, WGS 84",
    )
    folded_name = _folded("name")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AirportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(code__regex="^[A-Z]{3}$"), name="flights_airport_iata_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Airline(models.Model):
    """A name for the first two characters of flight numbers. Flights need none to exist."""

    code = models.CharField(max_length=2, primary_key=True, validators=[IATA_AIRLINE])
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Airplane(models.Model):
    model_number = models.CharField(max_length=50, unique=True)
    capacity = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=1000), name="flights_airplane_capacity"
            ),
        ]

    def __str__(self) -> str:
        return self.model_number


class FlightQuerySet(models.QuerySet["Flight"]):
    def with_details(self) -> "FlightQuerySet":
        """With all that a flight is shown with, in the same statement."""
        return self.select_related("airplane", "departure_airport__city", "arrival_airport__city")

    def with_shared_details(self) -> "FlightQuerySet":
        """The same for a page of flights: three statements more, each airport read once."""
        airports = Airport.objects.select_related("city")
        return self.prefetch_related(
            "airplane",
            Prefetch("departure_airport", airports),
            Prefetch("arrival_airport", airports),
        )

    def for_search(self) -> "FlightQuerySet":
        """Read where searches are served: from the replica, where there is one."""
        return self.using("replica" if "replica" in settings.DATABASES else "default")

    def bookable(self) -> "FlightQuerySet":
        """Flights that still take bookings, by the database's clock."""
        # Now() and not clock_timestamp(): an index can only begin at what stands still.
        return self.filter(
            status=Flight.Status.SCHEDULED, remaining_seats__gte=1, departure_time__gt=Now()
        )

    def departing_on(self, day: date, zone: str | None = None) -> "FlightQuerySet":
        """Flights that leave on `day` as calendars at the departure airport show it.

        `zone` is that airport's, where it is known: then an index leads right to the day.
        """
        if zone is not None:
            return self.departing_within(day, day + timedelta(days=1), zone)
        # Clocks are at most 14 hours ahead of UTC and 12 behind it: a range for the index. In it,
        # the day is asked for from both ends by different expressions: PostgreSQL takes an equation
        # for so rare a find that it sorts all three days, rather than read on to a page of them.
        begin = _midnight(day, "UTC")
        local = _departure_clock()
        return (
            self.filter(
                departure_time__gte=begin - timedelta(hours=14),
                departure_time__lt=begin + timedelta(hours=36),
            )
            .alias(
                local_day=Cast(local, models.DateField()),
                day_before=Cast(local - timedelta(days=1), models.DateField()),
            )
            .filter(local_day__gte=day, day_before__lt=day)
        )

    def departing_within(self, begin: date, end: date, zone: str) -> "FlightQuerySet":
        """Flights that leave from `begin` on and before `end`, days of the departure's `zone`."""
        return self.filter(
            departure_time__gte=_midnight(begin, zone), departure_time__lt=_midnight(end, zone)
        )

    def cheapest_by_day(self, zone: str) -> "FlightQuerySet":
        """The cheapest flight of each day as calendars in `zone` show it, with that `day`."""
        return (
            self.annotate(day=TruncDate("departure_time", tzinfo=ZoneInfo(zone)))
            .order_by("day", "price", "departure_time", "id")
            .distinct("day")
        )

    def departing_between(self, after: time | None, before: time | None) -> "FlightQuerySet":
        """Flights that leave in a window of the local day, both ends included."""
        if after is None and before is None:
            return self
        flights = self.alias(local_time=Cast(_departure_clock(), models.TimeField()))
        if after is not None:
            flights = flights.filter(local_time__gte=after)
        if before is not None:
            flights = flights.filter(local_time__lte=before)
        return flights

    def with_duration(self) -> "FlightQuerySet":
        return self.annotate(
            duration=ExpressionWrapper(
                F("arrival_time") - F("departure_time"), output_field=models.DurationField()
            )
        )


def _midnight(day: date, zone: str) -> datetime:
    """When `day` begins in `zone`: the first of two midnights, or the end of a skipped one."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _departure_clock() -> Func:
    """The departure as clocks at its airport show it, without an offset."""
    return Func(
        F("departure_airport__time_zone"),
        F("departure_time"),
        function="timezone",
        output_field=models.DateTimeField(),
    )


class Flight(models.Model):
    """A departure. Only `flights/holds.py` writes `remaining_seats`, under this row's lock."""

    class Status(models.TextChoices):
        SCHEDULED = "SCHEDULED"
        CANCELLED = "CANCELLED"

    flight_number = models.CharField(max_length=7, validators=[FLIGHT_NUMBER])
    airline = GeneratedField(
        expression=Substr("flight_number", 1, 2),
        output_field=models.CharField(max_length=2),
        db_persist=True,
    )
    airplane = models.ForeignKey(Airplane, on_delete=models.PROTECT, related_name="flights")
    # Their indexes stand below: Django's own for text keys come in twos.
    departure_airport = models.ForeignKey(
        Airport, on_delete=models.PROTECT, related_name="departures", db_index=False
    )
    arrival_airport = models.ForeignKey(
        Airport, on_delete=models.PROTECT, related_name="arrivals", db_index=False
    )
    departure_time = models.DateTimeField(validators=SANE_TIMES)
    arrival_time = models.DateTimeField(validators=SANE_TIMES)
    price = models.DecimalField(
        max_digits=12,
        decimal_places=3,
        validators=[MinValueValidator(Decimal("0.001"), "A seat costs something.")],
        help_text="Of one seat",
    )
    currency = models.CharField(
        max_length=3, default="INR", validators=[validate_currency], help_text="ISO 4217"
    )
    boarding_gate = models.CharField(max_length=10, blank=True)
    fare = models.CharField(
        max_length=20,
        default="STANDARD",
        db_default="STANDARD",
        validators=[RegexValidator(r"^[A-Z0-9_]+$", "Capitals, digits and _ make a fare.")],
        help_text="The conditions it is sold under: the rules for refunds name it",
    )
    total_seats = models.PositiveIntegerField()
    remaining_seats = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.SCHEDULED)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FlightQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining_seats__gte=0, remaining_seats__lte=F("total_seats")),
                name="flights_flight_seats_add_up",
                violation_error_message="More seats are held than the flight would have.",
            ),
            models.CheckConstraint(
                condition=~Q(departure_airport=F("arrival_airport")),
                name="flights_flight_goes_elsewhere",
                violation_error_message="Departure and arrival must be different airports.",
            ),
            models.CheckConstraint(
                condition=Q(arrival_time__gt=F("departure_time")),
                name="flights_flight_arrives_later",
                violation_error_message="A flight arrives after it departs.",
            ),
            models.CheckConstraint(condition=Q(price__gt=0), name="flights_flight_price"),
            models.CheckConstraint(
                condition=Q(status__in=["SCHEDULED", "CANCELLED"]), name="flights_flight_status"
            ),
            models.UniqueConstraint(
                fields=["flight_number", "departure_time"],
                name="flights_flight_once",
                violation_error_message="This flight number already departs at this time.",
            ),
        ]
        # One for each way to search, each ending in id as the pages do. None holds remaining_seats,
        # status or updated_at: so a hold's update stays on its page, and writes no index (HOT).
        indexes = [
            models.Index(fields=["departure_time", "id"], name="flights_flight_by_time"),
            models.Index(
                fields=["departure_airport", "arrival_airport", "departure_time", "id"],
                name="flights_flight_by_trip",
            ),
            models.Index(
                fields=["airline", "departure_time", "id"], name="flights_flight_by_airline"
            ),
            models.Index(fields=["price"], name="flights_flight_by_price"),
            models.Index(fields=["arrival_airport"], name="flights_flight_by_arrival"),
        ]

    def __str__(self) -> str:
        return f"{self.flight_number} {self.departure_airport_id}-{self.arrival_airport_id}"

    def clean(self) -> None:
        """What must fit together. Raises ValidationError with every fault, by field."""
        faults = {name: ValidationError(detail, code) for name, detail, code in self._faults()}
        if faults:
            raise ValidationError(faults)

    def _faults(self) -> Iterator[tuple[str, str, str]]:
        needed = (self.airplane_id, self.departure_time, self.arrival_time, self.price)
        if None in (*needed, self.total_seats):
            return  # then those fields are at fault already
        if self.departure_airport_id == self.arrival_airport_id:
            yield "arrival_airport", "A flight leads to another airport.", "same_airport"
        if self.arrival_time <= self.departure_time:
            yield "arrival_time", "A flight arrives after it departs.", "too_early"
        if not is_exact(self.price, self.currency):
            yield "price", f"{self.currency} has no coin that small.", "too_precise"
        if self.total_seats > self.airplane.capacity:
            yield (
                "total_seats",
                f"This airplane has {self.airplane.capacity} seats.",
                "above_capacity",
            )

    @property
    def duration_minutes(self) -> int:
        return (self.arrival_time - self.departure_time) // timedelta(minutes=1)

    @property
    def departure_local_time(self) -> datetime:
        return self.departure_time.astimezone(ZoneInfo(self.departure_airport.time_zone))

    @property
    def arrival_local_time(self) -> datetime:
        return self.arrival_time.astimezone(ZoneInfo(self.arrival_airport.time_zone))

    @property
    def shown_status(self) -> str:
        if self.status == self.Status.SCHEDULED and self.departure_time <= timezone.now():
            return ShownStatus.DEPARTED
        return self.status


class SeatHoldQuerySet(models.QuerySet["SeatHold"]):
    def live(self) -> "SeatHoldQuerySet":
        """Holds whose seats are taken."""
        return self.filter(status__in=(HoldStatus.HELD, HoldStatus.CONFIRMED))

    def expired(self) -> "SeatHoldQuerySet":
        """Holds that nobody confirmed in time. CONFIRMED ones never expire."""
        # Now() is when the statement began: an index can begin at it, and it is never too late.
        return self.filter(status=HoldStatus.HELD, expires_at__lte=Now())


class SeatHold(models.Model):
    """Seats taken from a flight. Written by `flights/holds.py` alone, under the Flight's lock."""

    reference = models.UUIDField(primary_key=True)
    flight = models.ForeignKey(Flight, on_delete=models.PROTECT, related_name="holds")
    no_of_seats = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=12, decimal_places=3, help_text="Of one seat, as held")
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=HoldStatus, default=HoldStatus.HELD)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SeatHoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(no_of_seats__gt=0), name="flights_seathold_holds_seats"
            ),
            models.CheckConstraint(
                condition=Q(status__in=HoldStatus.values), name="flights_seathold_status"
            ),
        ]
        indexes = [
            # The reaper's way to what is due, and nothing else.
            models.Index(
                "expires_at", name="flights_seathold_due", condition=Q(status=HoldStatus.HELD)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.no_of_seats} seats, {self.status}"
