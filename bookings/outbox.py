"""What other services must be told even if this process dies: written with the change of state.

The relay tells it, at least once, any number of relays at once. A message is claimed by moving its
`due_at` into the future, so that no lock is held while the network is waited for: when a relay
dies, its messages fall due again. A message goes only when the other service has answered.
"""

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, QuerySet
from django.utils import timezone

from bookings import clients, errors, moves
from bookings.models import OutboxMessage, PaymentAttempt, Refund
from bookings.states import (
    AttemptStatus,
    BookingStatus,
    CancellationReason,
    MessageKind,
    OutboxKind,
    RefundStatus,
)
from common.breaker import CircuitBreaker
from common.database import ClockTimestamp
from common.errors import ServiceUnavailable
from common.http import longest_call
from common.money import format_amount

logger = logging.getLogger(__name__)

RELEASE_BATCH = 500  # holds released in one call
LONGEST_PAUSE = 20.0  # seconds between two tries: all settles within a minute of a service's return
TRIES_TO_DEATH = 8  # refusals without a meaning; time-outs never kill a message

# A broker that hangs would cost each request its time-out.
broker = CircuitBreaker(failures_to_open=1, open_seconds=5)


def claim_seconds() -> float:
    """How long a claim lasts: longer than all calls that a claimed message can need."""
    return 5 + max(
        2 * longest_call(settings.PAYMENTS_READ_TIMEOUT),  # capture and void, or void and refund
        longest_call(settings.FLIGHTS_READ_TIMEOUT),
    )


def nudge() -> None:
    """After this transaction's commit, wake a relay. Without a broker, beat does it in seconds."""
    transaction.on_commit(_send_nudge, robust=True)


def relay() -> int:
    """Tell other services what is due: a batch of releases, and one message of another kind.

    Returns how many messages were dealt with; 0 means that nothing is due, or that the services
    can't be reached, and in both cases that it is time to pause.
    """
    return _relay_releases() + _relay_others()


def capture_at_once(attempt: PaymentAttempt) -> None:
    """Capture right after the commit that claimed the message; if it fails, the relay will."""
    message = OutboxMessage.objects.filter(attempt=attempt, kind=OutboxKind.CAPTURE).first()
    if message is not None:
        _deliver(message, _capture)


def oldest_wait() -> timedelta:
    """How long the longest-waiting message waits already, dead letters included; 0 if none does."""
    oldest = OutboxMessage.objects.aggregate(created_at=Min("created_at"))["created_at"]
    return timezone.now() - oldest if oldest else timedelta(0)


def retry(messages: QuerySet[OutboxMessage]) -> int:
    """Have dead letters tried again, from the start; return how many."""
    revived = messages.filter(dead_at__isnull=False).update(
        dead_at=None, tries=0, due_at=ClockTimestamp()
    )
    nudge()
    return revived


def _send_nudge() -> None:
    if not broker.allows():
        return
    try:
        current_app.send_task("bookings.relay_outbox", queue="bookings", expires=10)
        broker.succeeded()
    except Exception as error:  # whatever the broker's trouble is, the rows are safe
        broker.failed()
        logger.warning("the relay was not woken: %s", error)


@transaction.atomic(durable=True)
def _claim(kinds: list[OutboxKind], limit: int) -> list[OutboxMessage]:
    """Up to `limit` due messages that nobody else is telling, ours until their claim runs out."""
    due = OutboxMessage.objects.due().filter(kind__in=kinds)
    messages = list(due.select_for_update(skip_locked=True, of=("self",))[:limit])
    OutboxMessage.objects.filter(pk__in=[message.pk for message in messages]).update(
        due_at=ClockTimestamp() + timedelta(seconds=claim_seconds()), tries=F("tries") + 1
    )
    for message in messages:
        message.tries += 1
    return messages


def _relay_releases() -> int:
    messages = _claim([OutboxKind.RELEASE], RELEASE_BATCH)
    return _release(messages) if messages else 0


def _release(messages: list[OutboxMessage]) -> int:
    claimed = OutboxMessage.objects.filter(pk__in=[message.pk for message in messages])
    holds = [(cast(int, m.flight_id), cast(UUID, m.hold_reference)) for m in messages]
    try:
        clients.flights().release(holds)
    except ServiceUnavailable as error:
        if error.definite and len(messages) > 1:
            return sum(_release([message]) for message in messages)  # one of them is to blame
        _try_later(messages, error)
        return len(messages) if error.definite else 0
    claimed.delete()
    return len(messages)


def _relay_others() -> int:
    messages = _claim(list(HANDLERS), 1)
    return sum(_deliver(message, HANDLERS[OutboxKind(message.kind)]) for message in messages)


def _deliver(message: OutboxMessage, handle: Callable[[OutboxMessage, Any], None]) -> int:
    """Run the message's handler, which deletes it with what it changes; return 0 if in vain."""
    try:
        handle(message, message.attempt)
    except ServiceUnavailable as error:
        _try_later([message], error)
        return 1 if error.definite else 0
    return 1


def _try_later(messages: list[OutboxMessage], error: ServiceUnavailable) -> None:
    """Exponential pauses with jitter; death for what is refused again and again."""
    for message in messages:
        pause = min(LONGEST_PAUSE, 2.0**message.tries) * random.uniform(0.5, 1)  # noqa: S311
        dead = error.definite and message.tries >= TRIES_TO_DEATH
        OutboxMessage.objects.filter(pk=message.pk).update(
            due_at=ClockTimestamp() + timedelta(seconds=pause),
            last_error=f"{type(error).__name__}: {error}",
            dead_at=timezone.now() if dead else None,
        )
        if dead:
            logger.error("outbox message %s (%s) is a dead letter", message.pk, message.kind)


def _capture(message: OutboxMessage, attempt: PaymentAttempt) -> None:
    try:
        clients.payments().capture(payment_id=cast(int, attempt.provider_id))
    except errors.CaptureRefused:
        # Void first, and cancel only when that is answered: then no capture, however late, can
        # take money for a booking that is no more.
        try:
            clients.payments().void(key=attempt.provider_key)
        except errors.AlreadyCaptured:
            _settle(message, attempt, AttemptStatus.CAPTURED)
        else:
            _fail_capture(message, attempt)
    else:
        _settle(message, attempt, AttemptStatus.CAPTURED)


def _void(message: OutboxMessage, attempt: PaymentAttempt) -> None:
    try:
        clients.payments().void(key=attempt.provider_key)
    except errors.AlreadyCaptured as error:
        # Nobody captures an attempt that was taken back: say so loudly, and give nothing up.
        raise errors.PaymentsUnavailable("captured, though it was voided", definite=True) from error
    message.delete()


def _give_back(message: OutboxMessage, attempt: PaymentAttempt) -> None:
    refund = cast(Refund, message.refund)
    if refund.amount == attempt.amount:
        try:
            clients.payments().void(key=attempt.provider_key)
        except errors.AlreadyCaptured:
            pass
        else:
            _settle_refund(message, refund, RefundStatus.VOIDED)
            return
    clients.payments().refund(
        payment_id=cast(int, attempt.provider_id),
        amount=format_amount(refund.amount, attempt.currency),
        key=refund.provider_key,
    )
    _settle_refund(message, refund, RefundStatus.REFUNDED)


def _shrink(message: OutboxMessage, attempt: None) -> None:
    """The hold gets the seats that the booking has by now: however often, in whatever order."""
    booking = message.booking
    with suppress(errors.HoldGone):  # then all of its seats are free
        clients.flights().shrink(
            flight_id=cast(int, message.flight_id),
            reference=cast(UUID, message.hold_reference),
            no_of_seats=booking.no_of_seats,
        )
    message.delete()


@transaction.atomic(durable=True)
def _settle(message: OutboxMessage, attempt: PaymentAttempt, status: AttemptStatus) -> None:
    attempt = moves.lock_attempt(attempt)
    news = moves.settle(attempt, status)
    if news and attempt.booking.status == BookingStatus.BOOKED:
        moves.tell(attempt.booking, MessageKind.BOOKED)  # only now is it sure to stay so
    message.delete()


@transaction.atomic(durable=True)
def _settle_refund(message: OutboxMessage, refund: Refund, status: RefundStatus) -> None:
    attempt = moves.lock_attempt(refund.attempt)
    refund = attempt.refunds.get(pk=refund.pk)
    refund.attempt = attempt
    if moves.settle_refund(refund, status):
        if status == RefundStatus.VOIDED:
            moves.settle(attempt, AttemptStatus.VOIDED)
        moves.tell(attempt.booking, MessageKind.REFUNDED, about=refund.pk)
    message.delete()


@transaction.atomic(durable=True)
def _fail_capture(message: OutboxMessage, attempt: PaymentAttempt) -> None:
    """The money can't be had: the booking is over, and its seats go back."""
    attempt = moves.lock_attempt(attempt)
    message.delete()
    if attempt.status != AttemptStatus.AUTHORIZED:
        return
    moves.settle(attempt, AttemptStatus.VOIDED)
    for refund in attempt.refunds.filter(status=RefundStatus.PENDING):
        OutboxMessage.objects.filter(refund=refund).delete()
        moves.settle_refund(refund, RefundStatus.VOIDED)
        moves.tell(attempt.booking, MessageKind.REFUNDED, about=refund.pk)
    if attempt.booking.status == BookingStatus.BOOKED:
        moves.cancel(attempt.booking, CancellationReason.PAYMENT_FAILED)
        moves.tell(attempt.booking, MessageKind.CANCELLED)
        nudge()


HANDLERS: dict[OutboxKind, Callable[[OutboxMessage, Any], None]] = {
    OutboxKind.CAPTURE: _capture,
    OutboxKind.VOID: _void,
    OutboxKind.GIVE_BACK: _give_back,
    OutboxKind.SHRINK: _shrink,
}
