"""The states of bookings and of their money, and the one table of allowed moves of each."""

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
    FLIGHT_MOVED = "FLIGHT_MOVED", "the flight leaves at another time"


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
    SHRINK = "SHRINK", "release the cancelled seats of a booking that stands"


class RefundStatus(TextChoices):
    PENDING = "PENDING"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED", "the money was let go before it was taken"


class RebookingStatus(TextChoices):
    PROCESSING = "PROCESSING"
    DONE = "DONE"
    VOIDED = "VOIDED", "taken back, with its hold"


class PassengerType(TextChoices):
    ADULT = "ADULT"
    CHILD = "CHILD"
    INFANT = "INFANT", "infant, without a seat"


class MessageKind(TextChoices):
    HELD = "HELD", "seats are held, please pay"
    BOOKED = "BOOKED", "paid and booked"
    EXTENDED = "EXTENDED", "more time to pay"
    EXPIRED = "EXPIRED", "not paid in time"
    CANCELLED = "CANCELLED", "cancelled, all or some seats"
    REFUNDED = "REFUNDED", "money given back"
    REBOOKED = "REBOOKED", "on another flight now"
    MOVED = "MOVED", "the flight leaves at another time"


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

REFUND_MOVES: dict[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.PENDING: frozenset({RefundStatus.REFUNDED, RefundStatus.VOIDED}),
    RefundStatus.REFUNDED: frozenset(),
    RefundStatus.VOIDED: frozenset(),
}
