"""What must be true of seats and money, by the rows of all three services: now, and in the end.

Told anew from what was promised, and not from the audit's code, so that each proves the other.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from bookings import audit
from bookings.models import Booking, OutboxMessage, PaymentAttempt, Rebooking
from bookings.states import PassengerType
from flights.models import Flight, SeatHold
from flights.states import HoldStatus
from payments.models import Payment
from tests.money import acts

LIVE = (HoldStatus.HELD, HoldStatus.CONFIRMED)
PAYING = ("AUTHORIZED", "CAPTURED", "REFUNDED")
# What may be at the provider, by the state of the attempt; None: nothing is known there.
AT_THE_PROVIDER: dict[str, set[str | None]] = {
    "PROCESSING": {None, "REQUIRES_CAPTURE", "FAILED"},
    "DECLINED": {"FAILED"},
    "AUTHORIZED": {"REQUIRES_CAPTURE", "SUCCEEDED", "CANCELED"},
    "CAPTURED": {"SUCCEEDED"},
    "REFUNDED": {"SUCCEEDED"},
    "VOIDED": {"CANCELED", "FAILED"},
}
UNTIL_VOIDED: set[str | None] = {None, "REQUIRES_CAPTURE", "CANCELED", "FAILED"}


def broken_promises() -> list[str]:
    """What must never be, at any moment, whatever is under way."""
    parts = ("attempts__refunds", "outbox__refund", "cancellations", "passengers")
    bookings = list(Booking.objects.prefetch_related(*parts))
    return [*_miscounted_seats(), *_broken_about_seats(bookings), *_broken_about_money(bookings)]


def check_the_end() -> None:
    """All is settled: counted by hand, and by the audit, it adds up."""
    assert acts.unfinished() == []
    assert broken_promises() == []
    booked = Booking.objects.filter(status="BOOKED")
    seats = booked.values_list("hold_reference", "flight_id", "no_of_seats")
    held = SeatHold.objects.filter(status="CONFIRMED")
    assert set(held.values_list("reference", "flight_id", "no_of_seats")) == set(seats)
    captured = Payment.objects.filter(status="SUCCEEDED")
    kept = {payment.reference: payment.refundable for payment in captured if payment.refundable}
    assert kept == {booking.reference: due for booking in _paid() if (due := _due(booking))}
    assert audit.audit().differences == []


def _paid() -> Any:
    return Booking.objects.filter(attempts__status__in=PAYING).distinct()


def _due(booking: Booking) -> Decimal:
    """What a paid booking leaves with us in the end: by its rules, and by what staff gave away."""
    standing = booking.total_cost if booking.status == "BOOKED" else Decimal(0)
    kept = sum(cancellation.kept for cancellation in booking.cancellations.all())
    refunds = [refund for paid in booking.attempts.all() for refund in paid.refunds.all()]
    return standing + kept - sum(r.amount for r in refunds if r.cancellation_id is None)


# --- Seats --------------------------------------------------------------------------------------


def _miscounted_seats() -> list[str]:
    held = SeatHold.objects.filter(status__in=LIVE).order_by().values("flight")
    taken = dict(held.annotate(seats=Sum("no_of_seats")).values_list("flight", "seats"))
    return [
        f"flight {flight.pk}: {flight.remaining_seats} of {flight.total_seats} seats are left,"
        f" and {taken.get(flight.pk, 0)} are taken"
        for flight in Flight.objects.all()
        if flight.total_seats - flight.remaining_seats != taken.get(flight.pk, 0)
    ]


def _broken_about_seats(bookings: list[Booking]) -> Iterator[str]:
    live = {hold.reference: hold for hold in SeatHold.objects.filter(status__in=LIVE)}
    rebooking = Rebooking.objects.filter(status="PROCESSING")
    # Those that are there for a reason.
    wanted: set[UUID | None] = set(rebooking.values_list("hold_reference", flat=True))
    for booking in bookings:
        told = [message for message in booking.outbox.all() if message.hold_reference]
        wanted |= {message.hold_reference for message in told if message.kind == "RELEASE"}
        if booking.status != "CANCELLED":
            wanted.add(booking.hold_reference)
            shrinking = {message.hold_reference for message in told if message.kind == "SHRINK"}
            yield from _broken_about_hold(booking, live.get(booking.hold_reference), shrinking)
            yield from _broken_about_passengers(booking)
    # One that is HELD expires, should nobody know of it; but a cancelled booking's is released.
    known = {booking.hold_reference for booking in bookings}
    for hold in live.values():
        may_expire = hold.status == "HELD" and hold.reference not in known
        if hold.reference not in wanted and not may_expire:
            yield f"{hold.no_of_seats} seats of flight {hold.flight_id} are {hold.status} in vain"


def _broken_about_hold(
    booking: Booking, hold: SeatHold | None, shrinking: set[UUID | None]
) -> Iterator[str]:
    if booking.status == "BOOKED" and (hold is None or hold.status != "CONFIRMED"):
        yield f"{booking} has a hold that is {hold.status if hold else 'gone'}"
    if hold is None:
        return
    if hold.flight_id != booking.flight_id:
        yield f"{booking} has its seats on flight {hold.flight_id}"
    more = hold.no_of_seats - booking.no_of_seats
    if more < 0 or (more > 0 and booking.hold_reference not in shrinking):
        yield f"{booking} has {booking.no_of_seats} seats, and its hold {hold.no_of_seats}"


def _broken_about_passengers(booking: Booking) -> Iterator[str]:
    travelling = [one for one in booking.passengers.all() if one.cancellation_id is None]
    seated = sum(one.type != PassengerType.INFANT for one in travelling)
    if travelling and seated != booking.no_of_seats:
        yield f"{booking} has {booking.no_of_seats} seats for {seated} passengers"


# --- Money --------------------------------------------------------------------------------------


def _broken_about_money(bookings: list[Booking]) -> Iterator[str]:
    payments = {
        payment.idempotency_key: payment for payment in Payment.objects.prefetch_related("refunds")
    }
    for booking in bookings:
        messages = list(booking.outbox.all())
        for attempt in booking.attempts.all():
            payment = payments.pop(str(attempt.provider_key), None)
            mine = [message for message in messages if message.attempt_id == attempt.pk]
            yield from _broken_about_attempt(booking, attempt, payment, mine)
            yield from _broken_about_refunds(attempt, payment, mine)
        yield from _broken_about_books(booking)
    for payment in payments.values():
        yield f"payment {payment.pk} is for nothing that we know"


def _broken_about_attempt(
    booking: Booking,
    attempt: PaymentAttempt,
    payment: Payment | None,
    messages: list[OutboxMessage],
) -> Iterator[str]:
    status = payment.status if payment else None
    pending = {message.kind for message in messages}
    possible = AT_THE_PROVIDER[attempt.status]
    if attempt.status == "VOIDED" and "VOID" in pending:
        possible = UNTIL_VOIDED
    if status not in possible:
        yield f"{booking} has an attempt {attempt.status}, and at the provider it is {status}"
    everything = any(m.refund.amount == attempt.amount for m in messages if m.refund)
    if attempt.status == "AUTHORIZED" and "CAPTURE" not in pending and not everything:
        yield f"{booking} has an attempt AUTHORIZED that nobody captures"
    if payment and payment.amount is not None:
        asked = (payment.reference, payment.amount, payment.currency)
        if asked != (booking.reference, attempt.amount, attempt.currency):
            yield f"{booking} has an attempt of {attempt.amount}, and paid {asked}"


def _broken_about_refunds(
    attempt: PaymentAttempt, payment: Payment | None, messages: list[OutboxMessage]
) -> Iterator[str]:
    """Each is made once, by its own key; or it is about to be, and then somebody is told to."""
    refunds = list(attempt.refunds.all())
    made = {r.idempotency_key: r.amount for r in payment.refunds.all()} if payment else {}
    asked = sorted(message.refund_id for message in messages if message.refund_id)
    if asked != sorted(refund.pk for refund in refunds if refund.status == "PENDING"):
        yield f"{attempt}: the relay is told of refunds {asked}"
    for refund in refunds:
        given = made.pop(refund.provider_key, None)
        possible = {"PENDING": (None, refund.amount), "REFUNDED": (refund.amount,)}
        if given not in possible.get(refund.status, (None,)):
            yield f"{attempt} has a refund {refund.status} of {refund.amount}, and gave {given}"
    if made:
        yield f"{attempt} was refunded in a way that we don't know: {made}"
    total = sum(refund.amount for refund in refunds)
    if total != attempt.amount_refunded or total > attempt.amount:
        yield f"{attempt} has refunds of {total}, and says {attempt.amount_refunded}"
    done = sum(refund.amount for refund in refunds if refund.status == "REFUNDED")
    if (done == attempt.amount) != (attempt.status == "REFUNDED"):
        yield f"{attempt} gave {done} back"


def _broken_about_books(booking: Booking) -> Iterator[str]:
    """Paid is what the booked seats cost and the cancelled ones did; what is due comes back."""
    attempts = list(booking.attempts.all())
    paying = [attempt for attempt in attempts if attempt.status in PAYING]
    trying = [attempt for attempt in attempts if attempt.status == "PROCESSING"]
    cancellations = list(booking.cancellations.all())
    allowed = {"INITIATED": (0,), "BOOKED": (1,), "CANCELLED": (0, 1)}[booking.status]
    if len(paying) not in allowed:
        yield f"{booking} is paid by {len(paying)} attempts"
    if len(trying) != (booking.paying_since is not None):
        yield f"{booking} is being paid by {len(trying)} attempts"
    standing = booking.total_cost if booking.status == "BOOKED" else Decimal(0)
    cost = standing + sum(done.refund + done.kept for done in cancellations)
    if paying and paying[0].amount != cost:
        yield f"{booking} costs {cost}, and {paying[0].amount} are paid"
    refunds = [refund for attempt in attempts for refund in attempt.refunds.all()]
    due = {done.pk: done.refund for done in cancellations if done.refund}
    if due != {r.cancellation_id: r.amount for r in refunds if r.cancellation_id}:
        yield f"{booking} is to give back {due}, and does other things"
