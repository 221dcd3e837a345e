"""What the audit calls wrong, case by case, and that it looks twice."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bookings import audit, errors, moves, verdicts
from bookings.clients import ProviderPayment
from bookings.models import (
    AuditRun,
    Booking,
    Cancellation,
    OutboxMessage,
    PaymentAttempt,
    Rebooking,
    Refund,
)
from bookings.states import BookingStatus, OutboxKind
from bookings.verdicts import judge_money, judge_seats
from common.wire import to_wire_time

pytestmark = pytest.mark.django_db


def make_hold(booking: Booking | None, status: str, **changes: Any) -> dict[str, Any]:
    return {
        "reference": str(booking.reference) if booking else str(uuid4()),
        "flightId": 1,
        "noOfSeats": 2,
        "status": status,
        "expiresAt": to_wire_time(timezone.now() + timedelta(minutes=7)),
        **changes,
    }


def make_payment(attempt: PaymentAttempt | None, status: str, **changes: Any) -> ProviderPayment:
    columns: dict[str, Any] = {
        "id": 7,
        "key": str(attempt.provider_key) if attempt else "a-key",
        "reference": str(uuid4()),
        "status": status,
        "amount": Decimal(10000),
        "amount_refunded": Decimal(0),
        "currency": "INR",
    }
    return ProviderPayment(**{**columns, **changes})


@pytest.fixture
def attempt_of() -> Callable[..., PaymentAttempt]:
    def make(booking: Booking, status: str, *outbox: str) -> PaymentAttempt:
        attempt = PaymentAttempt.objects.create(
            booking=booking,
            idempotency_key="k",
            payment_method="tok_visa",
            amount=booking.total_cost,
            currency="INR",
            status=status,
            provider_id=7,
        )
        for kind in outbox:
            OutboxMessage.objects.create(kind=kind, booking=booking, attempt=attempt)
        return attempt

    return make


def cancelled(booking: Booking, *, refund: int, kept: int) -> Cancellation:
    return Cancellation.objects.create(
        booking=booking, no_of_seats=2, quote="q", rule={"name": "r"}, refund=refund, kept=kept
    )


def wrong(booking: Booking | None, hold: Any = None, *payments: ProviderPayment) -> int:
    return len([*judge_seats(booking, hold), *judge_money(booking, payments)])


def test_a_booked_booking_with_its_seats_and_its_money_is_right(
    make_booking: Callable[..., Booking], attempt_of: Callable[..., PaymentAttempt]
) -> None:
    booking = make_booking(status="BOOKED")
    attempt = attempt_of(booking, "CAPTURED")
    assert wrong(booking, make_hold(booking, "CONFIRMED"), make_payment(attempt, "SUCCEEDED")) == 0


def test_a_booked_booking_may_wait_for_its_capture(
    make_booking: Callable[..., Booking], attempt_of: Callable[..., PaymentAttempt]
) -> None:
    booking = make_booking(status="BOOKED")
    attempt = attempt_of(booking, "AUTHORIZED", OutboxKind.CAPTURE)
    authorised = make_payment(attempt, "REQUIRES_CAPTURE")
    assert wrong(booking, make_hold(booking, "CONFIRMED"), authorised) == 0
    booking.outbox.all().delete()
    assert wrong(booking, make_hold(booking, "CONFIRMED"), authorised) == 1


@pytest.mark.parametrize("status", ["HELD", "RELEASED", None])
def test_a_booked_booking_without_a_confirmed_hold_is_wrong(
    make_booking: Callable[..., Booking],
    attempt_of: Callable[..., PaymentAttempt],
    status: str | None,
) -> None:
    booking = make_booking(status="BOOKED")
    attempt = attempt_of(booking, "CAPTURED")
    hold = make_hold(booking, status) if status else None
    assert wrong(booking, hold, make_payment(attempt, "SUCCEEDED")) == 1


@pytest.mark.parametrize("change", [{"noOfSeats": 3}, {"flightId": 2}])
def test_a_hold_of_other_seats_than_booked_is_wrong(
    booking: Booking, change: dict[str, int]
) -> None:
    assert wrong(booking, make_hold(booking, "HELD", **change)) == 1


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        ("SUCCEEDED", {"amount": Decimal(9000)}),
        ("SUCCEEDED", {"amount_refunded": Decimal(1)}),
        ("CANCELED", {}),
        ("FAILED", {}),
    ],
)
def test_a_booked_booking_whose_money_is_not_all_there_is_wrong(
    make_booking: Callable[..., Booking],
    attempt_of: Callable[..., PaymentAttempt],
    status: str,
    changes: dict[str, Any],
) -> None:
    booking = make_booking(status="BOOKED")
    attempt = attempt_of(booking, "CAPTURED")
    payment = make_payment(attempt, status, **changes)
    assert wrong(booking, make_hold(booking, "CONFIRMED"), payment) == 1


def test_a_booked_booking_that_the_provider_knows_nothing_of_is_wrong(
    make_booking: Callable[..., Booking], attempt_of: Callable[..., PaymentAttempt]
) -> None:
    booking = make_booking(status="BOOKED")
    assert wrong(booking, make_hold(booking, "CONFIRMED")) == 1, "no attempt at all"
    attempt_of(booking, "CAPTURED")
    assert wrong(booking, make_hold(booking, "CONFIRMED")) == 1, "an attempt without a payment"


@pytest.mark.parametrize("status", ["HELD", "CONFIRMED"])
def test_a_cancelled_booking_that_keeps_seats_is_wrong_unless_their_release_is_under_way(
    make_booking: Callable[..., Booking], status: str
) -> None:
    booking = make_booking(status=BookingStatus.CANCELLED, cancellation_reason="TIMEDOUT")
    hold = make_hold(booking, status)
    assert wrong(booking, hold) == 1
    moves.release(booking, booking.flight_id, booking.hold_reference)
    assert wrong(booking, hold) == 0


def test_a_cancelled_booking_that_keeps_money_is_wrong_unless_it_is_being_given_back(
    make_booking: Callable[..., Booking], attempt_of: Callable[..., PaymentAttempt]
) -> None:
    booking = make_booking(status=BookingStatus.CANCELLED, cancellation_reason="USER")
    attempt = attempt_of(booking, "CAPTURED")
    released, paid = make_hold(booking, "RELEASED"), make_payment(attempt, "SUCCEEDED")
    assert wrong(booking, released, paid) == 1, "no rule says that it is kept"
    cancellation = cancelled(booking, refund=10000, kept=0)
    assert wrong(booking, released, paid) == 1, "to be given back, and nobody does"
    moves.give_back(attempt, Decimal(10000), cancellation=cancellation)
    booking = Booking.objects.get(pk=booking.pk)
    assert wrong(booking, released, paid) == 0, "under way"
    booking.outbox.all().delete()
    Refund.objects.update(status="REFUNDED")
    assert wrong(booking, released, paid) == 1, "the provider knows nothing of it"
    refunded = make_payment(attempt, "SUCCEEDED", amount_refunded=Decimal(10000))
    assert wrong(booking, released, refunded) == 0


def test_what_a_rule_keeps_of_a_cancelled_booking_is_right_and_nothing_else(
    make_booking: Callable[..., Booking], attempt_of: Callable[..., PaymentAttempt]
) -> None:
    booking = make_booking(status=BookingStatus.CANCELLED, cancellation_reason="USER")
    attempt = attempt_of(booking, "CAPTURED")
    moves.give_back(attempt, Decimal(7500), cancellation=cancelled(booking, refund=7500, kept=2500))
    booking.outbox.all().delete()
    Refund.objects.update(status="REFUNDED")
    released = make_hold(booking, "RELEASED")
    for refunded, differences in ((7500, 0), (7499, 1), (7501, 1)):
        payment = make_payment(attempt, "SUCCEEDED", amount_refunded=Decimal(refunded))
        assert wrong(booking, released, payment) == differences


def test_a_refund_that_nobody_makes_is_wrong(
    make_booking: Callable[..., Booking], attempt_of: Callable[..., PaymentAttempt]
) -> None:
    booking = make_booking(status="BOOKED")
    attempt = attempt_of(booking, "CAPTURED")
    moves.give_back(attempt, Decimal(500), reason="the seat was wet")
    held, paid = make_hold(booking, "CONFIRMED"), make_payment(attempt, "SUCCEEDED")
    assert wrong(booking, held, paid) == 0
    booking.outbox.all().delete()
    assert wrong(booking, held, paid) == 2  # the refund, and the money that is still there


def test_a_hold_of_more_seats_than_booked_is_wrong_unless_it_is_about_to_shrink(
    make_booking: Callable[..., Booking],
) -> None:
    booking = make_booking(no_of_seats=2, total_cost=Decimal(10000))
    moves.cancel_seats(booking, 1)
    assert wrong(booking, make_hold(booking, "HELD")) == 0
    assert wrong(booking, make_hold(booking, "HELD", noOfSeats=1)) == 0
    booking.outbox.all().delete()
    assert wrong(booking, make_hold(booking, "HELD")) == 1


def test_a_hold_for_a_rebooking_is_right_while_that_is_under_way(
    make_booking: Callable[..., Booking],
) -> None:
    booking = make_booking(status="BOOKED")
    rebooking = Rebooking.objects.create(booking=booking, from_flight_id=1, to_flight_id=2)
    hold = make_hold(None, "CONFIRMED", reference=str(rebooking.hold_reference))
    assert wrong(None, hold) == 0
    Rebooking.objects.update(status="VOIDED")
    assert wrong(None, hold) == 1
    moves.release(booking, 2, rebooking.hold_reference)
    assert wrong(None, hold) == 0


def test_an_open_authorisation_of_a_dead_attempt_is_wrong_unless_its_void_is_under_way(
    booking: Booking, attempt_of: Callable[..., PaymentAttempt]
) -> None:
    attempt = attempt_of(booking, "VOIDED", OutboxKind.VOID)
    authorised = make_payment(attempt, "REQUIRES_CAPTURE")
    assert wrong(booking, make_hold(booking, "HELD"), authorised) == 0
    booking.outbox.all().delete()
    assert wrong(booking, make_hold(booking, "HELD"), authorised) == 1


def test_an_attempt_in_flight_may_be_authorised_and_its_hold_confirmed(
    booking: Booking, attempt_of: Callable[..., PaymentAttempt]
) -> None:
    attempt = attempt_of(booking, "PROCESSING")
    authorised = make_payment(attempt, "REQUIRES_CAPTURE")
    assert wrong(booking, make_hold(booking, "CONFIRMED"), authorised) == 0


def test_money_captured_for_an_initiated_booking_is_wrong(
    booking: Booking, attempt_of: Callable[..., PaymentAttempt]
) -> None:
    attempt = attempt_of(booking, "PROCESSING")
    assert wrong(booking, make_hold(booking, "HELD"), make_payment(attempt, "SUCCEEDED")) == 1


def test_seats_and_money_without_a_booking_are_wrong_but_a_fresh_hold_is_not(
    booking: Booking,
) -> None:
    assert wrong(None, make_hold(None, "HELD")) == 0
    assert wrong(None, make_hold(None, "CONFIRMED")) == 1
    assert wrong(None, None, make_payment(None, "SUCCEEDED")) == 1
    assert wrong(booking, make_hold(booking, "HELD"), make_payment(None, "SUCCEEDED")) == 1


def test_a_hold_that_nobody_released_after_its_expiry_is_wrong(booking: Booking) -> None:
    long_ago = to_wire_time(timezone.now() - timedelta(seconds=verdicts.REAPER_SECONDS + 5))
    assert wrong(booking, make_hold(booking, "HELD", expiresAt=long_ago)) == 1
    assert wrong(None, make_hold(None, "HELD", expiresAt=long_ago)) == 1
    assert wrong(booking, make_hold(booking, "CONFIRMED", expiresAt=long_ago)) == 0


class PlayedServices:
    """The flights and payments clients, answering from lists."""

    def __init__(self, flights: list[Any], holds: list[Any], payments: list[Any]) -> None:
        self.lists = {"flights": flights, "holds": holds, "payments": payments}

    def flights(self, **filters: Any) -> Any:
        return iter(self.lists["flights"])

    def flight(self, flight_id: int) -> Any:
        return next((f for f in self.lists["flights"] if f["id"] == flight_id), None)

    def holds(self, **filters: Any) -> Any:
        wanted = filters.get("reference")
        return iter([h for h in self.lists["holds"] if wanted in (None, h["reference"])])

    def payments(self, **filters: Any) -> Any:
        return iter(self.lists["payments"])


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Callable[..., PlayedServices]:
    monkeypatch.setattr(audit, "PAUSE", 0)

    def play(flights: Any = (), holds: Any = (), payments: Any = ()) -> PlayedServices:
        played = PlayedServices(list(flights), list(holds), list(payments))
        monkeypatch.setattr("bookings.clients.flights", lambda: played)
        monkeypatch.setattr("bookings.clients.payments", lambda: played)
        return played

    return play


def flight(remaining: int) -> dict[str, int]:
    return {"id": 1, "totalSeats": 10, "remainingSeats": remaining}


def test_the_audit_counts_all_and_keeps_its_result(
    booking: Booking, services: Callable[..., PlayedServices]
) -> None:
    services([flight(8)], [make_hold(booking, "HELD")])
    report = audit.audit()
    assert report.clean
    assert report.counted == {"bookings": 1, "holds": 1, "payments": 0, "flights": 1}
    assert AuditRun.objects.get().adds_up


@pytest.mark.parametrize("remaining", [7, 9])
def test_a_flight_that_counts_other_seats_than_its_holds_is_reported(
    booking: Booking, services: Callable[..., PlayedServices], remaining: int
) -> None:
    services([flight(remaining)], [make_hold(booking, "HELD")])
    assert len(audit.audit().differences) == 1
    assert not AuditRun.objects.get().adds_up


def test_live_holds_of_a_flight_that_is_gone_are_reported(
    booking: Booking, services: Callable[..., PlayedServices]
) -> None:
    services([], [make_hold(booking, "HELD")])
    assert len(audit.audit().differences) == 1


def test_what_looks_wrong_but_was_only_moving_is_not_reported(
    make_booking: Callable[..., Booking],
    services: Callable[..., PlayedServices],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booking = make_booking(status=BookingStatus.CANCELLED, cancellation_reason="USER")
    played = services([flight(8)], [make_hold(booking, "HELD")])

    def released_meanwhile(seconds: float) -> None:
        played.lists["holds"] = [make_hold(booking, "RELEASED")]
        played.lists["flights"] = [flight(10)]

    monkeypatch.setattr("bookings.audit.time.sleep", released_meanwhile)
    assert audit.audit().clean


def test_bookings_are_read_in_chunks_without_a_gap(
    make_booking: Callable[..., Booking],
    services: Callable[..., PlayedServices],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit, "CHUNK", 3)
    bookings = [make_booking() for _ in range(10)]
    holds = sorted((make_hold(b, "HELD") for b in bookings), key=lambda hold: hold["reference"])
    services([{"id": 1, "totalSeats": 20, "remainingSeats": 0}], holds)
    assert audit.audit().counted["bookings"] == 10


def run(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("audit", *words, stdout=out, stderr=StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_by_its_exit_status_how_it_went(
    booking: Booking, services: Callable[..., PlayedServices], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = services([flight(8)], [make_hold(booking, "HELD")])
    assert run() == (0, "Audited 1 bookings, 1 flights, 1 holds, 0 payments: no differences.\n")
    played.lists["flights"] = [flight(9)]
    status, text = run("--json")
    assert (status, json.loads(text)["clean"]) == (1, False)

    def down() -> None:
        raise errors.FlightsUnavailable

    monkeypatch.setattr("bookings.clients.flights", down)
    assert run()[0] == 2
