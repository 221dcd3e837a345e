"""What happens at once, on real threads and real PostgreSQL."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bookings import cancelling, errors, moves, outbox, services
from bookings.models import Booking, OutboxMessage, PaymentAttempt
from bookings.states import AttemptStatus, BookingStatus, CancellationReason, OutboxKind
from common.errors import RequestInFlight
from tests.bookings.others import AUTHORISE, CAPTURE, HOLD, RELEASE, OtherServices
from tests.threads import run_at_once, somebody_waits_for_a_lock, start, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PAST = timedelta(seconds=-1)


def wait_for_locks(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    """Runs the sweep's own statement without SKIP LOCKED, so that it waits on the row."""
    return execute(sql.replace(" SKIP LOCKED", ""), *rest)


def expire_and_wait() -> int:
    with connection.execute_wrapper(wait_for_locks):
        return services.expire()


def test_a_sweep_waiting_on_the_row_leaves_a_booking_alone_that_is_paid_meanwhile(
    make_booking: Callable[..., Booking],
) -> None:
    booking = make_booking(payment_deadline=timezone.now() + PAST)
    with transaction.atomic():
        locked = moves.lock_booking(booking.pk)
        sweep = start(expire_and_wait)
        wait_until(somebody_waits_for_a_lock)
        moves.start_attempt(locked, idempotency_key="k", payment_method="tok_visa")
    assert sweep.result(10) == 0
    booking.refresh_from_db()
    assert booking.status == BookingStatus.INITIATED


def test_a_sweep_waiting_on_the_row_leaves_a_booking_alone_whose_deadline_moved(
    make_booking: Callable[..., Booking],
) -> None:
    booking = make_booking(payment_deadline=timezone.now() + PAST)
    with transaction.atomic():
        moves.lock_booking(booking.pk)
        sweep = start(expire_and_wait)
        wait_until(somebody_waits_for_a_lock)
        Booking.objects.update(payment_deadline=timezone.now() + timedelta(minutes=5))
    assert sweep.result(10) == 0


def test_a_payment_waiting_for_the_sweep_finds_the_booking_expired(
    booking: Booking, others: OtherServices
) -> None:
    with transaction.atomic():
        locked = moves.lock_booking(booking.pk)
        payment = start(
            partial(services.pay, booking_id=booking.pk, key="k", payment_method="tok_visa")
        )
        wait_until(somebody_waits_for_a_lock)
        moves.cancel(locked, CancellationReason.TIMEDOUT)
    assert isinstance(payment.result(10), errors.BookingExpired)
    assert not PaymentAttempt.objects.exists()


def test_a_payment_judges_the_deadline_after_its_wait_for_the_lock(
    booking: Booking, others: OtherServices
) -> None:
    with transaction.atomic():
        moves.lock_booking(booking.pk)
        payment = start(
            partial(services.pay, booking_id=booking.pk, key="k", payment_method="tok_visa")
        )
        wait_until(somebody_waits_for_a_lock)
        # The deadline lies between the start of its transaction and the end of its wait.
        Booking.objects.update(payment_deadline=timezone.now())
    assert isinstance(payment.result(10), errors.BookingExpired)


def test_a_booking_paid_at_once_under_many_keys_is_paid_once(
    booking: Booking, others: OtherServices
) -> None:
    others.all_well()
    results = run_at_once(
        *(
            partial(services.pay, booking_id=booking.pk, key=f"k{n}", payment_method="tok_visa")
            for n in range(8)
        )
    )
    kinds = Counter(type(result) for result in results)
    assert kinds[services.Paid] == 1
    assert kinds[errors.PaymentInProgress] + kinds[errors.AlreadyBooked] == 7
    assert [len(others.sent(what)) for what in (AUTHORISE, CAPTURE)] == [1, 1]
    assert booking.attempts.get().status == AttemptStatus.CAPTURED


def test_a_booking_paid_at_once_under_one_key_is_paid_once(
    booking: Booking, others: OtherServices
) -> None:
    others.all_well()
    pay = partial(services.pay, booking_id=booking.pk, key="k", payment_method="tok_visa")
    kinds = Counter(type(result) for result in run_at_once(*[pay] * 8))
    assert kinds[services.Paid] + kinds[RequestInFlight] == 8
    assert kinds[services.Paid] >= 1
    assert [len(others.sent(what)) for what in (AUTHORISE, CAPTURE)] == [1, 1]


def test_sweeps_at_once_cancel_each_booking_once(make_booking: Callable[..., Booking]) -> None:
    for _ in range(60):
        make_booking(payment_deadline=timezone.now() + PAST)

    def sweep() -> int:
        return sum(iter(partial(services.expire, limit=7), 0))

    assert sum(run_at_once(*[sweep] * 4)) + sweep() == 60
    assert OutboxMessage.objects.filter(kind=OutboxKind.RELEASE).count() == 60
    assert not Booking.objects.exclude(status=BookingStatus.CANCELLED).exists()


def test_relays_at_once_tell_each_message_once_when_nothing_fails(
    make_booking: Callable[..., Booking], others: OtherServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RELEASE_BATCH", 3)
    others.release()
    for _ in range(30):
        cancelling.cancel(booking_id=make_booking().pk)

    def relay() -> int:
        return sum(iter(outbox.relay, 0))

    assert sum(run_at_once(*[relay] * 4)) == 30
    told = [hold["reference"] for call in others.sent(RELEASE) for hold in call["holds"]]
    assert len(told) == len(set(told)) == 30


def test_cancelling_and_paying_at_once_end_in_one_of_two_ways(
    booking: Booking, others: OtherServices
) -> None:
    others.all_well()
    paid, cancelled = run_at_once(
        partial(services.pay, booking_id=booking.pk, key="k", payment_method="tok_visa"),
        partial(cancelling.cancel, booking_id=booking.pk),
    )
    booking.refresh_from_db()
    if isinstance(cancelled, errors.PaymentInProgress):
        assert (booking.status, type(paid)) == (BookingStatus.BOOKED, services.Paid)
    else:
        assert booking.status == BookingStatus.CANCELLED
        captured = booking.attempts.filter(status=AttemptStatus.CAPTURED)
        kinds = set(booking.outbox.values_list("kind", flat=True))
        assert not captured.exists() or OutboxKind.GIVE_BACK in kinds


def test_two_requests_with_one_key_make_one_booking(traveller: Any, others: OtherServices) -> None:
    others.hold()
    others.give_up()

    def create() -> Booking:
        with services.SeatsInHand(1) as seats, transaction.atomic():
            return services.initiate(
                seats=seats, user_id=traveller.pk, order=services.Order(1, 2), key="k"
            )

    kinds = Counter(type(result) for result in run_at_once(*[create] * 4))
    assert kinds == {Booking: 1, errors.KeyTaken: 3}
    assert Booking.objects.count() == 1
    assert len(others.sent(HOLD, "DELETE")) == 3


def test_a_limit_holds_when_a_users_requests_come_at_once(
    traveller: Any, others: OtherServices, settings: Any
) -> None:
    settings.MAX_UNPAID_BOOKINGS = 3
    others.hold()
    others.give_up()

    def create() -> Booking:
        with services.SeatsInHand(1) as seats, transaction.atomic():
            return services.initiate(seats=seats, user_id=traveller.pk, order=services.Order(1, 2))

    kinds = Counter(type(result) for result in run_at_once(*[create] * 6))
    assert kinds == {Booking: 3, errors.TooManyUnpaidBookings: 3}
