from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings.models import Booking, Cancellation, Passenger, PaymentAttempt, Refund
from bookings.passengers import PassengerName
from bookings.services import Order
from bookings.states import (
    AttemptStatus,
    BookingStatus,
    CancellationReason,
    PassengerType,
    RefundStatus,
)
from common.wire import (
    AmountField,
    FilterSerializer,
    IdField,
    ModelSerializer,
    Serializer,
    StrictIntegerField,
    UtcDateTimeField,
)

# --- What is asked ------------------------------------------------------------------------------


class PassengerNameSerializer(Serializer):
    given_names = serializers.CharField(max_length=60, required=False, allow_blank=True)
    surname = serializers.CharField(max_length=60)
    type = serializers.ChoiceField(choices=PassengerType.choices, required=False)


class ContactSerializer(Serializer):
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    phone = serializers.CharField(max_length=20, required=False, allow_blank=True)


class CreateBookingSerializer(Serializer):
    flight_id = IdField()
    user_id = IdField(
        required=False, help_text="Who travels: yourself if left out. Staff may name anyone."
    )
    no_of_seats = StrictIntegerField(min_value=1, max_value=settings.MAX_SEATS_PER_BOOKING)
    expected_price = AmountField(
        required=False, help_text="Of a seat. When it is another by now, nothing is booked."
    )
    passengers = PassengerNameSerializer(many=True, required=False)
    contact = ContactSerializer(required=False)

    def order(self) -> Order:
        """What is asked to book, once it is valid."""
        asked = self.validated_data
        contact = asked.get("contact", {})
        return Order(
            flight_id=asked["flight_id"],
            no_of_seats=asked["no_of_seats"],
            expected_price=asked.get("expected_price"),
            passengers=tuple(PassengerName(**name) for name in asked.get("passengers", ())),
            contact_email=contact.get("email", ""),
            contact_phone=contact.get("phone", ""),
        )


class PaySerializer(Serializer):
    payment_method = serializers.CharField(
        max_length=64, help_text="A token from the payment provider, never a card number."
    )
    total_cost = AmountField(
        required=False, help_text="What you expect to pay. When it is another, nothing is paid."
    )


class SeatsSerializer(Serializer):
    """Which seats: all, so many, or those of some passengers."""

    no_of_seats = StrictIntegerField(
        required=False, min_value=1, max_value=1000, help_text="All, if left out."
    )
    passengers = serializers.ListField(
        child=IdField(), required=False, min_length=1, max_length=1000, help_text="Their ids."
    )


class CancelSerializer(SeatsSerializer):
    quote = serializers.CharField(
        required=False, max_length=64, help_text="The id of the quote whose terms you want."
    )


class QuoteFilterSerializer(FilterSerializer):
    """What `GET bookings/{id}/cancellation/` may be asked."""

    no_of_seats = serializers.IntegerField(required=False, min_value=1, max_value=1000)
    passengers = serializers.RegexField(
        r"^\d{1,18}(,\d{1,18})*$", required=False, max_length=1000, help_text="Ids, with commas."
    )

    def validate_passengers(self, ids: str) -> list[int]:
        return [int(number) for number in ids.split(",")]


class ExtendSerializer(Serializer):
    payment_deadline = UtcDateTimeField()


class RefundRequestSerializer(Serializer):
    amount = AmountField(help_text="In the booking's currency, and not below its minor unit.")
    reason = serializers.CharField(max_length=200)


class BookingFilterSerializer(FilterSerializer):
    """What `GET bookings/` may be asked."""

    status = serializers.ChoiceField(choices=BookingStatus.choices, required=False)
    flight_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    updated_since = UtcDateTimeField(required=False)


# --- What is answered ---------------------------------------------------------------------------


@extend_schema_field({"type": ["string", "null"], "enum": [*CancellationReason.values, None]})
class ReasonField(serializers.Field):
    """null, while there is no reason."""

    def to_representation(self, value: str) -> str | None:
        return value or None


class PassengerSerializer(ModelSerializer):
    class Meta:
        model = Passenger
        fields = ("id", "type", "given_names", "surname")
        read_only_fields = fields


class RefundSerializer(ModelSerializer):
    amount = AmountField()
    currency = serializers.CharField(help_text="ISO 4217")
    status = serializers.ChoiceField(choices=RefundStatus.choices)
    created_at = UtcDateTimeField()

    class Meta:
        model = Refund
        fields = ("id", "amount", "currency", "status", "reason", "created_at")
        read_only_fields = fields


class PaymentSerializer(ModelSerializer):
    amount = AmountField()
    amount_refunded = AmountField(help_text="Of all refunds, made and under way.")
    status = serializers.ChoiceField(choices=AttemptStatus.choices)
    refunds = RefundSerializer(many=True)
    created_at = UtcDateTimeField()

    class Meta:
        model = PaymentAttempt
        fields = ("id", "amount", "amount_refunded", "currency", "status", "refunds", "created_at")
        read_only_fields = fields


class RuleSerializer(Serializer):
    """The rule for refunds that was applied. Only its name is there where no band was."""

    name = serializers.CharField()
    fare = serializers.CharField(required=False, help_text="Empty: any fare.")
    hours_before = serializers.IntegerField(required=False)
    percent = serializers.CharField(required=False)
    fee = serializers.CharField(required=False, allow_null=True, help_text="Of each seat.")


class CancellationSerializer(ModelSerializer):
    """Seats that were cancelled; `refund` and `kept` together are what they had cost."""

    refund = AmountField()
    kept = AmountField()
    rule = RuleSerializer()
    created_at = UtcDateTimeField()

    class Meta:
        model = Cancellation
        fields = ("id", "no_of_seats", "refund", "kept", "currency", "rule", "created_at")
        read_only_fields = fields


class QuoteSerializer(Serializer):
    """What cancelling would do, as long as nothing else happens to the booking."""

    id = serializers.CharField(help_text="Send it as `quote` to get these terms or none.")
    booking_id = IdField(source="booking.pk")
    no_of_seats = serializers.IntegerField()
    passengers = serializers.ListField(child=IdField(), source="passenger_ids")
    refund = AmountField(source="terms.refund")
    kept = AmountField(source="terms.kept")
    currency = serializers.CharField(help_text="ISO 4217")
    rule = RuleSerializer(source="terms.rule")
    valid_until = UtcDateTimeField(source="terms.valid_until")
    server_time = serializers.SerializerMethodField("now", help_text="To count down by.")

    @extend_schema_field(UtcDateTimeField)
    def now(self, quote: Any) -> str:
        return UtcDateTimeField().to_representation(timezone.now())


class BookingSerializer(ModelSerializer):
    """A booking as its traveller sees it."""

    user_id = IdField()
    flight_id = IdField()
    no_of_seats = serializers.IntegerField(help_text="That are still booked.")
    total_cost = AmountField(help_text="Of those seats.")
    cancellation_reason = ReasonField(read_only=True)
    payment_deadline = UtcDateTimeField()
    server_time = serializers.SerializerMethodField("now", help_text="To count down by.")
    flight = serializers.DictField(help_text="The flight as it was sold.")
    contact = serializers.SerializerMethodField()
    passengers = serializers.SerializerMethodField("travelling")
    payments = PaymentSerializer(many=True, source="attempts")
    cancellations = CancellationSerializer(many=True)
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
            "contact",
            "passengers",
            "payments",
            "cancellations",
            "available_actions",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    @extend_schema_field(UtcDateTimeField)
    def now(self, booking: Booking) -> str:
        return UtcDateTimeField().to_representation(timezone.now())

    @extend_schema_field(ContactSerializer)
    def get_contact(self, booking: Booking) -> dict[str, str]:
        return {"email": booking.contact_email, "phone": booking.contact_phone}

    @extend_schema_field(PassengerSerializer(many=True))
    def travelling(self, booking: Booking) -> Any:
        """Those whose seats are not cancelled."""
        everybody = booking.passengers.all()  # they may be prefetched
        left = [one for one in everybody if one.cancellation_id is None]
        return PassengerSerializer(left, many=True).data
