"""The checker, on answers and snapshots written by hand: what it passes, and what it finds."""

from dataclasses import replace
from typing import Any

import pytest

from chaos.checker import check
from chaos.record import Told
from chaos.snapshot import Snapshot
from chaos.violations import RULES

CAPTURED = {"amount": "200.00", "amountRefunded": "0.00", "status": "CAPTURED", "refunds": []}
FLIGHT = {"id": 7, "totalSeats": 10, "remainingSeats": 8, "status": "SCHEDULED"}
BOOKING: dict[str, Any] = {
    "id": 1,
    "reference": "ref-1",
    "locator": "CDFGHJ",
    "flightId": 7,
    "userId": 3,
    "noOfSeats": 2,
    "totalCost": "200.00",
    "currency": "INR",
    "status": "BOOKED",
    "cancellationReason": None,
    "paymentDeadline": "2026-01-01T00:05:00Z",
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:01:00Z",
    "payments": [CAPTURED],
    "cancellations": [],
}
HOLD = {"reference": "ref-1", "flightId": 7, "noOfSeats": 2, "status": "CONFIRMED"}
PAYMENT = {
    "id": 5,
    "reference": "ref-1",
    "status": "SUCCEEDED",
    "amount": "200.00",
    "amountRefunded": "0.00",
}
MIDNIGHT = 1767225600.0  # 2026-01-01T00:00:00Z, when the booking was made

GOOD = Snapshot(bookings=[BOOKING], holds=[HOLD], payments=[PAYMENT], flights=[FLIGHT])
CANCELLED = BOOKING | {
    "status": "CANCELLED",
    "cancellationReason": "USER",
    "payments": [CAPTURED | {"amountRefunded": "200.00", "status": "REFUNDED"}],
}
GIVEN_BACK = Snapshot(
    bookings=[CANCELLED],
    holds=[HOLD | {"status": "RELEASED"}],
    payments=[PAYMENT | {"amountRefunded": "200.00"}],
    flights=[FLIGHT | {"remainingSeats": 10}],
)


def told(op: str, at: float, *, status: int | None = 200, code: str = "", **more: Any) -> Told:
    asked = {
        "create": {"flightId": 7, "noOfSeats": 2, "key": "create-key"},
        "pay": {"booking": 1, "paymentMethod": "tok_visa", "key": "pay-key"},
        "cancel": {"booking": 1},
    }.get(op, {})
    return Told(
        client="ann",
        user=3,
        op=op,
        asked=more.pop("asked", asked),
        sent=MIDNIGHT + at - 0.5,
        received=MIDNIGHT + at,
        status=status,
        code=code,
        body=more.pop("booking", {}),
        **more,
    )


CREATED = told("create", 0.1, status=201, booking=BOOKING | {"status": "INITIATED"})
PAID = told("pay", 2, booking=BOOKING)
CANCELLING = told("cancel", 4, booking=CANCELLED)


def rules(answers: list[Told], snapshot: Snapshot) -> set[str]:
    return {violation.rule for violation in check(answers, snapshot)}


def test_a_booking_that_is_there_and_paid_is_clean() -> None:
    assert check([CREATED, PAID], GOOD) == []


def test_a_cancelled_booking_whose_money_went_back_is_clean() -> None:
    assert check([CREATED, PAID, CANCELLING], GIVEN_BACK) == []


ONE_LEFT = BOOKING | {
    "noOfSeats": 1,
    "totalCost": "100.00",
    "payments": [CAPTURED | {"amountRefunded": "100.00"}],
    "cancellations": [{"refund": "100.00", "kept": "0.00"}],
}
PART_GIVEN_BACK = Snapshot(
    bookings=[ONE_LEFT],
    holds=[HOLD | {"noOfSeats": 1}],
    payments=[PAYMENT | {"amountRefunded": "100.00"}],
    flights=[FLIGHT | {"remainingSeats": 9}],
)
BY_QUOTE = {"booking": 1, "noOfSeats": 1, "quote": "quote-1"}
CANCELLING_ONE = told("cancel", 4, booking=ONE_LEFT, asked=BY_QUOTE)


def test_a_seat_of_two_that_was_cancelled_and_given_back_is_clean() -> None:
    assert check([CREATED, PAID, CANCELLING_ONE, CANCELLING_ONE], PART_GIVEN_BACK) == []


def test_what_a_rule_for_refunds_keeps_is_clean() -> None:
    kept = ONE_LEFT | {
        "payments": [CAPTURED | {"amountRefunded": "80.00"}],
        "cancellations": [{"refund": "80.00", "kept": "20.00"}],
    }
    paid = [PAYMENT | {"amountRefunded": "80.00"}]
    snapshot = replace(PART_GIVEN_BACK, bookings=[kept], payments=paid)
    assert check([CREATED, PAID, CANCELLING_ONE], snapshot) == []


def test_a_request_to_cancel_a_seat_that_was_carried_out_twice_is_found() -> None:
    three = [told("create", 0.1, status=201, booking=BOOKING | {"noOfSeats": 3})]
    again = [CANCELLING_ONE, replace(CANCELLING_ONE, sent=MIDNIGHT + 5, received=MIDNIGHT + 6)]
    assert "kept" in rules(three + again, PART_GIVEN_BACK)


def test_a_booking_without_an_answer_is_clean_where_somebody_had_asked_for_it() -> None:
    lost = told("create", 0.1, status=None, code="ConnectionResetError")
    assert check([lost], GOOD) == []


def test_trouble_that_clients_must_expect_is_clean() -> None:
    answers = [
        told("create", 0, status=503, code="flights_unavailable"),
        told("create", 0, status=409, code="seats_unavailable"),
        told("pay", 1, status=409, code="request_in_flight"),
        told("pay", 1, status=None, code="TimeoutError"),
        told("pay", 1, status=402, code="payment_declined"),
        told("cancel", 1, status=409, code="payment_in_progress"),
        told("search", 1, status=502),
    ]
    assert check([CREATED, *answers, PAID], GOOD) == []


@pytest.mark.parametrize(
    "answer",
    [
        told("search", 1, status=500, code="internal_error"),
        told("create", 1, status=400, code="validation_error"),
        told("read", 1, status=404, code="booking_not_found"),
        told("list", 1, status=401, code="authentication_failed"),
        told("pay", 1, status=200),
        told("pay", 1, status=200, booking=BOOKING | {"status": "INITIATED"}),
    ],
)
def test_an_answer_that_nobody_must_get_is_found(answer: Told) -> None:
    assert "answers" in rules([CREATED, answer, PAID], GOOD)


def test_an_acknowledged_booking_that_is_missing_is_found() -> None:
    nothing = Snapshot([], [], [], [FLIGHT | {"remainingSeats": 10}])
    assert rules([CREATED], nothing) == {"kept"}


@pytest.mark.parametrize("field", ["reference", "flightId", "userId", "noOfSeats"])
def test_a_booking_that_became_another_is_found(field: str) -> None:
    said = told("create", 0.1, status=201, booking=BOOKING | {field: 99})
    assert "kept" in rules([said], GOOD)


def test_a_booked_booking_that_ran_out_is_found() -> None:
    expired = CANCELLED | {
        "cancellationReason": "TIMEDOUT",
        "updatedAt": "2026-01-01T00:06:00Z",
    }
    assert rules([CREATED, PAID], replace(GIVEN_BACK, bookings=[expired])) == {"kept"}


def test_a_booked_booking_that_is_initiated_again_is_found() -> None:
    snapshot = replace(GOOD, bookings=[BOOKING | {"status": "INITIATED"}])
    assert "kept" in rules([CREATED, PAID], snapshot)


@pytest.mark.parametrize("reason", ["USER", "PAYMENT_FAILED", "TIMEDOUT"])
def test_a_cancellation_without_its_cause_is_found(reason: str) -> None:
    # Nobody cancelled, no capture was refused, and the deadline is still to come.
    cancelled = CANCELLED | {"cancellationReason": reason}
    assert rules([CREATED], replace(GIVEN_BACK, bookings=[cancelled])) == {"kept"}


def test_more_seats_promised_than_there_are_is_found() -> None:
    full = replace(GOOD, flights=[FLIGHT | {"totalSeats": 1, "remainingSeats": -1}])
    assert rules([CREATED, PAID], full) == {"sold once", "seats"}


@pytest.mark.parametrize(
    "snapshot",
    [
        replace(GOOD, flights=[FLIGHT | {"remainingSeats": 7}]),
        replace(GOOD, holds=[]),
        replace(GOOD, holds=[HOLD, HOLD | {"reference": "ref-2"}]),
        replace(GIVEN_BACK, holds=[HOLD], flights=[FLIGHT]),
    ],
)
def test_seats_that_do_not_add_up_are_found(snapshot: Snapshot) -> None:
    assert rules([CREATED, PAID, CANCELLING], snapshot) >= {"seats"}


@pytest.mark.parametrize(
    "payments",
    [
        [],
        [PAYMENT | {"status": "REQUIRES_CAPTURE"}],
        [PAYMENT, PAYMENT | {"id": 6}],
        [PAYMENT, PAYMENT | {"id": 6, "reference": "ref-2"}],
        [PAYMENT | {"amountRefunded": "50.00"}],
        [PAYMENT, PAYMENT | {"id": 6, "status": "REQUIRES_CAPTURE"}],
    ],
)
def test_money_of_a_booking_that_is_not_right_is_found(payments: list[dict[str, Any]]) -> None:
    assert rules([CREATED, PAID], replace(GOOD, payments=payments)) == {"money"}


def test_money_of_a_cancelled_booking_that_is_kept_is_found() -> None:
    kept = replace(GIVEN_BACK, payments=[PAYMENT])
    assert rules([CREATED, PAID, CANCELLING], kept) == {"money"}


def test_one_request_that_made_two_bookings_is_found() -> None:
    again = told("create", 2, status=201, booking=BOOKING | {"id": 2})
    assert "once" in rules([CREATED, again], GOOD)


def test_a_booking_that_nobody_asked_for_is_found() -> None:
    assert rules([], GOOD) == {"once"}
    later = told("create", 9, status=None, code="TimeoutError")
    assert rules([later], GOOD) == {"once"}, "the request came after the booking"


def test_a_booking_that_goes_back_is_found() -> None:
    back = told("read", 4, booking=BOOKING | {"status": "INITIATED"})
    assert rules([CREATED, PAID, back], GOOD) == {"forward"}


def test_an_old_answer_that_comes_late_goes_nowhere_back() -> None:
    began_before = replace(told("read", 4, booking=CREATED.booking), sent=CREATED.sent)
    assert check([CREATED, PAID, began_before], GOOD) == []


@pytest.mark.parametrize(
    "snapshot",
    [
        replace(GOOD, holds=[HOLD, HOLD | {"status": "HELD", "noOfSeats": 0}]),
        replace(GOOD, bookings=[BOOKING | {"payments": [CAPTURED | {"status": "PROCESSING"}]}]),
        replace(GOOD, bookings=[BOOKING | {"status": "INITIATED"}]),
    ],
)
def test_what_is_left_half_done_is_found(snapshot: Snapshot) -> None:
    assert "rest" in rules([CREATED], snapshot)


def test_every_rule_that_is_reported_has_its_promise() -> None:
    nothing = Snapshot([], [], [], [])
    found = rules([told("list", 1, status=500), CREATED, PAID], nothing)
    assert found <= set(RULES)
    assert "answers" in found
