from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings.models import Booking, OutboxMessage, PaymentAttempt
from bookings.states import AttemptStatus, BookingStatus, CancellationReason, OutboxKind
from tests.bookings.others import (
    AUTHORISE,
    CAPTURE,
    CONFIRM,
    DOWN,
    TIMED_OUT,
    VOID,
    OtherServices,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def pay(api: APIClient, booking: Booking) -> Callable[..., Any]:
    def send(key: str = "k1", **body: Any) -> Any:
        return api.post(
            f"/api/v1/bookings/{booking.pk}/payments/",
            {"paymentMethod": "tok_visa", **body},
            headers={"Idempotency-Key": key},
        )

    return send


def test_paying_authorises_confirms_books_and_captures_in_this_order(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    others.all_well()
    answer = pay(totalCost="10000.00")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["availableActions"]) == ("BOOKED", ["cancel"])
    assert [(p["amount"], p["currency"], p["status"]) for p in body["payments"]] == [
        ("10000.00", "INR", "CAPTURED")
    ]
    steps = [str(call.request.url).rsplit("/", 2)[1] for call in others.mock.calls]
    assert steps == ["payments", "confirm", "capture"]
    assert others.sent(AUTHORISE) == [
        {
            "reference": str(booking.reference),
            "amount": "10000.00",
            "currency": "INR",
            "paymentMethod": "tok_visa",
        }
    ]
    assert not OutboxMessage.objects.exists()


def test_a_decline_leaves_the_booking_to_be_paid_under_another_key(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    others.authorise("payment_declined", 402)
    answer = pay("k1")
    assert (answer.status_code, answer.json()["code"]) == (402, "payment_declined")
    booking.refresh_from_db()
    assert (booking.status, booking.paying_since) == (BookingStatus.INITIATED, None)
    again = pay("k1")
    assert (again.status_code, len(others.sent(AUTHORISE))) == (402, 1)
    others.mock.reset()
    others.all_well()
    assert pay("k2").status_code == 200


@pytest.mark.parametrize(
    ("answer", "status"), [(DOWN, 0), (TIMED_OUT, 0), ("x", 503), ("x", 500), ({"rubbish": 1}, 200)]
)
def test_when_the_provider_does_not_answer_the_outcome_stays_open(
    pay: Callable[..., Any], booking: Booking, others: OtherServices, answer: Any, status: int
) -> None:
    others.authorise(answer, status)
    response = pay()
    assert (response.status_code, response.json()["code"]) == (503, "payments_unavailable")
    assert response.headers["Retry-After"]
    assert booking.attempts.get().status == AttemptStatus.PROCESSING
    booking.refresh_from_db()
    assert booking.paying_since is not None
    again = pay()
    assert (again.status_code, again.json()["code"]) == (409, "request_in_flight")
    other = pay("k2")
    assert (other.status_code, other.json()["code"]) == (409, "payment_in_progress")


def test_an_unknown_payment_method_is_named_and_the_booking_can_be_paid_with_another(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    fault = {"pointer": "#/paymentMethod", "code": "invalid_choice", "detail": "no"}
    others.authorise({"code": "validation_error", "errors": [fault]}, 400)
    response = pay("k1", paymentMethod="tok_nonsense")
    assert (response.status_code, response.json()["code"]) == (400, "validation_error")
    assert response.json()["errors"][0]["pointer"] == "#/paymentMethod"
    assert booking.attempts.get().status == AttemptStatus.VOIDED
    others.mock.reset()
    others.all_well()
    assert pay("k2").status_code == 200


@pytest.mark.parametrize(
    ("answer", "status"), [(DOWN, 0), (TIMED_OUT, 0), ("x", 503), ("unknown", 401)]
)
def test_when_flights_does_not_answer_the_confirm_the_outcome_stays_open(
    pay: Callable[..., Any], booking: Booking, others: OtherServices, answer: Any, status: int
) -> None:
    others.authorise()
    others.confirm(answer, status)
    response = pay()
    assert (response.status_code, response.json()["code"]) == (503, "flights_unavailable")
    assert booking.attempts.get().status == AttemptStatus.PROCESSING
    assert others.sent(CAPTURE) == []


@pytest.mark.parametrize(
    ("code", "status"), [("hold_released", 409), ("hold_not_found", 404), ("flight_not_found", 404)]
)
def test_lost_seats_cancel_the_booking_and_void_the_money(
    pay: Callable[..., Any], booking: Booking, others: OtherServices, code: str, status: int
) -> None:
    others.authorise()
    others.confirm(code, status)
    response = pay()
    assert (response.status_code, response.json()["code"]) == (409, "seats_lost")
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert booking.cancellation_reason == CancellationReason.SEATS_LOST
    assert booking.attempts.get().status == AttemptStatus.VOIDED
    assert set(booking.outbox.values_list("kind", flat=True)) == {
        OutboxKind.VOID,
        OutboxKind.RELEASE,
    }
    assert others.sent(CAPTURE) == []


@pytest.mark.parametrize("answer", [DOWN, TIMED_OUT])
def test_a_capture_that_fails_for_now_is_left_to_the_outbox(
    pay: Callable[..., Any], booking: Booking, others: OtherServices, answer: Any
) -> None:
    others.authorise()
    others.confirm()
    others.capture(answer)
    assert pay().json()["status"] == "BOOKED"
    assert booking.attempts.get().status == AttemptStatus.AUTHORIZED
    assert booking.outbox.get().kind == OutboxKind.CAPTURE


def test_a_capture_refused_for_good_cancels_and_gives_the_seats_back(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    others.authorise()
    others.confirm()
    others.capture("capture_refused", 409)
    others.void()
    response = pay()
    assert (response.status_code, response.json()["code"]) == (409, "booking_cancelled")
    assert response.json()["cancellationReason"] == "PAYMENT_FAILED"
    booking.refresh_from_db()
    assert booking.cancellation_reason == CancellationReason.PAYMENT_FAILED
    assert booking.attempts.get().status == AttemptStatus.VOIDED
    assert booking.outbox.get().kind == OutboxKind.RELEASE


def test_a_refused_capture_is_not_believed_before_its_void_is_answered(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    others.authorise()
    others.confirm()
    others.capture("capture_refused", 409)
    others.void(DOWN)
    assert pay().json()["status"] == "BOOKED"
    assert booking.outbox.get().kind == OutboxKind.CAPTURE
    assert len(others.sent(VOID)) == 1


def test_a_capture_that_was_refused_but_happened_is_believed_to_the_void(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    others.authorise()
    others.confirm()
    others.capture("capture_refused", 409)
    others.void("already_captured", 409)
    assert pay().json()["status"] == "BOOKED"
    assert booking.attempts.get().status == AttemptStatus.CAPTURED
    assert not booking.outbox.exists()


def test_paying_after_the_deadline_is_refused(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    Booking.objects.update(payment_deadline=timezone.now() - timedelta(seconds=1))
    response = pay()
    assert (response.status_code, response.json()["code"]) == (409, "booking_expired")
    assert not booking.attempts.exists()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (CancellationReason.TIMEDOUT, "booking_expired"),
        (CancellationReason.USER, "booking_cancelled"),
        (CancellationReason.SEATS_LOST, "seats_lost"),
        (CancellationReason.PAYMENT_FAILED, "booking_cancelled"),
        (CancellationReason.FLIGHT_CANCELLED, "booking_cancelled"),
    ],
)
def test_a_cancelled_booking_can_not_be_paid(
    pay: Callable[..., Any], others: OtherServices, reason: str, code: str
) -> None:
    Booking.objects.update(status=BookingStatus.CANCELLED, cancellation_reason=reason)
    response = pay()
    assert (response.status_code, response.json()["code"]) == (409, code)


def test_paying_twice_is_refused_under_another_key_and_repeated_under_the_same(
    pay: Callable[..., Any], others: OtherServices
) -> None:
    others.all_well()
    assert pay("k1").status_code == 200
    other = pay("k2")
    assert (other.status_code, other.json()["code"]) == (409, "already_booked")
    again = pay("k1")
    assert (again.status_code, again.json()["status"]) == (200, "BOOKED")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(others.sent(AUTHORISE)) == 1


def test_another_amount_than_the_booking_costs_is_refused(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    response = pay(totalCost="9999.99")
    assert (response.status_code, response.json()["code"]) == (409, "amount_mismatch")
    assert (response.json()["totalCost"], response.json()["currency"]) == ("10000.00", "INR")
    assert not booking.attempts.exists()


def test_a_key_is_not_used_for_another_payment(
    pay: Callable[..., Any], others: OtherServices
) -> None:
    others.all_well()
    pay("k1")
    response = pay("k1", paymentMethod="tok_slow")
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


def test_an_attempt_that_was_voided_meanwhile_is_not_booked(
    pay: Callable[..., Any], booking: Booking, others: OtherServices
) -> None:
    def taken_back_while_confirming(request: Any) -> tuple[int, dict[str, str], str]:
        PaymentAttempt.objects.update(status=AttemptStatus.VOIDED)
        Booking.objects.update(paying_since=None)
        return 200, {}, "{}"

    others.authorise()
    others.mock.add_callback("POST", CONFIRM, taken_back_while_confirming)
    response = pay()
    assert (response.status_code, response.json()["code"]) == (409, "payment_voided")
    booking.refresh_from_db()
    assert booking.status == BookingStatus.INITIATED
    assert others.sent(CAPTURE) == []


def test_paying_needs_a_key_and_a_well_formed_one(api: APIClient, booking: Booking) -> None:
    url = f"/api/v1/bookings/{booking.pk}/payments/"
    missing = api.post(url, {"paymentMethod": "tok_visa"})
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    for key in ("", " ", "a b", "x" * 256, "é"):
        bad = api.post(url, {"paymentMethod": "tok_visa"}, headers={"Idempotency-Key": key})
        assert (bad.status_code, bad.json()["code"]) == (400, "idempotency_key_invalid")


def test_anothers_booking_is_not_found_in_any_verb(
    stranger: User, booking: Booking, others: OtherServices
) -> None:
    api = APIClient()
    api.force_authenticate(stranger)
    url = f"/api/v1/bookings/{booking.pk}/"
    answers = [
        api.get(url),
        api.post(f"{url}cancel/"),
        api.post(
            f"{url}payments/", {"paymentMethod": "tok_visa"}, headers={"Idempotency-Key": "k"}
        ),
    ]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "booking_not_found")}
    assert api.get("/api/v1/bookings/").json()["results"] == []
