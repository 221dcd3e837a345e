"""What the test methods do over HTTP, and when."""

from uuid import uuid4

import pytest
from django.conf import settings as project_settings
from django.db import connection

from payments import methods
from payments.models import Payment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sleeps(monkeypatch) -> list[float]:
    """The seconds slept, each with the state of things checked: decided and committed."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        assert not connection.in_atomic_block
        assert Payment.objects.filter(status="REQUIRES_CAPTURE").count() == 1
        slept.append(seconds)

    monkeypatch.setattr(methods.time, "sleep", sleep)
    return slept


@pytest.fixture
def pay(service):
    reference, key = str(uuid4()), uuid4().hex

    def post(method: str):
        body = {"reference": reference, "amount": "35000.00", "currency": "INR"}
        return service.post(
            "/api/v1/payments/",
            body | {"paymentMethod": method},
            headers={"Idempotency-Key": key},
        )

    return post


@pytest.mark.parametrize("method", ["tok_visa", "tok_capture_fails"])
def test_these_answer_at_once(pay, sleeps, method):
    assert pay(method).json()["status"] == "REQUIRES_CAPTURE"
    assert sleeps == []


def test_tok_slow_takes_two_seconds_once(pay, sleeps):
    assert [pay("tok_slow").status_code for _ in range(2)] == [200, 200]
    assert sleeps == [2.0]


def test_tok_timeout_authorises_and_answers_after_the_caller_gave_up(pay, sleeps):
    answers = [pay("tok_timeout") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(sleeps) == 1
    assert sleeps[0] > project_settings.PAYMENTS_READ_TIMEOUT


def test_how_late_tok_timeout_answers_can_be_set(pay, sleeps, settings):
    settings.PAYMENTS_TOK_TIMEOUT_SECONDS = 0.25

    pay("tok_timeout")

    assert sleeps == [0.25]


def test_tok_error_once_authorises_and_breaks_once(pay):
    broken, repeated = pay("tok_error_once"), pay("tok_error_once")

    assert (broken.status_code, broken["Content-Type"]) == (500, "application/problem+json")
    assert broken.json()["code"] == "provider_broke"
    assert (repeated.status_code, repeated["Idempotency-Replayed"]) == (200, "true")
    assert repeated.json()["id"] == Payment.objects.get().pk
