"""What must reach somebody else even if this process dies: another service, or the traveller."""

from uuid import uuid4

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from bookings.models.bookings import Booking
from bookings.models.money import PaymentAttempt, Refund
from bookings.states import MessageKind, OutboxKind
from common.database import ClockTimestamp

HOLD_KINDS = (OutboxKind.RELEASE, OutboxKind.SHRINK)


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    def due(self) -> "OutboxQuerySet":
        """What a relay should try now, by the database's clock, longest waiting first.

        Not what is to be refunded of an attempt whose capture is still under way.
        """
        capture = OutboxMessage.objects.filter(attempt=OuterRef("attempt"), kind=OutboxKind.CAPTURE)
        due = self.filter(dead_at__isnull=True, due_at__lte=Now()).order_by("due_at")
        return due.exclude(Q(kind=OutboxKind.GIVE_BACK) & Exists(capture))


class OutboxMessage(models.Model):
    """What another service must still be told; the row goes when it has answered."""

    kind = models.CharField(max_length=10, choices=OutboxKind)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="outbox")
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, blank=True, related_name="outbox"
    )
    refund = models.OneToOneField(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="outbox"
    )
    # The hold that RELEASE and SHRINK are about: by now the booking may have another one.
    flight_id = models.PositiveBigIntegerField(null=True, blank=True)
    hold_reference = models.UUIDField(null=True, blank=True)
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
                condition=Q(
                    kind__in=HOLD_KINDS,
                    attempt__isnull=True,
                    flight_id__isnull=False,
                    hold_reference__isnull=False,
                )
                | (~Q(kind__in=HOLD_KINDS) & Q(attempt__isnull=False)),
                name="bookings_outbox_names_its_attempt_or_hold",
            ),
            models.CheckConstraint(
                condition=Q(kind=OutboxKind.GIVE_BACK, refund__isnull=False)
                | (~Q(kind=OutboxKind.GIVE_BACK) & Q(refund__isnull=True)),
                name="bookings_outbox_give_back_names_its_refund",
            ),
            models.UniqueConstraint(
                fields=["attempt", "kind"],
                condition=Q(kind__in=(OutboxKind.CAPTURE, OutboxKind.VOID)),
                name="bookings_outbox_attempt_once",
            ),
            models.UniqueConstraint(
                fields=["hold_reference"],
                condition=Q(kind=OutboxKind.RELEASE),
                name="bookings_outbox_release_hold_once",
            ),
        ]
        indexes = [
            models.Index("due_at", name="bookings_outbox_due", condition=Q(dead_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of booking {self.booking_id}"


class Message(models.Model):
    """Mail to a traveller, written with the change of state that it tells of.

    Kept after it was sent, so that staff see what was told, and can send it again. A mail that a
    dying worker may have sent already is sent again, under the same Message-ID.
    """

    key = models.UUIDField(unique=True, default=uuid4, editable=False)  # makes the Message-ID
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="messages", db_index=False
    )  # what is unique below begins with it
    kind = models.CharField(max_length=9, choices=MessageKind)
    # What of the booking: the refund, the cancellation or the rebooking, by its id.
    about = models.PositiveBigIntegerField(default=0)
    due_at = models.DateTimeField(db_default=ClockTimestamp())
    tries = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)
    # Nobody to send it to, or overtaken by events, or refused too often.
    given_up_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["booking", "kind", "about"], name="bookings_message_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=MessageKind.values), name="bookings_message_kind"
            ),
        ]
        indexes = [
            models.Index(
                "due_at",
                name="bookings_message_due",
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of booking {self.booking_id}"
