from uuid import uuid4

from django.db import models
from django.db.models import Q

from bookings.models.bookings import Booking
from bookings.states import RebookingStatus


class Rebooking(models.Model):
    """One try to move a BOOKED booking to another flight, whose hold has its own reference.

    Written before that hold is asked for, so that whatever a crash leaves behind can be found.
    """

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="rebookings")
    from_flight_id = models.PositiveBigIntegerField(db_index=True)
    to_flight_id = models.PositiveBigIntegerField()
    hold_reference = models.UUIDField(unique=True, default=uuid4, editable=False)
    status = models.CharField(
        max_length=10, choices=RebookingStatus, default=RebookingStatus.PROCESSING
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=Q(status=RebookingStatus.PROCESSING),
                name="bookings_rebooking_one_live",
            ),
            models.CheckConstraint(
                condition=Q(status__in=RebookingStatus.values), name="bookings_rebooking_status"
            ),
        ]
        indexes = [
            # The reconciler's way to rebookings that nobody finished.
            models.Index(
                "created_at",
                name="bookings_rebooking_unfinished",
                condition=Q(status=RebookingStatus.PROCESSING),
            ),
        ]

    def __str__(self) -> str:
        return f"booking {self.booking_id} to flight {self.to_flight_id} ({self.status})"
