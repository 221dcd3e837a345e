"""The states of bookings and payment attempts, and the one table of allowed moves of each."""

from django.db.models import TextChoices


class BookingStatus(TextChoices):
    INITIATED = "INITIATED"
    BOOKED = "BOOKED"
    CANCELLED = "CANCELLED"


class CancellationReason(TextChoices):
    TIMEDOUT = "TIMEDOUT", "payment window over"
    USER = "USER", "cancelled by the traveller"
    PAYMENT_FAILED = "PAYMENT_FAILED", "capture refused for good"
    SEATS_LOST = "SEATS_LOST", "the hold was gone"
    FLIGHT_CANCELLED = "FLIGHT_CANCELLED", "the flight was cancelled"


class AttemptStatus(TextChoices):
    PROCESSING = "PROCESSING"
    DECLINED = "DECLINED"
    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


class OutboxKind(TextChoices):
    RELEASE = "RELEASE", "release the seats of a cancelled booking"
    CAPTURE = "CAPTURE", "capture the money of a booked booking"
    VOID = "VOID", "void an attempt that was taken back"
    GIVE_BACK = "GIVE_BACK", "void, or refund where it was captured"


BOOKING_MOVES: dict[BookingStatus, frozenset[BookingStatus]] = {
    BookingStatus.INITIATED: frozenset({BookingStatus.BOOKED, BookingStatus.CANCELLED}),
    BookingStatus.BOOKED: frozenset({BookingStatus.CANCELLED}),
    BookingStatus.CANCELLED: frozenset(),
}

ATTEMPT_MOVES: dict[AttemptStatus, frozenset[AttemptStatus]] = {
    AttemptStatus.PROCESSING: frozenset(
        {AttemptStatus.AUTHORIZED, AttemptStatus.DECLINED, AttemptStatus.VOIDED}
    ),
    AttemptStatus.AUTHORIZED: frozenset(
        {AttemptStatus.CAPTURED, AttemptStatus.VOIDED, AttemptStatus.REFUNDED}
    ),
    AttemptStatus.CAPTURED: frozenset({AttemptStatus.REFUNDED}),
    AttemptStatus.DECLINED: frozenset(),
    AttemptStatus.VOIDED: frozenset(),
    AttemptStatus.REFUNDED: frozenset(),
}
