"""Payments and their refunds. Written by `payments/services.py` alone."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q

from payments.errors import PaymentNotFound
from payments.states import PAYMENT_MOVES, DeclineCode, PaymentStatus

NEVER_SEEN = Q(
    status=PaymentStatus.CANCELED,
    reference__isnull=True,
    amount__isnull=True,
    currency__isnull=True,
    payment_method__isnull=True,
)
REQUESTED = Q(
    reference__isnull=False,
    amount__isnull=False,
    currency__isnull=False,
    payment_method__isnull=False,
)


class PaymentQuerySet(models.QuerySet["Payment"]):
    def one(self, **lookup: Any) -> "Payment":
        """The one payment that `lookup` names; raises PaymentNotFound."""
        try:
            return self.get(**lookup)
        except self.model.DoesNotExist as error:
            raise PaymentNotFound from error


class Payment(models.Model):
    """Money on its way from a card, and the memory of its key: one row a key, for ever.

    A key that was voided before it was ever seen has only its status: what was asked is null.
    """

    idempotency_key = models.CharField(max_length=255)
    reference = models.UUIDField(null=True, blank=True, help_text="The booking's")
    amount = models.DecimalField(max_digits=15, decimal_places=3, null=True, blank=True)
    currency = models.CharField(  # noqa: DJ001 - null is "never asked", as for the amount
        max_length=3, null=True, blank=True, help_text="ISO 4217"
    )
    payment_method = models.CharField(max_length=50, null=True, blank=True)  # noqa: DJ001
    status = models.CharField(max_length=16, choices=PaymentStatus)
    decline_code = models.CharField(  # noqa: DJ001
        max_length=20, choices=DeclineCode, null=True, blank=True
    )
    amount_refunded = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="payments_payment_key_once"),
            models.CheckConstraint(
                condition=Q(status__in=PaymentStatus.values), name="payments_payment_status"
            ),
            models.CheckConstraint(
                condition=NEVER_SEEN | REQUESTED, name="payments_payment_null_if_never_seen"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_payment_amount"),
            models.CheckConstraint(
                condition=Q(status=PaymentStatus.FAILED, decline_code__isnull=False)
                | (~Q(status=PaymentStatus.FAILED) & Q(decline_code__isnull=True)),
                name="payments_payment_declined_with_code",
            ),
            models.CheckConstraint(
                condition=Q(amount_refunded=0)
                | Q(
                    status=PaymentStatus.SUCCEEDED,
                    amount_refunded__gt=0,
                    amount_refunded__lte=F("amount"),
                ),
                name="payments_payment_refunds_add_up",
            ),
        ]
        indexes = [
            models.Index(fields=["reference", "id"], name="payments_payment_reference"),
            models.Index(fields=["status", "id"], name="payments_payment_status_list"),
        ]

    def __str__(self) -> str:
        return f"Payment {self.pk}, {self.status}"

    @property
    def refundable(self) -> Decimal:
        """What is left to refund, in `currency`."""
        if self.status != PaymentStatus.SUCCEEDED or self.amount is None:
            return Decimal(0)
        return self.amount - self.amount_refunded

    def may_become(self, status: PaymentStatus) -> bool:
        return status in PAYMENT_MOVES[PaymentStatus(self.status)]


class Refund(models.Model):
    """Money given back. The sum of a payment's refunds stands in its `amount_refunded`."""

    idempotency_key = models.CharField(max_length=255)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = models.DecimalField(max_digits=15, decimal_places=3)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="payments_refund_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payments_refund_amount"),
        ]

    def __str__(self) -> str:
        return f"Refund {self.pk}"

    @property
    def currency(self) -> str | None:
        return self.payment.currency
