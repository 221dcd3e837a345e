"""What people and clocks do to bookings, through the doors that they use."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.conf import settings
from django.db.models import F, Sum
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from bookings import audit, clients, tasks
from bookings.models import Booking, OutboxMessage, PaymentAttempt
from bookings.states import BookingStatus
from flights.models import Airplane, Airport, City, Flight, SeatHold
from flights.states import HoldStatus
from flights.tasks import release_expired_holds
from payments.models import Payment, Refund
from payments.states import PaymentStatus

METHODS = (
    "tok_visa",
    "tok_declined",
    "tok_insufficient_funds",
    "tok_timeout",
    "tok_error_once",
    "tok_slow",
    "tok_capture_fails",
    "tok_nobody_knows",
)
LIVE = (HoldStatus.HELD, HoldStatus.CONFIRMED)
# A little longer than what the settings say, in seconds.
LEASE = settings.PAY_LEASE_SECONDS + 5
WINDOW = settings.PAYMENT_WINDOW_SECONDS + 5
GRACE = settings.HOLD_GRACE_SECONDS + 5
DAY = 86_400.0
ROUNDS = 40  # more than any chain of messages is long

_numbers = count(1)


# --- What there is ------------------------------------------------------------------------------


def make_flight(seats: int) -> Flight:
    """A flight tomorrow, 5000 INR a seat."""
    city, _ = City.objects.get_or_create(name="Anywhere", country="Nowhere")
    delhi, bombay = (
        Airport.objects.get_or_create(
            code=code, defaults={"name": code, "city": city, "time_zone": "Asia/Kolkata"}
        )[0]
        for code in ("DEL", "BOM")
    )
    airplane, _ = Airplane.objects.get_or_create(model_number="A380", defaults={"capacity": 900})
    leaves = timezone.now() + timedelta(days=1)
    return Flight.objects.create(
        flight_number=f"UK{next(_numbers) % 9999 + 1}",
        airplane=airplane,
        departure_airport=delhi,
        arrival_airport=bombay,
        departure_time=leaves,
        arrival_time=leaves + timedelta(hours=2),
        price=Decimal(5000),
        total_seats=seats,
        remaining_seats=seats,
    )


def make_traveller() -> User:
    """One for each booking: what a user may hold at most is not the matter here."""
    return User.objects.create(username=f"traveller{next(_numbers)}")


def forget_everything() -> None:
    """Empty the tables of all services, faster than a flush of the whole database."""
    for model in (OutboxMessage, PaymentAttempt, Booking, SeatHold, Flight, Refund, Payment):
        model.objects.all().delete()
    User.objects.filter(username__startswith="traveller").delete()


# --- What people do -----------------------------------------------------------------------------


def create(user_id: int, flight_id: int, seats: int, key: str | None = None) -> Any:
    body = {"flightId": flight_id, "noOfSeats": seats}
    return _post(user_id, "/api/v1/bookings/", body, key)


def pay(booking_id: int, method: str, key: str) -> Any:
    path = f"/api/v1/bookings/{booking_id}/payments/"
    return _post(_traveller(booking_id), path, {"paymentMethod": method}, key)


def cancel(booking_id: int) -> Any:
    return _post(_traveller(booking_id), f"/api/v1/bookings/{booking_id}/cancel/", {}, None)


def _traveller(booking_id: int) -> int:
    return Booking.objects.values_list("user_id", flat=True).get(pk=booking_id)


def _post(user_id: int, path: str, body: dict[str, Any], key: str | None) -> Any:
    api = APIClient()
    api.force_authenticate(User.objects.get(pk=user_id))
    headers = {"Idempotency-Key": key} if key else {}
    return api.post(path, body, headers=headers)


# --- What clocks do -----------------------------------------------------------------------------


def time_passes(seconds: float) -> None:
    """PostgreSQL's clock can't be moved: so all that is measured by it is moved the other way."""
    ago = timedelta(seconds=seconds)
    Booking.objects.update(payment_deadline=F("payment_deadline") - ago)
    PaymentAttempt.objects.update(created_at=F("created_at") - ago)
    OutboxMessage.objects.update(due_at=F("due_at") - ago)
    SeatHold.objects.update(expires_at=F("expires_at") - ago)


CLOCKWORK: dict[str, Callable[[], int]] = {
    "expire": tasks.expire_bookings,
    "relay": tasks.relay_outbox,
    "reconcile": tasks.reconcile_payments,
    "reap": release_expired_holds,
}


def recover() -> None:
    """What happens by itself within a minute of a crash, before any deadline passes."""
    for _ in range(3):
        time_passes(LEASE)
        tasks.reconcile_payments()
        tasks.relay_outbox()


def settle() -> None:
    """Let time pass, and all clockwork run, until nothing is left to be done."""
    for _ in range(ROUNDS):
        time_passes(DAY)
        for work in CLOCKWORK.values():
            work()
        if not _unfinished():
            return
    raise AssertionError(f"it never settles: {_unfinished()}")


def _unfinished() -> list[str]:
    left: list[Iterable[Any]] = [
        Booking.objects.filter(status=BookingStatus.INITIATED),
        PaymentAttempt.objects.filter(status__in=("PROCESSING", "AUTHORIZED")),
        OutboxMessage.objects.all(),
        SeatHold.objects.filter(status=HoldStatus.HELD),
        Payment.objects.filter(status=PaymentStatus.REQUIRES_CAPTURE),
    ]
    return [f"{type(row).__name__} {row.pk}: {row}" for rows in left for row in rows]


# --- What must be true --------------------------------------------------------------------------


def broken_promises() -> list[str]:
    """What must never be, at any moment, whatever is under way."""
    bookings = {b.reference: b for b in Booking.objects.prefetch_related("attempts", "outbox")}
    holds = {hold.reference: hold for hold in SeatHold.objects.all()}
    wrong = _miscounted_seats()
    for booking in bookings.values():
        hold = holds.get(booking.reference)
        wrong += _broken_to_the_booked(booking, hold)
    captured: dict[Any, Decimal] = {}
    for payment in Payment.objects.filter(status=PaymentStatus.SUCCEEDED):
        kept = captured.get(payment.reference, Decimal(0)) + payment.refundable
        captured[payment.reference] = kept
    for reference, kept in captured.items():
        wrong += _money_for_nothing(bookings.get(reference), kept)
    return wrong


def _miscounted_seats() -> list[str]:
    held = SeatHold.objects.filter(status__in=LIVE).order_by().values("flight")
    taken = dict(held.annotate(seats=Sum("no_of_seats")).values_list("flight", "seats"))
    return [
        f"flight {flight.pk}: {flight.remaining_seats} of {flight.total_seats} seats are left,"
        f" and {taken.get(flight.pk, 0)} are taken"
        for flight in Flight.objects.all()
        if flight.total_seats - flight.remaining_seats != taken.get(flight.pk, 0)
    ]


def _broken_to_the_booked(booking: Booking, hold: SeatHold | None) -> list[str]:
    if booking.status != BookingStatus.BOOKED:
        return []
    wrong = []
    seats = (hold.status, hold.no_of_seats) if hold else None
    if seats != (HoldStatus.CONFIRMED, booking.no_of_seats):
        wrong.append(f"{booking} has {booking.no_of_seats} seats, and its hold is {seats}")
    paying = [a for a in booking.attempts.all() if a.status in ("AUTHORIZED", "CAPTURED")]
    if len(paying) != 1:
        wrong.append(f"{booking} is paid by {len(paying)} attempts")
    return wrong


def _money_for_nothing(booking: Booking | None, kept: Decimal) -> list[str]:
    if kept == 0:
        return []
    if booking is None:
        return [f"{kept} are kept for no booking"]
    given_back = {message.kind for message in booking.outbox.all()} >= {"GIVE_BACK"}
    if booking.status == BookingStatus.CANCELLED and given_back:
        return []
    if (booking.status, kept) == (BookingStatus.BOOKED, booking.total_cost):
        return []
    return [f"{booking} costs {booking.total_cost}, and {kept} are kept"]


def check_the_end() -> None:
    """All is settled: counted by hand, and by the audit, it adds up."""
    assert broken_promises() == []
    booked = Booking.objects.filter(status=BookingStatus.BOOKED)
    sold = dict(booked.order_by().values_list("flight_id").annotate(Sum("no_of_seats")))
    taken = {f.pk: f.total_seats - f.remaining_seats for f in Flight.objects.all()}
    assert taken == {pk: sold.get(pk, 0) for pk in taken}
    captured = Payment.objects.filter(status=PaymentStatus.SUCCEEDED)
    kept = {payment.reference: payment.refundable for payment in captured if payment.refundable}
    assert kept == dict(booked.values_list("reference", "total_cost"))
    assert audit.audit().differences == []


def forget_clients() -> None:
    """New connections and breakers, as a new process has them."""
    for client in (clients.flights, clients.payments):
        client().service.session.close()
        client.cache_clear()
