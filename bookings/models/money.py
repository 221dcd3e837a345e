"""Money for a booking: the attempts to pay it, and what is given back of it, by which rule."""

from decimal import Decimal
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from bookings.models.bookings import Booking
from bookings.states import AttemptStatus, RefundStatus


class PaymentAttempt(models.Model):
    """One try to pay a booking. Its `provider_key` is the provider's Idempotency-Key for it."""

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="attempts")
    idempotency_key = models.CharField(max_length=255)
    provider_key = models.UUIDField(unique=True, default=uuid4, editable=False)
    provider_id = models.PositiveBigIntegerField(null=True, blank=True)
    payment_method = models.CharField(max_length=64)
    amount = models.DecimalField(max_digits=15, decimal_places=3)
    currency = models.CharField(max_length=3, help_text="ISO 4217")
    # Of all its refunds, made and under way.
    amount_refunded = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    status = models.CharField(
        max_length=10, choices=AttemptStatus, default=AttemptStatus.PROCESSING
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "idempotency_key"], name="bookings_attempt_key_once"
            ),
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(
                    status__in=(
                        AttemptStatus.PROCESSING,
                        AttemptStatus.AUTHORIZED,
                        AttemptStatus.CAPTURED,
                    )
                ),
                name="bookings_attempt_one_live",
            ),
            models.CheckConstraint(
                condition=Q(status__in=AttemptStatus.values), name="bookings_attempt_status"
            ),
            models.CheckConstraint(
                condition=Q(amount_refunded__gte=0, amount_refunded__lte=F("amount")),
                name="bookings_attempt_refunds_no_more_than_paid",
            ),
        ]
        indexes = [
            # The reconciler's way to attempts that nobody finished.
            models.Index(
                "created_at",
                name="bookings_attempt_unfinished",
                condition=Q(status=AttemptStatus.PROCESSING),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} ({self.status})"


class RefundRule(models.Model):
    """How much a traveller gets back who cancels at least `hours_before` before departure.

    Rules of one fare and currency belong together: of those, the one with the most hours that are
    still left applies, and when none is left nothing comes back. `bookings/refunds.py` chooses.
    """

    fare = models.CharField(
        max_length=20, blank=True, default="", help_text="As on the flight; empty: any fare"
    )
    currency = models.CharField(
        max_length=3, blank=True, default="", help_text="ISO 4217; empty: any, then without a fee"
    )
    hours_before = models.PositiveIntegerField(help_text="Hours before departure, or more")
    percent = models.DecimalField(
        max_digits=5, decimal_places=2, help_text="Of the price of a cancelled seat"
    )
    fee = models.DecimalField(
        max_digits=12,
        decimal_places=3,
        default=Decimal(0),
        help_text="Kept of what the percent gives, for each seat",
    )

    class Meta:
        ordering = ("fare", "currency", "-hours_before")
        constraints = [
            models.UniqueConstraint(
                fields=["fare", "currency", "hours_before"],
                name="bookings_refundrule_once",
                violation_error_message="There is a rule for these hours already.",
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=0, percent__lte=100),
                name="bookings_refundrule_percent",
                violation_error_message="The percent goes from 0 to 100.",
            ),
            models.CheckConstraint(
                condition=Q(fee=0) | (Q(fee__gt=0) & ~Q(currency="")),
                name="bookings_refundrule_fee_in_a_currency",
                violation_error_message="A fee is an amount of 0 or more, and needs a currency.",
            ),
        ]

    def __str__(self) -> str:
        fee = f", less {self.fee.normalize():f} {self.currency} a seat" if self.fee else ""
        return f"{self.hours_before} hours before departure: {self.percent.normalize():f} %{fee}"


class Cancellation(models.Model):
    """Seats of a booking that were cancelled, by which rule, and what that did with the money."""

    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="cancellations", db_index=False
    )  # what is unique below begins with it
    no_of_seats = models.PositiveSmallIntegerField()
    quote = models.CharField(max_length=64, help_text="The terms that were carried out")
    rule = models.JSONField(help_text="The rule as it was then")
    # In the booking's currency; both together are what the cancelled seats had cost.
    refund = models.DecimalField(max_digits=15, decimal_places=3)
    kept = models.DecimalField(max_digits=15, decimal_places=3)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "quote"], name="bookings_cancellation_of_a_quote_once"
            ),
            models.CheckConstraint(
                condition=Q(no_of_seats__gte=1, refund__gte=0, kept__gte=0),
                name="bookings_cancellation_amounts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.no_of_seats} seats of booking {self.booking_id}"

    @property
    def currency(self) -> str:
        return self.booking.currency


class Refund(models.Model):
    """Money of an attempt that is given back, once, under its own key at the provider."""

    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="refunds")
    # None: given by staff, for a reason that they say.
    cancellation = models.OneToOneField(
        Cancellation, on_delete=models.PROTECT, null=True, blank=True, related_name="refunded"
    )
    amount = models.DecimalField(max_digits=15, decimal_places=3)
    reason = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(max_length=8, choices=RefundStatus, default=RefundStatus.PENDING)
    provider_key = models.CharField(max_length=64, unique=True, default=uuid4, editable=False)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["attempt", "idempotency_key"], name="bookings_refund_key_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bookings_refund_amount"),
            models.CheckConstraint(
                condition=Q(status__in=RefundStatus.values), name="bookings_refund_status"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of attempt {self.attempt_id} ({self.status})"

    @property
    def currency(self) -> str:
        return self.attempt.currency
