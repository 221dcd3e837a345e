from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from common.errors import IdempotencyKeyReused
from payments import services
from payments.errors import (
    AlreadyCaptured,
    CaptureRefused,
    NotCapturable,
    NotCaptured,
    PaymentDeclined,
    PaymentNotFound,
    PaymentVoided,
    RefundExceedsPayment,
)
from payments.models import Payment, Refund
from payments.states import DeclineCode, PaymentStatus

pytestmark = pytest.mark.django_db

REQUIRES_CAPTURE, SUCCEEDED, CANCELED, FAILED = PaymentStatus
REQUEST: dict[str, Any] = {
    "idempotency_key": "key",
    "reference": UUID(int=1),
    "amount": Decimal("35000.00"),
    "currency": "INR",
    "payment_method": "tok_visa",
}
OTHERS = [
    {"reference": UUID(int=2)},
    {"amount": Decimal("35000.01")},
    {"currency": "EUR"},
    {"payment_method": "tok_slow"},
]


def test_authorising_keeps_the_money_ready():
    payment, created = services.authorise(**REQUEST)

    assert created
    payment.refresh_from_db()
    assert payment.status == REQUIRES_CAPTURE
    assert {name: getattr(payment, name) for name in REQUEST} == REQUEST


@pytest.mark.parametrize("status", [REQUIRES_CAPTURE, SUCCEEDED])
def test_a_known_key_answers_its_payment_as_it_stands(status):
    first, _ = services.authorise(**REQUEST)
    Payment.objects.update(status=status)

    again, created = services.authorise(**REQUEST)

    assert (again.pk, again.status, created) == (first.pk, status, False)
    assert Payment.objects.count() == 1


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
@pytest.mark.parametrize("method", ["tok_visa", "tok_declined"])
def test_a_key_is_good_for_one_request(method, other):
    if method == "tok_declined":
        with pytest.raises(PaymentDeclined):
            services.authorise(**REQUEST | {"payment_method": method})
    else:
        services.authorise(**REQUEST)

    with pytest.raises(IdempotencyKeyReused):
        services.authorise(**REQUEST | {"payment_method": method} | other)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("tok_declined", DeclineCode.CARD_DECLINED),
        ("tok_insufficient_funds", DeclineCode.INSUFFICIENT_FUNDS),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_decline_is_committed_and_remembered(method, code):
    for _ in range(2):
        with pytest.raises(PaymentDeclined) as declined:
            services.authorise(**REQUEST | {"payment_method": method})
        assert declined.value.members == {"decline_code": code}

    payment = Payment.objects.get()
    assert (payment.status, payment.decline_code) == (FAILED, code)


@pytest.mark.django_db(transaction=True)
def test_authorising_refuses_a_transaction_that_could_undo_it():
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        services.authorise(**REQUEST)


def test_a_voided_payment_is_never_authorised_again():
    services.authorise(**REQUEST)
    services.void_by_key(idempotency_key="key")

    with pytest.raises(PaymentVoided):
        services.authorise(**REQUEST)


def test_a_voided_key_still_tells_another_request():
    services.authorise(**REQUEST)
    services.void_by_key(idempotency_key="key")

    with pytest.raises(IdempotencyKeyReused):
        services.authorise(**REQUEST | {"amount": Decimal(1)})


@pytest.mark.parametrize("method", ["tok_visa", "tok_declined"])
def test_a_void_that_came_first_refuses_the_authorisation(method):
    voided = services.void_by_key(idempotency_key="key")

    with pytest.raises(PaymentVoided):
        services.authorise(**REQUEST | {"payment_method": method})
    payment = Payment.objects.get()
    assert (payment.pk, payment.status, payment.amount) == (voided.pk, CANCELED, None)


def capture(payment):
    return services.capture(payment_id=payment.pk)


def void(payment):
    return services.void(payment_id=payment.pk)


def void_by_key(payment):
    return services.void_by_key(idempotency_key=payment.idempotency_key)


@pytest.mark.parametrize(
    ("start", "call", "end"),
    [
        (REQUIRES_CAPTURE, capture, SUCCEEDED),
        (REQUIRES_CAPTURE, void, CANCELED),
        (REQUIRES_CAPTURE, void_by_key, CANCELED),
        (SUCCEEDED, capture, SUCCEEDED),
        (SUCCEEDED, void, AlreadyCaptured),
        (SUCCEEDED, void_by_key, AlreadyCaptured),
        (CANCELED, capture, PaymentVoided),
        (CANCELED, void, CANCELED),
        (CANCELED, void_by_key, CANCELED),
        (FAILED, capture, NotCapturable),
        (FAILED, void, FAILED),
        (FAILED, void_by_key, FAILED),
    ],
)
def test_what_each_call_makes_of_each_status(make_payment, start, call, end):
    payment = make_payment(status=start)

    if isinstance(end, PaymentStatus):
        assert call(payment).status == end
    else:
        with pytest.raises(end):
            call(payment)

    payment.refresh_from_db()
    assert payment.status == (end if isinstance(end, PaymentStatus) else start)


def test_moving_says_when(make_payment):
    payment = make_payment()

    assert capture(payment).updated_at > payment.updated_at


def test_a_key_that_was_never_seen_is_voided_once():
    first = services.void_by_key(idempotency_key="key")
    again = services.void_by_key(idempotency_key="key")

    assert (first.pk, first.status) == (again.pk, CANCELED)


def test_a_refused_capture_stays_refused_and_can_be_voided(make_payment):
    payment = make_payment(payment_method="tok_capture_fails")

    for _ in range(2):
        with pytest.raises(CaptureRefused):
            capture(payment)
    assert void(payment).status == CANCELED
    with pytest.raises(PaymentVoided):
        capture(payment)


@pytest.mark.parametrize(
    "call",
    [
        lambda: services.capture(payment_id=1),
        lambda: services.void(payment_id=1),
        lambda: services.refund(payment_id=1, idempotency_key="k", amount=Decimal(1)),
    ],
)
def test_what_is_not_there_is_not_found(call):
    with pytest.raises(PaymentNotFound):
        call()


def test_refunds_add_up_to_the_payment_and_no_further(make_payment):
    payment = make_payment(status=SUCCEEDED, amount=Decimal("100.00"))

    for key, amount in [("a", "30.00"), ("b", "69.99"), ("c", "0.01")]:
        services.refund(payment_id=payment.pk, idempotency_key=key, amount=Decimal(amount))
    with pytest.raises(RefundExceedsPayment):
        services.refund(payment_id=payment.pk, idempotency_key="d", amount=Decimal("0.01"))

    payment.refresh_from_db()
    assert (payment.amount_refunded, payment.refunds.count()) == (100, 3)


def test_the_same_refund_twice_gives_the_money_back_once(make_payment):
    payment = make_payment(status=SUCCEEDED)
    call = {"payment_id": payment.pk, "idempotency_key": "key", "amount": Decimal(100)}

    first, created = services.refund(**call)
    again, created_again = services.refund(**call)

    assert (first, created, created_again) == (again, True, False)
    payment.refresh_from_db()
    assert payment.amount_refunded == 100


def test_a_refunds_key_is_good_for_one_amount_of_one_payment(make_payment):
    payment, other = make_payment(status=SUCCEEDED), make_payment(status=SUCCEEDED)
    services.refund(payment_id=payment.pk, idempotency_key="key", amount=Decimal(10))

    with pytest.raises(IdempotencyKeyReused):
        services.refund(payment_id=payment.pk, idempotency_key="key", amount=Decimal(11))
    with pytest.raises(IdempotencyKeyReused):
        services.refund(payment_id=other.pk, idempotency_key="key", amount=Decimal(10))
    other.refresh_from_db()
    assert other.amount_refunded == 0


@pytest.mark.parametrize("status", [REQUIRES_CAPTURE, CANCELED, FAILED])
def test_only_captured_money_is_refunded(make_payment, status):
    payment = make_payment(status=status)

    with pytest.raises(NotCaptured):
        services.refund(payment_id=payment.pk, idempotency_key="key", amount=Decimal(1))
    assert not Refund.objects.exists()


def test_a_refund_that_was_refused_may_be_tried_again(make_payment):
    payment = make_payment()
    call = {"payment_id": payment.pk, "idempotency_key": "key", "amount": Decimal(1)}
    with pytest.raises(NotCaptured):
        services.refund(**call)

    capture(payment)

    assert services.refund(**call)[1]
