"""What people and clocks do to bookings, through the doors that they use."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pghistory.models import Event
from rest_framework.test import APIClient

from accounts.models import User
from bookings import clients, rebooking, tasks
from bookings.models import Booking, OutboxMessage, PaymentAttempt, Rebooking, Refund, RefundRule
from bookings.states import BookingStatus, RebookingStatus, RefundStatus
from common.errors import SeatholdError
from common.wire import to_wire_time
from flights.models import Airplane, Airport, City, Flight, SeatHold
from flights.states import HoldStatus
from flights.tasks import release_expired_holds
from payments.models import Payment
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
# A little longer than what the settings say, in seconds.
LEASE = settings.PAY_LEASE_SECONDS + 5
WINDOW = settings.PAYMENT_WINDOW_SECONDS + 5
GRACE = settings.HOLD_GRACE_SECONDS + 5
DAY = 86_400.0
ROUNDS = 40  # more than any chain of messages is long

PRICE = Decimal(5000)  # of a seat, in INR
# The rules for refunds that there may be, and how much of the price of a seat comes back by each.
RULES: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "half": [{"hours_before": 0, "percent": 50}],
    "fee": [{"currency": "INR", "hours_before": 0, "percent": 100, "fee": Decimal("750.50")}],
    "too late": [{"hours_before": 10_000, "percent": 100}],
}
COMES_BACK = {"none": PRICE, "half": PRICE / 2, "fee": Decimal("4249.50"), "too late": Decimal(0)}

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
        price=PRICE,
        total_seats=seats,
        remaining_seats=seats,
    )


def make_traveller() -> User:
    """One for each booking: what a user may hold at most is not the matter here."""
    return User.objects.create(username=f"traveller{next(_numbers)}")


def set_rules(name: str) -> None:
    """From now on the rules for refunds are those of RULES[name]."""
    RefundRule.objects.all().delete()
    for rule in RULES[name]:
        RefundRule.objects.create(**rule)


def forget_everything() -> None:
    """Empty the tables of all services, faster than a flush of the whole database.

    What happened to bookings stays: nobody can delete it.
    """
    labels = ("bookings", "flights", "payments")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    tables = [model._meta.db_table for model in models if not issubclass(model, Event)]
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"DELETE FROM {table}" for table in tables))  # noqa: S608
    User.objects.filter(username__startswith="traveller").delete()


# --- What people do -----------------------------------------------------------------------------


def create(
    user_id: int, flight_id: int, seats: int, key: str | None = None, named: bool = False
) -> Any:
    """`named`: with passengers, an adult on each seat and an infant on a lap."""
    body: dict[str, Any] = {"flightId": flight_id, "noOfSeats": seats}
    if named:
        adults = [{"surname": f"Rao {'ABCDEFGHI'[number]}"} for number in range(seats)]
        body["passengers"] = [*adults, {"surname": "Rao", "type": "INFANT"}]
    return _traveller(user_id).post("/api/v1/bookings/", body, headers=_key(key))


def pay(booking_id: int, method: str, key: str) -> Any:
    body = {"paymentMethod": method}
    return _owner(booking_id).post(_path(booking_id, "payments"), body, headers=_key(key))


def quote(booking_id: int, **wanted: Any) -> Any:
    """What cancelling would do: of the whole booking, or as `wanted` in the body of `cancel`."""
    return _owner(booking_id).get(_path(booking_id, "cancellation"), as_query(wanted))


def as_query(wanted: dict[str, Any]) -> dict[str, Any]:
    ids = wanted.get("passengers")
    return wanted if ids is None else {**wanted, "passengers": ",".join(map(str, ids))}


def cancel(booking_id: int, **wanted: Any) -> Any:
    """By a `quote`, if it is given; `noOfSeats` or those of `passengers`, or else the whole."""
    return _owner(booking_id).post(_path(booking_id, "cancel"), wanted)


def refund(booking_id: int, amount: str, key: str) -> Any:
    """Staff give money back."""
    body = {"amount": amount, "reason": "the coffee was cold"}
    return _staff().post(_path(booking_id, "refunds"), body, headers=_key(key))


def extend(booking_id: int, payment_deadline: str) -> Any:
    """Staff give more time to pay."""
    return _staff().post(_path(booking_id, "extend"), {"paymentDeadline": payment_deadline})


def later(booking_id: int, seconds: float) -> str:
    """As many seconds after the booking's deadline."""
    booking = Booking.objects.get(pk=booking_id)
    return to_wire_time(booking.payment_deadline + timedelta(seconds=seconds))


def rebook(booking_id: int, to_flight_id: int, from_flight_id: int | None = None) -> str | None:
    """Whoever handles a disruption moves a booking; the code of what is wrong, or None."""
    if from_flight_id is None:
        from_flight_id = Booking.objects.values_list("flight_id", flat=True).get(pk=booking_id)
    try:
        rebooking.rebook(
            booking_id=booking_id, from_flight_id=from_flight_id, to_flight_id=to_flight_id
        )
    except SeatholdError as error:
        return error.code
    return None


def _path(booking_id: int, what: str) -> str:
    return f"/api/v1/bookings/{booking_id}/{what}/"


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _owner(booking_id: int) -> APIClient:
    return _traveller(Booking.objects.values_list("user_id", flat=True).get(pk=booking_id))


def _traveller(user_id: int) -> APIClient:
    return _client(User.objects.get(pk=user_id))


def _staff() -> APIClient:
    """May everything: who may do what has tests of its own."""
    everything = {"is_staff": True, "is_superuser": True}
    return _client(User.objects.get_or_create(username="staff", defaults=everything)[0])


def _client(user: User) -> APIClient:
    api = APIClient()
    api.force_authenticate(user)
    return api


# --- What clocks do -----------------------------------------------------------------------------


def time_passes(seconds: float) -> None:
    """PostgreSQL's clock can't be moved: so all that is measured by it is moved the other way."""
    ago = timedelta(seconds=seconds)
    Booking.objects.update(
        payment_deadline=F("payment_deadline") - ago, created_at=F("created_at") - ago
    )
    PaymentAttempt.objects.update(created_at=F("created_at") - ago)
    Rebooking.objects.update(created_at=F("created_at") - ago)
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
        if not unfinished():
            return
    raise AssertionError(f"it never settles: {unfinished()}")


def unfinished() -> list[str]:
    """What somebody, or a clock, still has to do something about."""
    left: list[Iterable[Any]] = [
        Booking.objects.filter(status=BookingStatus.INITIATED),
        PaymentAttempt.objects.filter(status__in=("PROCESSING", "AUTHORIZED")),
        Refund.objects.filter(status=RefundStatus.PENDING),
        Rebooking.objects.filter(status=RebookingStatus.PROCESSING),
        OutboxMessage.objects.all(),
        SeatHold.objects.filter(status=HoldStatus.HELD),
        Payment.objects.filter(status=PaymentStatus.REQUIRES_CAPTURE),
    ]
    return [f"{type(row).__name__} {row.pk}: {row}" for rows in left for row in rows]


def forget_clients() -> None:
    """New connections and breakers, as a new process has them."""
    for client in (clients.flights, clients.payments):
        client().service.adapter.close()
        client.cache_clear()
