from itertools import product

import pytest

from bookings.states import ATTEMPT_MOVES, BOOKING_MOVES, AttemptStatus, BookingStatus

BOOKING = {("INITIATED", "BOOKED"), ("INITIATED", "CANCELLED"), ("BOOKED", "CANCELLED")}
ATTEMPT = {
    ("PROCESSING", "AUTHORIZED"),
    ("PROCESSING", "DECLINED"),
    ("PROCESSING", "VOIDED"),
    ("AUTHORIZED", "CAPTURED"),
    ("AUTHORIZED", "VOIDED"),
    ("AUTHORIZED", "REFUNDED"),
    ("CAPTURED", "REFUNDED"),
}


@pytest.mark.parametrize(("before", "after"), [*product(BookingStatus, repeat=2)])
def test_a_booking_moves_as_the_diagram_says(before: BookingStatus, after: BookingStatus) -> None:
    assert (after in BOOKING_MOVES[before]) == ((before.value, after.value) in BOOKING)


@pytest.mark.parametrize(("before", "after"), [*product(AttemptStatus, repeat=2)])
def test_an_attempt_moves_as_the_diagram_says(before: AttemptStatus, after: AttemptStatus) -> None:
    assert (after in ATTEMPT_MOVES[before]) == ((before.value, after.value) in ATTEMPT)
