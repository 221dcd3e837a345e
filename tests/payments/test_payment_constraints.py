"""What the database refuses by itself, whatever the code does."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError

from payments.models import Payment
from payments.states import PaymentStatus

pytestmark = pytest.mark.django_db


def test_a_key_has_one_payment(make_payment):
    make_payment(idempotency_key="k")

    with pytest.raises(IntegrityError, match="payments_payment_key_once"):
        make_payment(idempotency_key="k")


def test_a_key_has_one_refund(make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED)
    payment.refunds.create(idempotency_key="k", amount=1)

    with pytest.raises(IntegrityError, match="payments_refund_key_once"):
        payment.refunds.create(idempotency_key="k", amount=1)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"status": "PENDING"}, "payments_payment_status"),
        ({"amount": 0}, "payments_payment_amount"),
        ({"amount": -5}, "payments_payment_amount"),
        ({"amount_refunded": Decimal("100.001")}, "payments_payment_refunds_add_up"),
        ({"amount_refunded": -1}, "payments_payment_refunds_add_up"),
        (
            {"status": PaymentStatus.CANCELED, "amount_refunded": 1},
            "payments_payment_refunds_add_up",
        ),
        ({"decline_code": "card_declined"}, "payments_payment_declined_with_code"),
        ({"status": PaymentStatus.FAILED}, "payments_payment_declined_with_code"),
        ({"amount": None}, "payments_payment_null_if_never_seen"),
        ({"reference": None}, "payments_payment_null_if_never_seen"),
        ({"currency": None}, "payments_payment_null_if_never_seen"),
        ({"payment_method": None}, "payments_payment_null_if_never_seen"),
        (
            {"status": PaymentStatus.CANCELED, "amount": None},
            "payments_payment_null_if_never_seen",
        ),
    ],
)
def test_a_payment_that_makes_no_sense_is_refused(make_payment, fields, constraint):
    payment = make_payment(status=PaymentStatus.SUCCEEDED)

    with pytest.raises(IntegrityError, match=constraint):
        Payment.objects.filter(pk=payment.pk).update(**fields)


def test_only_a_voided_key_may_lack_a_request():
    Payment.objects.create(idempotency_key="voided", status=PaymentStatus.CANCELED)

    with pytest.raises(IntegrityError, match="payments_payment_null_if_never_seen"):
        Payment.objects.create(idempotency_key="k", status=PaymentStatus.REQUIRES_CAPTURE)


def test_a_whole_payment_may_be_refunded(make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED, amount_refunded=100)

    assert payment.refundable == 0


def test_a_refund_is_above_zero(make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED)

    with pytest.raises(IntegrityError, match="payments_refund_amount"):
        payment.refunds.create(idempotency_key=uuid4().hex, amount=0)
