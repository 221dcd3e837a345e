"""Two at once, in real threads. Each race is set up to happen, not hoped for."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from common.errors import IdempotencyKeyReused
from payments import services
from payments.errors import (
    AlreadyCaptured,
    PaymentDeclined,
    PaymentVoided,
    RefundExceedsPayment,
)
from payments.models import Payment, PaymentQuerySet, Refund
from payments.states import PaymentStatus

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST: dict[str, Any] = {
    "idempotency_key": "key",
    "reference": UUID(int=1),
    "amount": Decimal(100),
    "currency": "INR",
    "payment_method": "tok_visa",
}


def outcome_of(call: Callable[[], Any]) -> Any:
    """What `call` returns or raises, on a connection of its own thread."""
    try:
        return call()
    except Exception as error:  # the test says which it expects
        return error
    finally:
        connection.close()


def wait_for_waiting(count: int) -> None:
    """Until `count` sessions of this database wait for a lock."""
    give_up = time.monotonic() + 2.5  # below the lock time-out
    with connection.cursor() as cursor:
        while time.monotonic() < give_up:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            if cursor.fetchone()[0] == count:
                return
            time.sleep(0.01)
    pytest.fail(f"{count} sessions were to wait for a lock")


def race_for(payment: Payment, *calls: Callable[[], Any]) -> list[Any]:
    """The outcomes of `calls`, which queue for the payment's row, in order, before any gets it."""
    with ThreadPoolExecutor() as pool, transaction.atomic():
        Payment.objects.select_for_update().get(pk=payment.pk)
        futures = []
        for call in calls:
            futures.append(pool.submit(outcome_of, call))
            wait_for_waiting(len(futures))
    return [future.result() for future in futures]


def kinds(outcomes: list[Any]) -> set[type]:
    return {type(outcome) for outcome in outcomes}


@pytest.mark.parametrize("method", ["tok_visa", "tok_declined"])
def test_the_same_key_twice_at_once_makes_one_payment(monkeypatch, method):
    both_saw_nothing = Barrier(2, timeout=5)
    insert = PaymentQuerySet.create

    def insert_together(self, **fields):
        both_saw_nothing.wait()
        return insert(self, **fields)

    monkeypatch.setattr(PaymentQuerySet, "create", insert_together)

    def authorise():
        return services.authorise(**REQUEST | {"payment_method": method})

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(outcome_of, [authorise, authorise]))

    payment = Payment.objects.get()
    if method == "tok_declined":
        assert kinds(outcomes) == {PaymentDeclined}
    else:
        assert sorted(outcomes, key=lambda outcome: outcome[1]) == [
            (payment, False),
            (payment, True),
        ]


def capture(payment):
    return services.capture(payment_id=payment.pk)


def void(payment):
    return services.void(payment_id=payment.pk)


def void_by_key(payment):
    return services.void_by_key(idempotency_key=payment.idempotency_key)


@pytest.mark.parametrize("void", [void, void_by_key])
def test_a_capture_before_a_void_wins(make_payment, void):
    payment = make_payment()

    captured, voided = race_for(payment, lambda: capture(payment), lambda: void(payment))

    payment.refresh_from_db()
    assert payment.status == captured.status == PaymentStatus.SUCCEEDED
    assert isinstance(voided, AlreadyCaptured)


@pytest.mark.parametrize("void", [void, void_by_key])
def test_a_void_before_a_capture_wins(make_payment, void):
    payment = make_payment()

    voided, captured = race_for(payment, lambda: void(payment), lambda: capture(payment))

    payment.refresh_from_db()
    assert payment.status == voided.status == PaymentStatus.CANCELED
    assert isinstance(captured, PaymentVoided)


def test_refunds_at_once_never_exceed_the_payment(make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED, amount=Decimal(100))

    outcomes = race_for(
        payment,
        *(
            lambda key=key: services.refund(
                payment_id=payment.pk, idempotency_key=key, amount=Decimal(40)
            )
            for key in "abcd"
        ),
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, RefundExceedsPayment)]
    payment.refresh_from_db()
    assert (len(refused), payment.amount_refunded, Refund.objects.count()) == (2, 80, 2)


def test_the_same_refund_twice_at_once_gives_back_once(make_payment):
    payment = make_payment(status=PaymentStatus.SUCCEEDED)

    def refund():
        return services.refund(payment_id=payment.pk, idempotency_key="k", amount=Decimal(40))

    outcomes = race_for(payment, refund, refund)

    payment.refresh_from_db()
    assert payment.amount_refunded == 40
    assert {refund for refund, _ in outcomes} == {Refund.objects.get()}


def test_one_refund_key_at_two_payments_at_once_is_good_for_one(make_payment):
    first = make_payment(status=PaymentStatus.SUCCEEDED)
    second = make_payment(status=PaymentStatus.SUCCEEDED)

    def refund(payment):
        return services.refund(payment_id=payment.pk, idempotency_key="k", amount=Decimal(40))

    outcome = while_uncommitted(lambda: refund(first), lambda: refund(second))

    assert isinstance(outcome, IdempotencyKeyReused)
    second.refresh_from_db()
    assert (second.amount_refunded, Refund.objects.get().payment) == (0, first)


def test_a_void_finds_the_authorisation_that_commits_under_its_eyes(make_payment):
    outcome = while_uncommitted(
        lambda: make_payment(idempotency_key="key"),
        lambda: services.void_by_key(idempotency_key="key"),
    )

    assert outcome == Payment.objects.get(status=PaymentStatus.CANCELED)


def test_an_authorisation_finds_the_void_that_commits_under_its_eyes():
    outcome = while_uncommitted(
        lambda: services.void_by_key(idempotency_key="key"),
        lambda: services.authorise(**REQUEST),
    )

    assert isinstance(outcome, PaymentVoided)


def while_uncommitted(first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """The outcome of `second`, which comes to wait for `first`; that one commits only then."""
    with ThreadPoolExecutor() as pool, transaction.atomic():
        first()
        future: Future[Any] = pool.submit(outcome_of, second)
        wait_for_waiting(1)
    return future.result()
