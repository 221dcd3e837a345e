"""Cancelling a booking, or some of its seats: what it would do with the money, and doing it.

A quote is not stored: it is the terms of the moment, named by a hash of all that they hang on. Who
sends a quote's name gets those terms or none: under the lock of the booking they are worked out
again, and another name is answered with the new quote.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from bookings import errors, moves, outbox, refunds
from bookings.models import Booking, Cancellation, Passenger, PaymentAttempt, Refund
from bookings.passengers import travelling
from bookings.refunds import Terms
from bookings.states import (
    AttemptStatus,
    BookingStatus,
    CancellationReason,
    MessageKind,
    PassengerType,
)
from common.database import database_clock
from common.errors import IdempotencyKeyReused
from common.money import format_amount

PAID = (AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED)


@dataclass(frozen=True)
class Quote:
    """What cancelling `no_of_seats` of a booking does, until `terms.valid_until` (UTC).

    `id` is a name for these terms of this booking as it stood when they were worked out.
    """

    id: str
    booking: Booking
    no_of_seats: int
    is_whole: bool
    passengers: tuple[Passenger, ...]
    terms: Terms

    @classmethod
    def of(
        cls, booking: Booking, no_of_seats: int, passengers: Sequence[Passenger], terms: Terms
    ) -> "Quote":
        hangs_on = (
            booking.pk,
            booking.flight_id,
            booking.status,
            booking.no_of_seats,
            no_of_seats,
            sorted(passenger.pk for passenger in passengers),
            format_amount(terms.refund, booking.currency),
            format_amount(terms.kept, booking.currency),
            terms.rule["name"],
        )
        return cls(
            id=hashlib.sha256(repr(hangs_on).encode()).hexdigest()[:32],
            booking=booking,
            no_of_seats=no_of_seats,
            is_whole=no_of_seats == booking.no_of_seats,
            passengers=tuple(passengers),
            terms=terms,
        )

    @property
    def currency(self) -> str:
        return self.booking.currency

    @property
    def passenger_ids(self) -> list[int]:
        return [passenger.pk for passenger in self.passengers]


def quote(
    *, booking: Booking, no_of_seats: int | None = None, passengers: Sequence[int] | None = None
) -> Quote:
    """What cancelling would do now: all seats, `no_of_seats` of them, or those of `passengers`.

    `passengers` are ids; who has seats cancelled of a booking with passengers names them.
    Raises BookingCancelled, FlightDeparted, TooManySeats, PassengersUnclear.
    """
    if booking.status == BookingStatus.CANCELLED:
        raise errors.BookingCancelled(cancellation_reason=booking.cancellation_reason)
    leaving = _leaving(booking, no_of_seats, passengers)
    seats = _seats(booking, no_of_seats, leaving, passengers)
    return Quote.of(booking, seats, leaving, _terms(booking, seats, database_clock()))


@transaction.atomic(durable=True)
def cancel(
    *,
    booking_id: int,
    quote_id: str | None = None,
    no_of_seats: int | None = None,
    passengers: Sequence[int] | None = None,
) -> Booking:
    """Cancel all seats, or some: they go back, and money by the terms of `quote_id`, or of now.

    Twice is once: a cancelled booking stays as it is, and a quote is carried out once. Cancelling
    some seats takes a quote, because nothing else tells a second time from a repeated request.

    Raises BookingNotFound, PaymentInProgress while an attempt is PROCESSING, QuoteOutdated with the
    quote as it is now, QuoteMissing, and what `quote` raises, but for BookingCancelled.
    """
    booking = moves.lock_booking(booking_id)
    if booking.status == BookingStatus.CANCELLED or _carried_out(booking, quote_id):
        return booking
    if booking.paying_since is not None:
        raise errors.PaymentInProgress
    now = quote(booking=booking, no_of_seats=no_of_seats, passengers=passengers)
    if quote_id is None and not now.is_whole:
        raise errors.QuoteMissing
    if quote_id not in (None, now.id):
        raise errors.QuoteOutdated(now)
    carry_out(now, CancellationReason.USER)
    return booking


def carry_out(quote: Quote, reason: CancellationReason) -> Cancellation:
    """Do what `quote` says, to its booking, which is locked, in the caller's transaction."""
    booking, terms = quote.booking, quote.terms
    paid = _paid(booking)
    if quote.is_whole:
        moves.cancel(booking, reason)
    else:
        moves.cancel_seats(booking, quote.no_of_seats)
    cancellation = Cancellation.objects.create(
        booking=booking,
        no_of_seats=quote.no_of_seats,
        quote=quote.id,
        rule=terms.rule,
        refund=terms.refund,
        kept=terms.kept,
    )
    for passenger in quote.passengers:
        passenger.cancellation = cancellation
        passenger.save(update_fields=["cancellation"])
    if paid is not None and terms.refund:
        moves.give_back(paid, terms.refund, cancellation=cancellation)
    moves.tell(booking, MessageKind.CANCELLED, about=cancellation.pk)
    outbox.nudge()
    return cancellation


@transaction.atomic(durable=True)
def refund(*, booking_id: int, amount: Decimal, reason: str, key: str, by: int) -> Refund:
    """Give back `amount`, in the booking's currency, of what is kept, for a `reason`; once a `key`.

    `by` is the id of the member of staff who does it. Raises BookingNotFound, NothingToRefund,
    RefundTooLarge (with `refundable`), IdempotencyKeyReused.
    """
    booking = moves.lock_booking(booking_id)
    before = Refund.objects.filter(attempt__booking=booking, idempotency_key=key).first()
    if before is not None:
        if (before.amount, before.reason) != (amount, reason):
            raise IdempotencyKeyReused
        return before
    paid = _paid(booking)
    if paid is None or paid.status != AttemptStatus.CAPTURED:
        raise errors.NothingToRefund
    left = paid.amount - paid.amount_refunded
    if amount > left:
        refundable = format_amount(left, booking.currency)
        raise errors.RefundTooLarge(refundable=refundable, currency=booking.currency)
    made = moves.give_back(paid, amount, reason=reason, idempotency_key=key, requested_by_id=by)
    outbox.nudge()
    return made


def in_full(booking: Booking, rule: dict[str, Any]) -> Quote:
    """The terms for a traveller who is not to blame: all seats, and all that they cost."""
    paid = booking.total_cost if booking.status == BookingStatus.BOOKED else Decimal(0)
    terms = _bounded(booking, paid, rule, booking.departure_time)
    return Quote.of(booking, booking.no_of_seats, list(travelling(booking)), terms)


def _terms(booking: Booking, seats: int, now: datetime) -> Terms:
    cost = booking.seat_price * seats
    if booking.status == BookingStatus.INITIATED:
        return Terms(Decimal(0), Decimal(0), refunds.NOTHING_PAID, booking.payment_deadline)
    if booking.departure_time <= now:
        raise errors.FlightDeparted
    if booking.free_to_cancel:
        return _bounded(booking, cost, refunds.FLIGHT_MOVED, booking.departure_time)
    terms = refunds.terms_of(
        cost=cost,
        no_of_seats=seats,
        fare=booking.flight.get("fare", ""),
        currency=booking.currency,
        departure=booking.departure_time,
        now=now,
    )
    return _bounded(booking, terms.refund, terms.rule, terms.valid_until, cost=cost)


def _bounded(
    booking: Booking,
    refund: Decimal,
    rule: dict[str, Any],
    valid_until: datetime,
    cost: Decimal | None = None,
) -> Terms:
    """Not more comes back than is left of what was paid: staff may have refunded some before."""
    paid = _paid(booking)
    left = paid.amount - paid.amount_refunded if paid else Decimal(0)
    cost = refund if cost is None else cost
    refund = min(refund, left)
    return Terms(refund, cost - refund, rule, valid_until)


def _paid(booking: Booking) -> PaymentAttempt | None:
    """The attempt that paid the booking, as long as something of it may be left."""
    return booking.attempts.filter(status__in=PAID).first()


def _carried_out(booking: Booking, quote_id: str | None) -> bool:
    return quote_id is not None and booking.cancellations.filter(quote=quote_id).exists()


def _leaving(
    booking: Booking, no_of_seats: int | None, wanted: Sequence[int] | None
) -> tuple[Passenger, ...]:
    """The passengers who lose their seats, and infants who go with them."""
    everybody = list(travelling(booking))
    if wanted is None:
        if everybody and no_of_seats not in (None, booking.no_of_seats):
            raise errors.PassengersUnclear("Say which passengers do not travel.")
        return tuple(everybody)
    leaving = [passenger for passenger in everybody if passenger.pk in wanted]
    if not leaving or len(leaving) != len(set(wanted)):
        raise errors.PassengersUnclear("These are not passengers of the booking.")
    staying = [passenger.type for passenger in everybody if passenger not in leaving]
    if staying.count(PassengerType.INFANT) > staying.count(PassengerType.ADULT):
        raise errors.PassengersUnclear("Each infant that stays needs an adult.")
    return tuple(leaving)


def _seats(
    booking: Booking,
    no_of_seats: int | None,
    leaving: Sequence[Passenger],
    wanted: Sequence[int] | None,
) -> int:
    if wanted is None:
        seats = booking.no_of_seats if no_of_seats is None else no_of_seats
    else:
        seats = sum(passenger.type != PassengerType.INFANT for passenger in leaving)
        if no_of_seats not in (None, seats):
            raise errors.PassengersUnclear(f"These passengers have {seats} seats.")
    if not 1 <= seats <= booking.no_of_seats:
        raise errors.TooManySeats(booked_seats=booking.no_of_seats)
    return seats
