"""Times whose relation would break a promise stop the start."""

from typing import Any

import pytest

from bookings.checks import check_times, pay_budget

SOUND = {
    "PAYMENT_WINDOW_SECONDS": 300,
    "LOCK_TIMEOUT_SECONDS": 3.0,
    "SERVICE_CONNECT_TIMEOUT": 1.0,
    "PAYMENTS_READ_TIMEOUT": 5.0,
    "FLIGHTS_READ_TIMEOUT": 4.0,
    "PAY_LEASE_SECONDS": 40.0,
    "RECONCILE_SECONDS": 10,
    "CLOCK_SKEW_SECONDS": 5.0,
    "HOLD_GRACE_SECONDS": 84.0,
    "WEB_TIMEOUT_SECONDS": 53.0,
    "EXPIRY_SWEEP_SECONDS": 5,
    "OUTBOX_SECONDS": 5,
    "AUDIT_SECONDS": 86400,
}


@pytest.fixture(autouse=True)
def sound(settings: Any) -> None:
    """Two locks of 3, a call of 12 and one of 10: paying takes 28 at most, capturing 24."""
    for name, value in SOUND.items():
        setattr(settings, name, value)


def faults() -> list[str | None]:
    return [error.id for error in check_times()]


def test_sound_times_pass() -> None:
    assert pay_budget() == 28
    assert faults() == []


@pytest.mark.parametrize(
    ("name", "bound", "fault"),
    [
        ("PAYMENT_WINDOW_SECONDS", 0, "bookings.E001"),
        ("PAY_LEASE_SECONDS", 28, "bookings.E002"),
        ("HOLD_GRACE_SECONDS", 83, "bookings.E003"),
        ("WEB_TIMEOUT_SECONDS", 52, "bookings.E004"),
    ],
)
def test_each_time_must_lie_above_its_bound(
    settings: Any, name: str, bound: int, fault: str
) -> None:
    setattr(settings, name, bound + 1)
    assert faults() == []
    setattr(settings, name, bound)
    assert faults() == [fault]
    assert name in check_times()[0].msg


@pytest.mark.parametrize(
    "name", ["EXPIRY_SWEEP_SECONDS", "RECONCILE_SECONDS", "OUTBOX_SECONDS", "AUDIT_SECONDS"]
)
def test_each_pause_of_the_beat_is_a_second_or_more(settings: Any, name: str) -> None:
    setattr(settings, name, 1)
    assert faults() == []
    setattr(settings, name, 0)
    assert faults() == ["bookings.E005"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOCK_TIMEOUT_SECONDS", 10.0, ["bookings.E002", "bookings.E003", "bookings.E004"]),
        ("PAYMENTS_READ_TIMEOUT", 15.0, ["bookings.E002", "bookings.E003", "bookings.E004"]),
        ("FLIGHTS_READ_TIMEOUT", 15.0, ["bookings.E002", "bookings.E003", "bookings.E004"]),
        ("SERVICE_CONNECT_TIMEOUT", 5.0, ["bookings.E002", "bookings.E003", "bookings.E004"]),
        ("RECONCILE_SECONDS", 12, ["bookings.E003"]),
        ("CLOCK_SKEW_SECONDS", 6.0, ["bookings.E003"]),
        ("PAY_LEASE_SECONDS", 41.0, ["bookings.E003"]),
    ],
)
def test_what_takes_longer_must_be_allowed_for(
    settings: Any, name: str, value: float, expected: list[str]
) -> None:
    setattr(settings, name, value)
    assert faults() == expected
