from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from common.idempotency import MAX_LENGTH, WELL_FORMED
from common.money import CURRENCIES, is_exact
from common.wire import (
    AmountField,
    FilterSerializer,
    ModelSerializer,
    Serializer,
    UtcDateTimeField,
)
from payments.methods import METHODS
from payments.models import Payment, Refund
from payments.states import PaymentStatus


def check_amount(amount: Decimal, currency: str) -> None:
    """Raise ValidationError unless `amount` is above zero and exact in `currency`."""
    if amount <= 0:
        raise serializers.ValidationError("An amount is above zero.", code="min_value")
    if not is_exact(amount, currency):
        raise serializers.ValidationError("The currency has no such fractions.", code="not_exact")


@extend_schema_serializer(component_name="ProviderPayment")  # bookings shows payments, too
class PaymentSerializer(ModelSerializer):
    """What was asked is null for a key that was voided before it was ever seen."""

    amount = AmountField(read_only=True, allow_null=True)
    amount_refunded = AmountField(read_only=True, help_text="The sum of all refunds.")
    created_at = UtcDateTimeField(read_only=True)
    updated_at = UtcDateTimeField(read_only=True)

    class Meta:
        model = Payment
        fields = (
            "id",
            "status",
            "amount",
            "currency",
            "reference",
            "payment_method",
            "idempotency_key",
            "decline_code",
            "amount_refunded",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class AuthoriseSerializer(Serializer):
    """What a payment is for, and whose card it comes from."""

    reference = serializers.UUIDField(help_text="The booking's.")
    amount = AmountField()
    currency = serializers.CharField(help_text="ISO 4217, as in INR.")
    payment_method = serializers.ChoiceField(choices=list(METHODS))

    def validate_currency(self, currency: str) -> str:
        if currency not in CURRENCIES:
            raise serializers.ValidationError("This is no currency of ISO 4217.", code="unknown")
        return currency

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            check_amount(attrs["amount"], attrs["currency"])
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"amount": error.detail}) from error
        return attrs


class VoidSerializer(Serializer):
    """Which payment, for a caller that may not know its id."""

    idempotency_key = serializers.RegexField(
        WELL_FORMED,
        trim_whitespace=False,
        help_text="The one that the payment was, or would have been, authorised with.",
    )


@extend_schema_serializer(component_name="ProviderRefund")
class RefundSerializer(ModelSerializer):
    """Money that was given back."""

    payment_id = serializers.IntegerField(read_only=True)
    amount = AmountField(read_only=True)
    currency = serializers.CharField(read_only=True)
    created_at = UtcDateTimeField(read_only=True)

    class Meta:
        model = Refund
        fields = ("id", "payment_id", "amount", "currency", "created_at")
        read_only_fields = fields


@extend_schema_serializer(component_name="ProviderRefund")
class RefundRequestSerializer(Serializer):
    """How much to give back, in the payment's currency."""

    amount = AmountField()

    def validate_amount(self, amount: Decimal) -> Decimal:
        check_amount(amount, self.context["currency"])  # the view knows the payment
        return amount


class PaymentFilterSerializer(FilterSerializer):
    """What a list may be asked for."""

    sort = serializers.ChoiceField(
        required=False,
        choices=["id", "reference"],
        help_text="By `reference`, keys that were voided unseen are left out: they have none.",
    )

    reference = serializers.UUIDField(required=False)
    idempotency_key = serializers.CharField(required=False, max_length=MAX_LENGTH)
    status = serializers.ChoiceField(required=False, choices=PaymentStatus.choices)
