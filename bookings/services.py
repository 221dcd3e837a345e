"""A traveller's booking, from seats held to ticket: making it, paying it, and when time is up.

Paying is two short transactions with the network between them and never inside: first seats are
made safe, then the booking is committed, and only then is money taken. `docs/architecture.md` has
the order, and what each crash leaves behind.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bookings import clients, errors, moves, outbox, passengers
from bookings.models import Booking, PaymentAttempt
from bookings.models.bookings import fingerprint_of
from bookings.passengers import PassengerName
from bookings.states import (
    AttemptStatus,
    BookingStatus,
    CancellationReason,
    MessageKind,
)
from common.database import database_clock
from common.errors import IdempotencyKeyReused, RequestInFlight, ServiceUnavailable
from common.log import event
from common.money import format_amount

logger = logging.getLogger(__name__)

SWEEP_BATCH = 1000


# --- Creating -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What somebody asks to book. `expected_price` is of a seat, in the flight's currency."""

    flight_id: int
    no_of_seats: int
    expected_price: Decimal | None = None
    passengers: Sequence[PassengerName] = ()
    contact_email: str = field(default="", repr=False)
    contact_phone: str = field(default="", repr=False)

    @property
    def fingerprint(self) -> str:
        """By this a repeated request is known; the price expected is judged by itself."""
        return fingerprint_of({**asdict(self), "expected_price": None})


class SeatsInHand:
    """Seats that are taken before their booking exists; given back unless its COMMIT was sent.

    Wraps the transaction that makes the booking. Once COMMIT was sent, its outcome may be unknown,
    and nothing is released: what is then left over, the hold's own expiry gives back.
    """

    def __init__(self, flight_id: int) -> None:
        self.flight_id = flight_id
        self.reference = uuid4()
        self.may_be_held = False

    def take(self, *, no_of_seats: int, seconds: float) -> clients.SoldSeats:
        """Hold seats for `seconds`. Raises what `FlightsClient.hold` raises."""
        self.may_be_held = True
        try:
            return clients.flights().hold(
                flight_id=self.flight_id,
                reference=self.reference,
                no_of_seats=no_of_seats,
                expires_at=timezone.now() + timedelta(seconds=seconds),
            )
        except (errors.FlightNotFound, errors.FlightClosed, errors.SeatsUnavailable):
            self.may_be_held = False
            raise

    def commit_follows(self) -> None:
        """Nothing but COMMIT comes now: from here the booking may stand, and needs its seats."""
        self.may_be_held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or not self.may_be_held:
            return
        try:
            clients.flights().give_up(flight_id=self.flight_id, reference=self.reference)
        except ServiceUnavailable:
            logger.warning("hold %s was not given up: it will expire", self.reference)


def find_repeat(*, user_id: int, key: str | None, order: Order) -> Booking | None:
    """The booking that this user made under this key before; None without key or booking.

    Raises IdempotencyKeyReused when that was another request.
    """
    if key is None:
        return None
    booking = Booking.objects.filter(user_id=user_id, idempotency_key=key).first()
    if booking is not None and not booking.is_repeat_of(
        fingerprint=order.fingerprint, expected_price=order.expected_price
    ):
        raise IdempotencyKeyReused
    return booking


def initiate(*, seats: SeatsInHand, user_id: int, order: Order, key: str | None = None) -> Booking:
    """Hold seats and make a booking, INITIATED, to be paid within PAYMENT_WINDOW_SECONDS.

    Runs inside `transaction.atomic` inside `seats`, with no SQL before it and none after it: so no
    lock and no connection waits on the network, and an error leaves neither booking nor hold.

    Raises PassengersDoNotFit, FlightNotFound, FlightClosed, SeatsUnavailable (with
    `remaining_seats`), PriceChanged (with `price` and `currency`), TooManyUnpaidBookings,
    TooManyBookings (with `limit`), FlightsUnavailable; KeyTaken when another request with this
    user's `key` was faster; LocatorTaken when another booking has the locator: then begin again.
    """
    passengers.check(order.passengers, no_of_seats=order.no_of_seats)
    window = settings.PAYMENT_WINDOW_SECONDS
    deadline = timezone.now() + timedelta(seconds=window)
    sold = seats.take(no_of_seats=order.no_of_seats, seconds=window + settings.HOLD_GRACE_SECONDS)
    if order.expected_price not in (None, sold.price):
        price = format_amount(sold.price, sold.currency)
        raise errors.PriceChanged(price=price, currency=sold.currency)
    _refuse_over_limit(user_id, order.flight_id)
    booking = Booking(
        reference=seats.reference,
        hold_reference=seats.reference,
        flight_id=order.flight_id,
        flight=sold.flight,
        user_id=user_id,
        no_of_seats=order.no_of_seats,
        total_cost=sold.price * order.no_of_seats,
        currency=sold.currency,
        contact_email=order.contact_email,
        contact_phone=order.contact_phone,
        idempotency_key=key,
        fingerprint=order.fingerprint if key else "",
        payment_deadline=min(deadline, sold.departure),  # nobody pays for a flight that is gone
    )
    _insert(booking)
    passengers.add(booking, order.passengers)
    moves.tell(booking, MessageKind.HELD)
    event("booking.initiated", booking=booking.pk, flight=booking.flight_id)
    seats.commit_follows()
    return booking


def _refuse_over_limit(user_id: int, flight_id: int) -> None:
    """The seller's limits, exact even when a user's requests come at once: one waits for another.

    Asked after the seats were held, so that nobody waits for the network with this lock in hand.
    """
    unpaid, hourly = settings.MAX_UNPAID_BOOKINGS, settings.MAX_BOOKINGS_PER_FLIGHT_HOUR
    if not unpaid and not hourly:
        return
    get_user_model().objects.select_for_update(no_key=True).filter(pk=user_id).first()
    bookings = Booking.objects.filter(user_id=user_id)
    if unpaid and bookings.filter(status=BookingStatus.INITIATED).count() >= unpaid:
        raise errors.TooManyUnpaidBookings(limit=unpaid)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    recent = bookings.filter(flight_id=flight_id, created_at__gt=an_hour_ago)
    if hourly and recent.count() >= hourly:
        raise errors.TooManyBookings(limit=hourly)


def _insert(booking: Booking) -> None:
    """Insert a booking. Without a savepoint to try again in: a locator is hardly ever taken."""
    try:
        booking.save(force_insert=True)
    except IntegrityError as error:
        broken = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if broken == "bookings_booking_key_once":
            raise errors.KeyTaken from error
        if broken == "bookings_booking_locator_once":
            raise errors.LocatorTaken from error
        raise


# --- Paying ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paid:
    """A booking that is BOOKED, and whether an earlier request with the same key did that."""

    booking: Booking
    replayed: bool


def pay(
    *, booking_id: int, key: str, payment_method: str, total_cost: Decimal | None = None
) -> Paid:
    """Pay a booking: BOOKED when this returns.

    `total_cost`, when given, must be what the booking costs, in its currency. The same `key` again
    tells what became of the first request, and never charges twice.

    Raises BookingNotFound, BookingExpired, BookingCancelled, AlreadyBooked, PaymentInProgress,
    PassengersMissing, AmountMismatch, PaymentDeclined, PaymentMethodUnknown, PaymentVoided,
    SeatsLost, IdempotencyKeyReused, RequestInFlight; PaymentsUnavailable and FlightsUnavailable
    when the outcome is not known yet: the reconciler finds it out.
    """
    attempt, is_new = _start_attempt(
        booking_id=booking_id, key=key, payment_method=payment_method, total_cost=total_cost
    )
    if is_new:
        _carry_through(attempt)
    return Paid(_outcome(attempt), replayed=not is_new)


@transaction.atomic(durable=True)
def _start_attempt(
    *, booking_id: int, key: str, payment_method: str, total_cost: Decimal | None
) -> tuple[PaymentAttempt, bool]:
    """A new attempt, or the one that `key` began. The only place that judges the deadline."""
    booking = moves.lock_booking(booking_id)
    attempt = booking.attempts.filter(idempotency_key=key).first()
    if attempt is not None:
        if attempt.payment_method != payment_method or total_cost not in (None, attempt.amount):
            raise IdempotencyKeyReused
        return attempt, False
    refuse_unless_payable(booking)
    passengers.refuse_if_missing(booking)
    if total_cost not in (None, booking.total_cost):
        cost = format_amount(booking.total_cost, booking.currency)
        raise errors.AmountMismatch(total_cost=cost, currency=booking.currency)
    return moves.start_attempt(booking, idempotency_key=key, payment_method=payment_method), True


def refuse_unless_payable(booking: Booking) -> None:
    """Raise why the booking, which is locked, can't be paid now, if it can't."""
    if booking.status == BookingStatus.CANCELLED:
        raise _why_cancelled(booking)
    if booking.status == BookingStatus.BOOKED:
        raise errors.AlreadyBooked
    if booking.paying_since is not None:
        raise errors.PaymentInProgress
    if booking.payment_deadline <= database_clock():
        raise errors.BookingExpired


def _carry_through(attempt: PaymentAttempt) -> None:
    """Take a new attempt as far as it goes. Unknown outcomes leave it PROCESSING, and raise."""
    try:
        provider_id = clients.payments().authorise(
            key=attempt.provider_key,
            reference=attempt.booking.reference,
            amount=format_amount(attempt.amount, attempt.currency),
            currency=attempt.currency,
            payment_method=attempt.payment_method,
        )
    except errors.PaymentDeclined:
        _decline(attempt)
        raise
    except errors.PaymentMethodUnknown:
        _take_back(attempt)
        raise
    except errors.PaymentVoided:
        return  # somebody took the attempt back: the booking says how it stands
    _confirm_and_book(attempt, provider_id)


def _confirm_and_book(attempt: PaymentAttempt, provider_id: int) -> None:
    """From authorised to BOOKED: seats first, then the booking, then the money."""
    booking = attempt.booking
    try:
        clients.flights().confirm(flight_id=booking.flight_id, reference=booking.hold_reference)
    except errors.HoldGone:
        _lose_seats(attempt)
        return
    if _book(attempt, provider_id):
        outbox.capture_at_once(attempt)


@transaction.atomic(durable=True)
def _decline(attempt: PaymentAttempt) -> None:
    moves.decline(moves.lock_attempt(attempt))


@transaction.atomic(durable=True)
def _lose_seats(attempt: PaymentAttempt) -> None:
    attempt = moves.lock_attempt(attempt)
    if moves.take_back(attempt) and attempt.booking.status == BookingStatus.INITIATED:
        moves.cancel(attempt.booking, CancellationReason.SEATS_LOST)
        moves.tell(attempt.booking, MessageKind.CANCELLED)
    outbox.nudge()


@transaction.atomic(durable=True)
def _take_back(attempt: PaymentAttempt) -> None:
    moves.take_back(moves.lock_attempt(attempt))
    outbox.nudge()


@transaction.atomic(durable=True)
def _book(attempt: PaymentAttempt, provider_id: int) -> bool:
    """BOOKED, unless somebody took the attempt back meanwhile; returns whether it was so."""
    attempt = moves.lock_attempt(attempt)
    if attempt.status != AttemptStatus.PROCESSING:
        return False
    if attempt.booking.status != BookingStatus.INITIATED:
        moves.take_back(attempt)
        outbox.nudge()
        return False
    # We capture at once; the relay must not try at the same time, but soon after if we die.
    ours = timedelta(seconds=outbox.claim_seconds())
    moves.book(attempt, provider_id=provider_id, capture_due_at=timezone.now() + ours)
    return True


def _outcome(attempt: PaymentAttempt) -> Booking:
    """What became of an attempt, by what the booking says now; raises when it is not BOOKED."""
    attempt = PaymentAttempt.objects.select_related("booking").get(pk=attempt.pk)
    booking = attempt.booking
    if attempt.status == AttemptStatus.DECLINED:
        raise errors.PaymentDeclined
    if booking.status == BookingStatus.CANCELLED:
        raise _why_cancelled(booking)
    if attempt.status == AttemptStatus.PROCESSING:
        raise RequestInFlight
    if attempt.status == AttemptStatus.VOIDED:
        raise errors.PaymentVoided
    return booking


def _why_cancelled(booking: Booking) -> errors.Conflict:
    match booking.cancellation_reason:
        case CancellationReason.TIMEDOUT:
            return errors.BookingExpired()
        case CancellationReason.SEATS_LOST:
            return errors.SeatsLost()
        case reason:
            return errors.BookingCancelled(cancellation_reason=reason)


# --- By the clock ---------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def expire(*, limit: int = SWEEP_BATCH) -> int:
    """Cancel up to `limit` bookings that nobody paid in time (TIMEDOUT); return how many.

    Any number of sweeps may run at once: each takes rows that no other has, and rows that somebody
    is just paying or cancelling are left to the next sweep, if they are then still overdue.
    """
    overdue = Booking.objects.overdue().order_by("payment_deadline")
    due = list(overdue.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
    if not due:
        return 0
    Booking.objects.filter(pk__in=due).update(
        status=BookingStatus.CANCELLED,
        cancellation_reason=CancellationReason.TIMEDOUT,
        updated_at=Now(),
    )
    moves.release_all(due)
    moves.tell_all(due, MessageKind.EXPIRED)
    event("bookings.expired", count=len(due), bookings=due)
    outbox.nudge()
    return len(due)


def unfinished_attempts() -> QuerySet[PaymentAttempt]:
    """Attempts that are PROCESSING for longer than any request to pay lives."""
    lease = timedelta(seconds=settings.PAY_LEASE_SECONDS)
    return PaymentAttempt.objects.filter(
        status=AttemptStatus.PROCESSING, created_at__lte=Now() - lease
    ).select_related("booking")


def reconcile(attempts: Sequence[PaymentAttempt]) -> int:
    """Finish attempts that nobody works on any more, forward or back; return how many.

    What can't be found out now is left for the next time. Repeatable, any number at once.
    """
    return sum(_reconcile(attempt) for attempt in attempts)


def _reconcile(attempt: PaymentAttempt) -> bool:
    try:
        if attempt.booking.status != BookingStatus.INITIATED:
            _take_back(attempt)
        else:
            _follow_provider(attempt)
    except ServiceUnavailable as error:
        logger.warning("attempt %s is left as it is: %s", attempt.pk, error)
        return False
    return True


def _follow_provider(attempt: PaymentAttempt) -> None:
    """Forward where the provider has authorised; back where it has not, which is voided by key."""
    payment = clients.payments().find(key=attempt.provider_key)
    if payment is not None and payment.status == "REQUIRES_CAPTURE":
        _confirm_and_book(attempt, payment.id)
    elif payment is not None and payment.status == "FAILED":
        _decline(attempt)
    else:  # unknown is not "will not come": the void waits for it
        _take_back(attempt)
