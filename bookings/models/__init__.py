"""What the bookings service keeps, and what the database refuses.

All of it is written by the services, under the lock of the Booking row: `docs/architecture.md` has
the rules.
"""

from bookings.models.audits import AuditRun
from bookings.models.bookings import Booking, Passenger
from bookings.models.events import EVENTS
from bookings.models.money import Cancellation, PaymentAttempt, Refund, RefundRule
from bookings.models.outbox import Message, OutboxMessage
from bookings.models.rebookings import Rebooking

__all__ = [
    "EVENTS",
    "AuditRun",
    "Booking",
    "Cancellation",
    "Message",
    "OutboxMessage",
    "Passenger",
    "PaymentAttempt",
    "Rebooking",
    "Refund",
    "RefundRule",
]
