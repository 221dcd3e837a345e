"""A traveller's booking, the attempts to pay it, and what other services must still be told.

All of it is written by `services.py` and `outbox.py`, under the lock of the Booking row.
"""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import get_random_string

from bookings.states import AttemptStatus, BookingStatus, CancellationReason, OutboxKind
from common.database import ClockTimestamp

# No vowels, so that no words come about; nothing that is read or heard as another: 0/O, 1/I, B/8.
LOCATOR_ALPHABET = "CDFGHJKLMNPQRSTVWXYZ2345679"
LOCATOR_LENGTH = 6


def make_locator() -> str:
    return get_random_string(LOCATOR_LENGTH, LOCATOR_ALPHABET)


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, user: Any) -> "BookingQuerySet":
        """What `user` may see: travellers their own bookings, staff all, anyone else none."""
        if user.is_staff:
            return self
        return self.filter(user_id=user.pk) if user.pk else self.none()

    def overdue(self) -> "BookingQuerySet":
        """Unpaid past their deadline, and with nobody paying.

        Every condition is on the row itself: PostgreSQL re-checks it on the row it has locked,
        while a sub-query on attempts would be answered from before a wait.
        """
        return self.filter(
            status=BookingStatus.INITIATED,
            payment_deadline__lte=Now(),  # unlike clock_timestamp(), an index can begin at it
            paying_since__isnull=True,
        )


class Booking(models.Model):
    reference = models.UUIDField(unique=True, default=uuid4, editable=False)
    locator = models.CharField(max_length=LOCATOR_LENGTH, default=make_locator, editable=False)
    # Of the flights service, which may have its own database: an id, never a foreign key.
    flight_id = models.PositiveBigIntegerField(db_index=True)
    flight = models.JSONField(help_text="The flight as it was sold")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bookings"
    )
    no_of_seats = models.PositiveSmallIntegerField()
    total_cost = models.DecimalField(max_digits=15, decimal_places=3)
    currency = models.CharField(max_length=3, help_text="ISO 4217")
    status = models.CharField(max_length=10, choices=BookingStatus, default=BookingStatus.INITIATED)
    cancellation_reason = models.CharField(
        max_length=20, choices=CancellationReason, blank=True, default=""
    )
    payment_deadline = models.DateTimeField()
    # Set while an attempt is PROCESSING. On this row, and not to be worked out from attempts, so
    # that the sweep sees it on the row that it has locked.
    paying_since = models.DateTimeField(null=True, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["locator"], name="bookings_booking_locator_once"),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="bookings_booking_key_once",
            ),
            models.CheckConstraint(condition=Q(no_of_seats__gte=1), name="bookings_booking_seats"),
            models.CheckConstraint(
                condition=Q(status__in=BookingStatus.values), name="bookings_booking_status"
            ),
            models.CheckConstraint(
                condition=Q(
                    status=BookingStatus.CANCELLED,
                    cancellation_reason__in=CancellationReason.values,
                )
                | (~Q(status=BookingStatus.CANCELLED) & Q(cancellation_reason="")),
                name="bookings_booking_cancelled_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(paying_since__isnull=True) | Q(status=BookingStatus.INITIATED),
                name="bookings_booking_pays_while_initiated",
            ),
        ]
        indexes = [
            # The sweep's way to what is due, and nothing else.
            models.Index(
                "payment_deadline",
                name="bookings_booking_due",
                condition=Q(status=BookingStatus.INITIATED),
            ),
            models.Index(F("user_id"), F("id").desc(), name="bookings_booking_of_user"),
            # How many a user has unpaid: their limit asks at each booking.
            models.Index(
                "user", name="bookings_booking_unpaid", condition=Q(status=BookingStatus.INITIATED)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.locator} ({self.status})"

    @property
    def available_actions(self) -> list[str]:
        """What the API would let the traveller do now, by this process's clock."""
        if self.paying_since is not None or self.status == BookingStatus.CANCELLED:
            return []
        if self.status == BookingStatus.BOOKED:
            return ["cancel"]
        return ["pay", "cancel"] if self.payment_deadline > timezone.now() else ["cancel"]

    def is_repeat_of(
        self, *, flight_id: int, no_of_seats: int, expected_price: Decimal | None
    ) -> bool:
        """Whether a request under this booking's key asks for the same as the first one did."""
        return (
            self.flight_id == flight_id
            and self.no_of_seats == no_of_seats
            and expected_price in (None, self.total_cost / self.no_of_seats)
        )


class PaymentAttempt(models.Model):
    """One try to pay a booking. Its `provider_key` is the provider's Idempotency-Key for it."""

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="attempts")
    idempotency_key = models.CharField(max_length=255)
    provider_key = models.UUIDField(unique=True, default=uuid4, editable=False)
    provider_id = models.PositiveBigIntegerField(null=True, blank=True)
    payment_method = models.CharField(max_length=64)
    amount = models.DecimalField(max_digits=15, decimal_places=3)
    currency = models.CharField(max_length=3, help_text="ISO 4217")
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


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    def due(self) -> "OutboxQuerySet":
        """What a relay should try now, by the database's clock, longest waiting first."""
        return self.filter(dead_at__isnull=True, due_at__lte=Now()).order_by("due_at")


class OutboxMessage(models.Model):
    """What another service must still be told; the row goes when it has answered."""

    kind = models.CharField(max_length=10, choices=OutboxKind)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="outbox")
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, blank=True, related_name="outbox"
    )
    due_at = models.DateTimeField(db_default=ClockTimestamp())
    tries = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    # The dead letters: refused so often that somebody has to look, and have it tried again.
    dead_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=OutboxKind.RELEASE, attempt__isnull=True)
                | (~Q(kind=OutboxKind.RELEASE) & Q(attempt__isnull=False)),
                name="bookings_outbox_money_names_its_attempt",
            ),
            models.UniqueConstraint(
                fields=["attempt", "kind"],
                condition=Q(attempt__isnull=False),
                name="bookings_outbox_once",
            ),
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(kind=OutboxKind.RELEASE),
                name="bookings_outbox_release_once",
            ),
        ]
        indexes = [
            models.Index("due_at", name="bookings_outbox_due", condition=Q(dead_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of booking {self.booking_id}"


class AuditRun(models.Model):
    """What an audit found: kept, so that staff see when it last added up."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(auto_now_add=True)
    adds_up = models.BooleanField()
    counted = models.JSONField(help_text="Rows looked at, by kind")
    differences = models.JSONField(help_text="A sentence each")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} UTC: {'clean' if self.adds_up else 'differences'}"
