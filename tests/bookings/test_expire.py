from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings import services
from bookings.models import Booking
from bookings.states import BookingStatus, CancellationReason, OutboxKind

pytestmark = pytest.mark.django_db

PAST = timedelta(seconds=-1)


def test_an_unpaid_booking_past_its_deadline_times_out_and_its_seats_go_back(
    make_booking: Callable[..., Booking],
) -> None:
    booking = make_booking(payment_deadline=timezone.now() + PAST)
    assert services.expire() == 1
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert booking.cancellation_reason == CancellationReason.TIMEDOUT
    assert booking.outbox.get().kind == OutboxKind.RELEASE
    assert services.expire() == 0


def test_bookings_before_their_deadline_paid_or_cancelled_are_left_alone(
    make_booking: Callable[..., Booking],
) -> None:
    late = timezone.now() + PAST
    make_booking()
    make_booking(payment_deadline=late, status=BookingStatus.BOOKED)
    make_booking(payment_deadline=late, paying_since=timezone.now())
    make_booking(
        payment_deadline=late,
        status=BookingStatus.CANCELLED,
        cancellation_reason=CancellationReason.USER,
    )
    assert services.expire() == 0


def test_the_sweep_goes_in_batches(make_booking: Callable[..., Booking]) -> None:
    for _ in range(5):
        make_booking(payment_deadline=timezone.now() + PAST)
    assert [services.expire(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_batch_takes_a_fixed_number_of_statements(
    make_booking: Callable[..., Booking], django_assert_num_queries
) -> None:
    for _ in range(20):
        make_booking(payment_deadline=timezone.now() + PAST)
    with django_assert_num_queries(6):  # savepoint, select, update, clock, two inserts, release
        services.expire()
