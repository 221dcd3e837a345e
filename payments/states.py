"""The states of a payment, and the one table of its moves."""

from django.db.models import TextChoices


class PaymentStatus(TextChoices):
    REQUIRES_CAPTURE = "REQUIRES_CAPTURE"  # authorised: the bank keeps the amount ready
    SUCCEEDED = "SUCCEEDED"  # captured: the money has moved
    CANCELED = "CANCELED"  # voided
    FAILED = "FAILED"  # declined


class DeclineCode(TextChoices):
    CARD_DECLINED = "card_declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"


PAYMENT_MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    PaymentStatus.REQUIRES_CAPTURE: frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.CANCELED}),
    PaymentStatus.SUCCEEDED: frozenset(),
    PaymentStatus.CANCELED: frozenset(),
    PaymentStatus.FAILED: frozenset(),
}
