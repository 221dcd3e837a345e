from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bookings import services
from bookings.models import Booking, PaymentAttempt
from bookings.states import AttemptStatus, BookingStatus, CancellationReason, OutboxKind
from tests.bookings.others import DOWN, OtherServices, provider_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(booking: Booking) -> PaymentAttempt:
    """PROCESSING, and its process is gone for an hour."""
    attempt, _ = services._start_attempt(
        booking_id=booking.pk, key="k", payment_method="tok_visa", total_cost=None
    )
    PaymentAttempt.objects.update(created_at=timezone.now() - timedelta(hours=1))
    return attempt


def reconcile() -> int:
    return services.reconcile(list(services.unfinished_attempts()))


def state(attempt: PaymentAttempt) -> tuple[str, str, str, bool, set[str]]:
    attempt.refresh_from_db()
    booking = Booking.objects.get(pk=attempt.booking_id)
    return (
        attempt.status,
        booking.status,
        booking.cancellation_reason,
        booking.paying_since is not None,
        set(booking.outbox.values_list("kind", flat=True)),
    )


def test_a_young_attempt_is_left_to_its_request(attempt: PaymentAttempt, settings: Any) -> None:
    young = timezone.now() - timedelta(seconds=settings.PAY_LEASE_SECONDS - 5)
    PaymentAttempt.objects.update(created_at=young)
    assert reconcile() == 0


def test_an_authorised_attempt_goes_forward_to_booked_and_captured(
    attempt: PaymentAttempt, others: OtherServices
) -> None:
    others.find(provider_payment(id=9))
    others.confirm()
    others.capture()
    assert reconcile() == 1
    assert state(attempt) == (AttemptStatus.CAPTURED, BookingStatus.BOOKED, "", False, set())
    assert attempt.provider_id == 9


@pytest.mark.parametrize("known", [[], [provider_payment(status="CANCELED", amount=None)]])
def test_an_attempt_the_provider_does_not_know_is_taken_back(
    attempt: PaymentAttempt, others: OtherServices, known: list[dict[str, Any]]
) -> None:
    others.find(*known)
    assert reconcile() == 1
    assert state(attempt) == (
        AttemptStatus.VOIDED,
        BookingStatus.INITIATED,
        "",
        False,
        {OutboxKind.VOID},
    )


def test_a_declined_attempt_is_declined(attempt: PaymentAttempt, others: OtherServices) -> None:
    others.find(provider_payment(status="FAILED"))
    assert reconcile() == 1
    assert state(attempt) == (AttemptStatus.DECLINED, BookingStatus.INITIATED, "", False, set())


def test_an_authorised_attempt_whose_seats_are_gone_cancels_the_booking(
    attempt: PaymentAttempt, others: OtherServices
) -> None:
    others.find(provider_payment())
    others.confirm("hold_released", 409)
    assert reconcile() == 1
    assert state(attempt) == (
        AttemptStatus.VOIDED,
        BookingStatus.CANCELLED,
        CancellationReason.SEATS_LOST,
        False,
        {OutboxKind.VOID, OutboxKind.RELEASE},
    )


def test_a_question_without_an_answer_leaves_the_attempt_to_the_next_time(
    attempt: PaymentAttempt, others: OtherServices
) -> None:
    others.mock.add("GET", "http://127.0.0.1:8002/api/v1/payments/", body=DOWN)
    assert reconcile() == 0
    assert state(attempt)[0] == AttemptStatus.PROCESSING


def test_an_expired_deadline_does_not_take_a_payment_back_that_began_in_time(
    attempt: PaymentAttempt, others: OtherServices
) -> None:
    Booking.objects.update(payment_deadline=timezone.now() - timedelta(minutes=1))
    assert services.expire() == 0
    others.find(provider_payment())
    others.confirm()
    others.capture()
    reconcile()
    assert state(attempt)[1] == BookingStatus.BOOKED


def test_after_an_attempt_was_taken_back_the_overdue_booking_expires(
    attempt: PaymentAttempt, others: OtherServices
) -> None:
    Booking.objects.update(payment_deadline=timezone.now() - timedelta(minutes=1))
    others.find()
    reconcile()
    assert services.expire() == 1


def test_reconciling_twice_changes_nothing_more(
    attempt: PaymentAttempt, others: OtherServices
) -> None:
    others.find()
    stale = list(services.unfinished_attempts())
    services.reconcile(stale)
    before = state(attempt)
    services.reconcile(stale)
    assert state(attempt) == before
