from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings.models import Booking, PaymentAttempt
from bookings.states import AttemptStatus, BookingStatus, CancellationReason
from common.wire import (
    AmountField,
    FilterSerializer,
    IdField,
    ModelSerializer,
    Serializer,
    StrictIntegerField,
    UtcDateTimeField,
)


class CreateBookingSerializer(Serializer):
    flight_id = IdField()
    user_id = IdField(
        required=False, help_text="Who travels: yourself if left out. Staff may name anyone."
    )
    no_of_seats = StrictIntegerField(min_value=1, max_value=settings.MAX_SEATS_PER_BOOKING)
    expected_price = AmountField(
        required=False, help_text="Of a seat. When it is another by now, nothing is booked."
    )


class PaySerializer(Serializer):
    payment_method = serializers.CharField(
        max_length=64, help_text="A token from the payment provider, never a card number."
    )
    total_cost = AmountField(
        required=False, help_text="What you expect to pay. When it is another, nothing is paid."
    )


class BookingFilterSerializer(FilterSerializer):
    """What `GET bookings/` may be asked."""

    status = serializers.ChoiceField(choices=BookingStatus.choices, required=False)
    flight_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    updated_since = UtcDateTimeField(required=False)


@extend_schema_field({"type": ["string", "null"], "enum": [*CancellationReason.values, None]})
class ReasonField(serializers.Field):
    """null, while there is no reason."""

    def to_representation(self, value: str) -> str | None:
        return value or None


class PaymentSerializer(ModelSerializer):
    amount = AmountField()
    status = serializers.ChoiceField(choices=AttemptStatus.choices)
    created_at = UtcDateTimeField()

    class Meta:
        model = PaymentAttempt
        fields = ("id", "amount", "currency", "status", "created_at")
        read_only_fields = fields


class BookingSerializer(ModelSerializer):
    """A booking as its traveller sees it."""

    user_id = IdField()
    flight_id = IdField()
    total_cost = AmountField()
    cancellation_reason = ReasonField(read_only=True)
    payment_deadline = UtcDateTimeField()
    server_time = serializers.SerializerMethodField("now", help_text="To count down by.")
    flight = serializers.DictField(help_text="The flight as it was sold.")
    passengers = serializers.SerializerMethodField("no_passengers")
    payments = PaymentSerializer(many=True, source="attempts")
    available_actions = serializers.ListField(
        child=serializers.ChoiceField(choices=["pay", "cancel"])
    )
    created_at = UtcDateTimeField()
    updated_at = UtcDateTimeField()

    class Meta:
        model = Booking
        fields = (
            "id",
            "reference",
            "locator",
            "flight_id",
            "user_id",
            "no_of_seats",
            "total_cost",
            "currency",
            "status",
            "cancellation_reason",
            "payment_deadline",
            "server_time",
            "flight",
            "passengers",
            "payments",
            "available_actions",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(UtcDateTimeField)
    def now(self, booking: Booking) -> str:
        return UtcDateTimeField().to_representation(timezone.now())

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def no_passengers(self, booking: Booking) -> list[Any]:
        return []
