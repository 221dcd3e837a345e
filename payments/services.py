"""What the provider does with money: every write of a payment, every Payment lock.

Each function is one transaction. A payment moves by compare-and-set on its locked row, and each
call may be repeated: it answers the same again.
"""

from decimal import Decimal
from uuid import UUID

from django.db import transaction

from common.errors import IdempotencyKeyReused
from common.log import event
from payments.errors import (
    AlreadyCaptured,
    CaptureRefused,
    NotCapturable,
    NotCaptured,
    PaymentDeclined,
    PaymentVoided,
    RefundExceedsPayment,
)
from payments.methods import METHODS, REFUSING_CAPTURE
from payments.models import Payment, Refund
from payments.states import PaymentStatus


def authorise(
    *, idempotency_key: str, reference: UUID, amount: Decimal, currency: str, payment_method: str
) -> tuple[Payment, bool]:
    """Have the bank keep `amount`, in `currency`, ready; return the payment, and whether it is new.

    The key decides once: known, it answers with its payment, whatever became of it. Raises
    PaymentDeclined (remembered, too), PaymentVoided, and IdempotencyKeyReused when the key came
    with another request before. `payment_method` is one of METHODS.
    """
    asked = {
        "reference": reference,
        "amount": amount,
        "currency": currency,
        "payment_method": payment_method,
    }
    declined = METHODS[payment_method].declines
    status = PaymentStatus.FAILED if declined else PaymentStatus.REQUIRES_CAPTURE
    # Durable: what is raised below must not undo the decision.
    with transaction.atomic(durable=True):
        payment, created = Payment.objects.get_or_create(
            idempotency_key=idempotency_key,
            defaults={**asked, "status": status, "decline_code": declined},
        )
        if created:
            event(f"payment.{status.lower()}", payment=payment.pk, reference=reference)
    never_seen = payment.reference is None
    if not never_seen and any(getattr(payment, name) != asked[name] for name in asked):
        raise IdempotencyKeyReused
    if payment.status == PaymentStatus.CANCELED:
        raise PaymentVoided
    if payment.status == PaymentStatus.FAILED:
        raise PaymentDeclined(decline_code=payment.decline_code)
    return payment, created


@transaction.atomic
def capture(*, payment_id: int) -> Payment:
    """Move the money of an authorised payment; one that is captured stays so.

    Raises PaymentNotFound, and for good PaymentVoided, NotCapturable (declined) or CaptureRefused.
    """
    payment = Payment.objects.select_for_update().one(pk=payment_id)
    if payment.status == PaymentStatus.SUCCEEDED:
        return payment
    if payment.status == PaymentStatus.CANCELED:
        raise PaymentVoided
    if not payment.may_become(PaymentStatus.SUCCEEDED):
        raise NotCapturable
    if payment.payment_method in REFUSING_CAPTURE:
        raise CaptureRefused
    return _move(payment, PaymentStatus.SUCCEEDED)


@transaction.atomic
def void(*, payment_id: int) -> Payment:
    """Let go of an authorised payment, for ever; a voided or declined one stays as it is.

    Raises PaymentNotFound and AlreadyCaptured.
    """
    return _void(Payment.objects.select_for_update().one(pk=payment_id))


@transaction.atomic
def void_by_key(*, idempotency_key: str) -> Payment:
    """`void` for a caller that knows only the key of an authorisation.

    A key that was never seen is voided for ever: an authorisation under it that arrives later is
    refused. Raises AlreadyCaptured.
    """
    payment, _ = Payment.objects.select_for_update().get_or_create(
        idempotency_key=idempotency_key, defaults={"status": PaymentStatus.CANCELED}
    )
    return _void(payment)


@transaction.atomic
def refund(*, payment_id: int, idempotency_key: str, amount: Decimal) -> tuple[Refund, bool]:
    """Give `amount`, in the payment's currency, back; return the refund, and whether it is new.

    Raises PaymentNotFound, NotCaptured, RefundExceedsPayment when all refunds together would be
    more than was captured, and IdempotencyKeyReused when the key came with another request before.
    """
    payment = Payment.objects.select_for_update().one(pk=payment_id)
    # The row first: only its unique key tells a repetition, also one that is under way at another
    # payment. What is raised after it undoes it.
    refund, created = Refund.objects.get_or_create(
        idempotency_key=idempotency_key, defaults={"payment": payment, "amount": amount}
    )
    if not created:
        if (refund.payment_id, refund.amount) != (payment.pk, amount):
            raise IdempotencyKeyReused
        return refund, False
    if payment.status != PaymentStatus.SUCCEEDED:
        raise NotCaptured
    if amount > payment.refundable:
        raise RefundExceedsPayment
    payment.amount_refunded += amount
    payment.save(update_fields=["amount_refunded", "updated_at"])
    event("payment.refunded", payment=payment.pk, refund=refund.pk, amount=amount)
    return refund, True


def _void(payment: Payment) -> Payment:
    """`payment` is locked by the caller."""
    if payment.status == PaymentStatus.SUCCEEDED:
        raise AlreadyCaptured
    if payment.may_become(PaymentStatus.CANCELED):
        _move(payment, PaymentStatus.CANCELED)
    return payment


def _move(payment: Payment, status: PaymentStatus) -> Payment:
    """`payment` is locked by the caller, who has asked `may_become`."""
    payment.status = status
    payment.save(update_fields=["status", "updated_at"])
    event(f"payment.{status.lower()}", payment=payment.pk, reference=payment.reference)
    return payment
