"""A traveller's booking and who flies on it."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import get_random_string, salted_hmac

from bookings.states import BookingStatus, CancellationReason, PassengerType

# No vowels, so that no words come about; nothing that is read or heard as another: 0/O, 1/I, B/8.
LOCATOR_ALPHABET = "CDFGHJKLMNPQRSTVWXYZ2345679"
LOCATOR_LENGTH = 6


def make_locator() -> str:
    return get_random_string(LOCATOR_LENGTH, LOCATOR_ALPHABET)


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, user: Any) -> "BookingQuerySet":
        """What `user` may see: their own bookings; all, with that permission; anyone else none."""
        if user.is_staff and user.has_perm("bookings.view_booking"):
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
    # Of the hold at the flights service: the booking's reference, until it is rebooked.
    hold_reference = models.UUIDField(unique=True, default=uuid4, editable=False)
    locator = models.CharField(max_length=LOCATOR_LENGTH, default=make_locator, editable=False)
    # Of the flights service, which may have its own database: an id, never a foreign key.
    flight_id = models.PositiveBigIntegerField(db_index=True)
    flight = models.JSONField(help_text="The flight as it was sold")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bookings", db_index=False
    )  # an index below begins with it
    # Both of the seats that are still booked: less, once some of them were cancelled.
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
    # A moved flight lets its travellers go: cancelling then costs nothing, whatever the rules say.
    free_to_cancel = models.BooleanField(default=False)
    contact_email = models.EmailField(blank=True, default="")
    contact_phone = models.CharField(max_length=20, blank=True, default="", help_text="E.164")
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    # What was asked under that key, hashed: seats may be cancelled and flights be changed later.
    fingerprint = models.CharField(max_length=64, blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BookingQuerySet.as_manager()

    class Meta:
        permissions = [
            ("book_for_others", "Can book for a traveller"),
            ("cancel_any_booking", "Can cancel a traveller's booking"),
            ("extend_booking", "Can extend the time to pay"),
            ("refund_booking", "Can refund money of a booking"),
            ("handle_disruption", "Can rebook or refund the bookings of a disrupted flight"),
        ]
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
    def departure_time(self) -> datetime:
        """When the flight leaves (UTC), as it was sold or as the traveller was told since."""
        return datetime.fromisoformat(self.flight["departureTime"])

    @property
    def seat_price(self) -> Decimal:
        """Of one seat, in the booking's currency."""
        return self.total_cost / self.no_of_seats

    @property
    def available_actions(self) -> list[str]:
        """What the API would let the traveller do now, by this process's clock."""
        if self.paying_since is not None or self.status == BookingStatus.CANCELLED:
            return []
        if self.status == BookingStatus.BOOKED:
            return ["cancel"] if self.departure_time > timezone.now() else []
        return ["pay", "cancel"] if self.payment_deadline > timezone.now() else ["cancel"]

    def is_repeat_of(self, *, fingerprint: str, expected_price: Decimal | None) -> bool:
        """Whether a request under this booking's key asks for the same as the first one did."""
        # Bookings from before there were fingerprints have none.
        same = self.fingerprint in ("", fingerprint)
        return same and expected_price in (None, self.seat_price)


def fingerprint_of(request: dict[str, Any]) -> str:
    """The keyed hash of a request to book, by which its repetition is known, and no name guessed.

    Under another SECRET_KEY a repetition is not known for one any more, and refused.
    """
    text = json.dumps(request, sort_keys=True, default=str)
    return salted_hmac("bookings.fingerprint", text, algorithm="sha256").hexdigest()


class Passenger(models.Model):
    """Who flies, with the name as it stands on the travel document.

    An infant sits on an adult's lap, and has no seat.
    """

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="passengers")
    type = models.CharField(max_length=6, choices=PassengerType, default=PassengerType.ADULT)
    given_names = models.CharField(max_length=60, blank=True, default="")
    surname = models.CharField(max_length=60)
    # The name the ticket was sold to: corrections are measured against it.
    sold_given_names = models.CharField(max_length=60, blank=True, default="", editable=False)
    sold_surname = models.CharField(max_length=60, editable=False)
    # Set when this passenger's seat was cancelled.
    cancellation = models.ForeignKey(
        "Cancellation",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="passengers",
    )

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.CheckConstraint(
                condition=Q(type__in=PassengerType.values), name="bookings_passenger_type"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_type_display()} of booking {self.booking_id}"  # logs know no names
