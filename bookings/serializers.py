import re
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from bookings import names
from bookings.models import Booking, Cancellation, Passenger, PaymentAttempt, Refund
from bookings.passengers import Contact, PassengerName
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


class NameField(serializers.CharField):
    """A name as on the travel document (ICAO Doc 9303), in NFC."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=names.LONGEST, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return names.tidy(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="no_name") from error


class PhoneField(serializers.RegexField):
    """A number as in E.164; what people write between its digits is left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^\+[1-9][0-9]{6,14}$", **kwargs)
        self.error_messages["invalid"] = "Give the number with + and country: +912212345678."

    def to_internal_value(self, data: Any) -> str:
        return re.sub(r"[ ().-]", "", super().to_internal_value(data))


class PassengerNameSerializer(Serializer):
    given_names = NameField(required=False, allow_blank=True, help_text="Some people have none.")
    surname = NameField()
    type = serializers.ChoiceField(choices=PassengerType.choices, required=False)


class PassengerList(serializers.ListSerializer):
    def __init__(self, **kwargs: Any) -> None:
        most = 2 * settings.MAX_SEATS_PER_BOOKING  # each with an infant
        super().__init__(child=PassengerNameSerializer(), max_length=most, **kwargs)


class ContactSerializer(Serializer):
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    phone = PhoneField(required=False, allow_blank=True, help_text="E.164")


class PassengersSerializer(Serializer):
    passengers = PassengerList(allow_empty=False)
    contact = ContactSerializer(required=False, help_text="As it is, if left out.")

    def wanted(self) -> dict[str, Any]:
        """Who is to fly and how they are reached, once it is valid."""
        asked = self.validated_data
        return {
            "given": [PassengerName(**name) for name in asked["passengers"]],
            "contact": Contact(**asked["contact"]) if "contact" in asked else None,
        }


class CorrectNameSerializer(Serializer):
    given_names = NameField(required=False, allow_blank=True)
    surname = NameField(required=False)


class LookupSerializer(Serializer):
    locator = serializers.CharField(max_length=20)
    surname = serializers.CharField(max_length=4 * names.LONGEST)


class CreateBookingSerializer(Serializer):
    flight_id = IdField()
    user_id = IdField(
        required=False, help_text="Who travels: yourself if left out. Staff may name anyone."
    )
    no_of_seats = StrictIntegerField(min_value=1, max_value=settings.MAX_SEATS_PER_BOOKING)
    expected_price = AmountField(
        required=False, help_text="Of a seat. When it is another by now, nothing is booked."
    )
    passengers = PassengerList(required=False)
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


class ShownContactSerializer(Serializer):
    email = serializers.CharField()
    phone = serializers.CharField()


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


class ActorSerializer(Serializer):
    kind = serializers.ChoiceField(
        choices=["traveller", "support", "system", "database"],
        help_text="`system`: a clock or a command; `database`: written there past the program.",
    )
    name = serializers.CharField(required=False, help_text="For staff alone.")


class HappeningSerializer(Serializer):
    """Something that happened to a booking."""

    at = UtcDateTimeField()
    what = serializers.CharField(help_text="In words, as `2 seats held`.")
    by = ActorSerializer()
    changes = serializers.DictField(
        child=serializers.DictField(), help_text="By name: `from` (null if new) and `to`."
    )
    request_id = serializers.CharField(allow_null=True)


class BookingSerializer(ModelSerializer):
    """A booking as its traveller sees it; or a guest, if the context has `guest`."""

    user_id = IdField()
    flight_id = IdField()
    no_of_seats = serializers.IntegerField(help_text="That are still booked.")
    total_cost = AmountField(help_text="Of those seats.")
    cancellation_reason = ReasonField(read_only=True)
    payment_deadline = UtcDateTimeField()
    server_time = serializers.SerializerMethodField("now", help_text="To count down by.")
    flight = serializers.DictField(help_text="The flight as it was sold.")
    contact = serializers.SerializerMethodField(help_text="A guest sees it by half only.")
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

    @extend_schema_field(ShownContactSerializer)
    def get_contact(self, booking: Booking) -> dict[str, str]:
        email, phone = booking.contact_email, booking.contact_phone
        if self.context.get("guest"):
            email, phone = masked_email(email), masked_phone(phone)
        return {"email": email, "phone": phone}

    @extend_schema_field(PassengerSerializer(many=True))
    def travelling(self, booking: Booking) -> Any:
        """Those whose seats are not cancelled."""
        everybody = booking.passengers.all()  # they may be prefetched
        left = [one for one in everybody if one.cancellation_id is None]
        return PassengerSerializer(left, many=True).data

    def to_representation(self, booking: Booking) -> dict[str, Any]:
        shown = super().to_representation(booking)
        if self.context.get("guest"):
            shown["availableActions"] = []
        return shown


class FoundSerializer(Serializer):
    """A booking that was looked up, and the token to read it again."""

    token = serializers.CharField(help_text="Send it as `Authorization: Booking <token>`.")
    expiry = UtcDateTimeField()
    booking = BookingSerializer()


def masked_email(email: str) -> str:
    """`a***@example.com`: enough to know one's own."""
    name, at, host = email.rpartition("@")
    return f"{name[:1]}***{at}{host}" if email else ""


def masked_phone(phone: str) -> str:
    return f"***{phone[-2:]}" if phone else ""
