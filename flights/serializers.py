from copy import copy
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from common.money import format_amount
from common.wire import (
    AmountField,
    FilterSerializer,
    IdField,
    LocalDateTimeField,
    ModelSerializer,
    Serializer,
    StrictIntegerField,
    UtcDateTimeField,
    to_wire_time,
)
from flights.models import SANE_TIMES, Airline, Airplane, Airport, City, Flight, SeatHold
from flights.states import HoldStatus, ShownStatus


class PermanentCodeMixin:
    """The code is the key: it is chosen once."""

    instance: Model | None

    def validate_code(self, code: str) -> str:
        if self.instance is not None and code != self.instance.pk:
            raise serializers.ValidationError("A code can't be changed.", code="permanent")
        return code


class CitySerializer(ModelSerializer):
    class Meta:
        model = City
        fields = ("id", "name", "country")
        validators = ()  # the database says it, once


class AirlineSerializer(PermanentCodeMixin, ModelSerializer):
    class Meta:
        model = Airline
        fields = ("code", "name")


class AirplaneSerializer(ModelSerializer):
    capacity = StrictIntegerField(min_value=1, max_value=1000, help_text="Seats")

    class Meta:
        model = Airplane
        fields = ("id", "model_number", "capacity")


class AirportSerializer(ModelSerializer):
    city = serializers.CharField(source="city.name", read_only=True)
    country = serializers.CharField(source="city.country", read_only=True)

    class Meta:
        model = Airport
        fields: tuple[str, ...] = ("code", "name", "city", "country", "time_zone")


class AirportDetailSerializer(PermanentCodeMixin, AirportSerializer):
    """An airport with what staff may write: its city by id, and its position."""

    city_id = serializers.PrimaryKeyRelatedField(
        queryset=City.objects.all(), pk_field=IdField(), source="city"
    )

    class Meta(AirportSerializer.Meta):
        fields = (*AirportSerializer.Meta.fields, "city_id", "latitude", "longitude")


class FlightSerializer(ModelSerializer):
    """A flight as travellers see it."""

    airplane = AirplaneSerializer()
    departure_airport = AirportSerializer()
    arrival_airport = AirportSerializer()
    departure_time = UtcDateTimeField()
    arrival_time = UtcDateTimeField()
    departure_local_time = LocalDateTimeField()
    arrival_local_time = LocalDateTimeField()
    duration_minutes = serializers.IntegerField()
    price = AmountField(help_text="Of one seat")
    status = serializers.ChoiceField(choices=ShownStatus.choices, source="shown_status")

    class Meta:
        model = Flight
        fields = (
            "id",
            "flight_number",
            "airline",
            "airplane",
            "departure_airport",
            "arrival_airport",
            "departure_time",
            "arrival_time",
            "departure_local_time",
            "arrival_local_time",
            "duration_minutes",
            "price",
            "currency",
            "boarding_gate",
            "fare",
            "total_seats",
            "remaining_seats",
            "status",
        )
        read_only_fields = fields

    def to_representation(self, flight: Flight) -> dict[str, Any]:
        """Spelled out, as the fields above would do it: they take ten times as long, and a page
        has up to 200 flights.
        """
        return {
            "id": flight.pk,
            "flightNumber": flight.flight_number,
            "airline": flight.airline,
            "airplane": {
                "id": flight.airplane.pk,
                "modelNumber": flight.airplane.model_number,
                "capacity": flight.airplane.capacity,
            },
            "departureAirport": _airport(flight.departure_airport),
            "arrivalAirport": _airport(flight.arrival_airport),
            "departureTime": to_wire_time(flight.departure_time),
            "arrivalTime": to_wire_time(flight.arrival_time),
            "departureLocalTime": flight.departure_local_time.isoformat(),
            "arrivalLocalTime": flight.arrival_local_time.isoformat(),
            "durationMinutes": flight.duration_minutes,
            "price": format_amount(flight.price, flight.currency),
            "currency": flight.currency,
            "boardingGate": flight.boarding_gate,
            "fare": flight.fare,
            "totalSeats": flight.total_seats,
            "remainingSeats": flight.remaining_seats,
            "status": flight.shown_status,
        }


def _airport(airport: Airport) -> dict[str, str]:
    return {
        "code": airport.code,
        "name": airport.name,
        "city": airport.city.name,
        "country": airport.city.country,
        "timeZone": airport.time_zone,
    }


class DayPriceSerializer(Serializer):
    """The cheapest flight of a day that still takes bookings."""

    date = serializers.DateField(source="day", help_text="At the departure airport")
    flight_id = IdField(source="id")
    price = AmountField(help_text="Of one seat")
    currency = serializers.CharField(help_text="ISO 4217")


class CalendarSerializer(Serializer):
    results = DayPriceSerializer(many=True)


class FlightWriteSerializer(ModelSerializer):
    """A flight as staff write it. What is sold of it is not theirs to write."""

    airplane_id = serializers.PrimaryKeyRelatedField(
        queryset=Airplane.objects.all(), pk_field=IdField(), source="airplane"
    )
    departure_airport_id = serializers.PrimaryKeyRelatedField(
        queryset=Airport.objects.all(), source="departure_airport"
    )
    arrival_airport_id = serializers.PrimaryKeyRelatedField(
        queryset=Airport.objects.all(), source="arrival_airport"
    )
    departure_time = UtcDateTimeField(validators=SANE_TIMES)
    arrival_time = UtcDateTimeField(validators=SANE_TIMES)
    price = AmountField(max_digits=12, min_value=Decimal("0.001"), help_text="Of one seat")
    total_seats = StrictIntegerField(
        required=False, min_value=1, max_value=1000, help_text="The airplane's capacity, or less"
    )

    class Meta:
        model = Flight
        fields = (
            "flight_number",
            "airplane_id",
            "departure_airport_id",
            "arrival_airport_id",
            "departure_time",
            "arrival_time",
            "price",
            "currency",
            "boarding_gate",
            "fare",
            "total_seats",
        )
        validators = ()  # the database says it, once

    def validate(self, changes: dict[str, Any]) -> dict[str, Any]:
        """The flight as it would be must make sense, with what stands and is not changed."""
        if self.instance is None:
            changes.setdefault("currency", settings.DEFAULT_CURRENCY)
            changes.setdefault("total_seats", changes["airplane"].capacity)
        flight = copy(self.instance) if self.instance else Flight()
        for name, value in changes.items():
            setattr(flight, name, value)
        try:
            flight.clean()
        except DjangoValidationError as error:
            wire = {field.source: name for name, field in self.fields.items()}
            raise serializers.ValidationError(
                {
                    wire[name]: [ErrorDetail(str(fault.message), fault.code) for fault in faults]
                    for name, faults in error.error_dict.items()
                }
            ) from error
        return changes


class HoldRequestSerializer(Serializer):
    no_of_seats = StrictIntegerField(min_value=1, max_value=1000)
    expires_at = UtcDateTimeField()


class ShrinkHoldSerializer(Serializer):
    no_of_seats = StrictIntegerField(min_value=1, max_value=1000)


class ExtendHoldSerializer(Serializer):
    expires_at = UtcDateTimeField()


class HoldSerializer(ModelSerializer):
    price = AmountField(help_text="Of one seat, as held")
    expires_at = UtcDateTimeField()
    created_at = UtcDateTimeField()
    flight_id = IdField()

    class Meta:
        model = SeatHold
        fields: tuple[str, ...] = (
            "reference",
            "flight_id",
            "no_of_seats",
            "price",
            "currency",
            "status",
            "expires_at",
            "created_at",
        )
        read_only_fields = fields


class HeldSeatsSerializer(HoldSerializer):
    """A hold with its flight as sold: what the bookings service keeps a snapshot of."""

    flight = FlightSerializer()

    class Meta(HoldSerializer.Meta):
        fields = (*HoldSerializer.Meta.fields, "flight")


class HoldReferenceSerializer(Serializer):
    flight_id = IdField()
    reference = serializers.UUIDField()


class ReleaseRequestSerializer(Serializer):
    holds = serializers.ListField(
        child=HoldReferenceSerializer(), allow_empty=False, max_length=1000
    )


class ReleasedSerializer(Serializer):
    released = serializers.IntegerField(help_text="How many of them were live.")


class HoldFilterSerializer(FilterSerializer):
    """What `GET holds/` may be asked."""

    status = serializers.ChoiceField(choices=HoldStatus.choices, required=False)
    flight_id = serializers.IntegerField(min_value=1, required=False)
    reference = serializers.UUIDField(required=False)
