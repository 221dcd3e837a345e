"""Which rule for refunds applies, to the second, and what it makes of a price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError

from bookings.models import RefundRule
from bookings.refunds import Terms, examples, terms_of

DEPARTURE = datetime(2026, 12, 24, 4, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def rule(
    hours_before: int, percent: str, fee: str = "0", fare: str = "", currency: str = ""
) -> RefundRule:
    return RefundRule(
        hours_before=hours_before,
        percent=Decimal(percent),
        fee=Decimal(fee),
        fare=fare,
        currency=currency,
    )


BANDS = [rule(24, "50"), rule(168, "100"), rule(72, "75")]


def terms(
    before: timedelta,
    rules: list[RefundRule],
    *,
    cost: str = "1000",
    seats: int = 1,
    fare: str = "STANDARD",
    currency: str = "INR",
    departure: datetime = DEPARTURE,
) -> Terms:
    return terms_of(
        cost=Decimal(cost),
        no_of_seats=seats,
        fare=fare,
        currency=currency,
        departure=departure,
        now=departure - before,
        rules=rules,
    )


@pytest.mark.parametrize(
    ("hours", "percent"), [(200, 100), (168, 100), (100, 75), (72, 75), (30, 50), (24, 50)]
)
def test_a_band_reaches_to_its_last_second(hours: int, percent: int) -> None:
    assert terms(timedelta(hours=hours), BANDS).refund == 10 * percent


@pytest.mark.parametrize(("hours", "then"), [(168, 75), (72, 50), (24, 0)])
def test_one_second_later_the_next_band_applies(hours: int, then: int) -> None:
    assert terms(timedelta(hours=hours) - SECOND, BANDS).refund == 10 * then


@pytest.mark.parametrize(("before", "last"), [(200, 168), (168, 168), (167, 72), (25, 24)])
def test_terms_are_valid_until_the_band_ends(before: int, last: int) -> None:
    valid_until = terms(timedelta(hours=before), BANDS).valid_until
    assert valid_until == DEPARTURE - timedelta(hours=last)


def test_after_the_last_band_nothing_comes_back_and_that_stays_so_until_departure() -> None:
    late = terms(timedelta(hours=23), BANDS)
    assert (int(late.refund), int(late.kept), late.valid_until) == (0, 1000, DEPARTURE)


def test_without_any_rule_everything_comes_back_until_departure() -> None:
    assert terms(SECOND, []).refund == 1000
    assert terms(SECOND, []).valid_until == DEPARTURE


@pytest.mark.parametrize("day", ["2026-10-25", "2026-03-29"])
def test_a_change_of_the_clocks_makes_no_hour_longer(day: str) -> None:
    local = datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    departure = local.astimezone(UTC)
    bands = [rule(24, "100")]
    assert terms(timedelta(hours=24), bands, departure=departure).refund == 1000
    assert terms(timedelta(hours=24) - SECOND, bands, departure=departure).refund == 0


def test_the_closest_group_of_rules_counts_and_no_other() -> None:
    rules = [
        rule(0, "10"),
        rule(0, "20", currency="INR"),
        rule(0, "30", fare="FLEX"),
        rule(48, "40", fare="FLEX", currency="INR"),
    ]
    day = timedelta(hours=24)
    assert terms(day, rules, fare="STANDARD", currency="EUR").refund == 100
    assert terms(day, rules, fare="STANDARD", currency="INR").refund == 200
    assert terms(day, rules, fare="FLEX", currency="EUR").refund == 300
    assert terms(2 * day, rules, fare="FLEX", currency="INR").refund == 400
    assert terms(day, rules, fare="FLEX", currency="INR").refund == 0, "its own bands are over"


@pytest.mark.parametrize(
    ("currency", "cost", "percent", "refund"),
    [
        ("JPY", "999", "50", "500"),  # 499.5, half to even
        ("JPY", "997", "50", "498"),  # 498.5, half to even
        ("JPY", "1001", "33.33", "334"),
        ("INR", "0.01", "50", "0.00"),
        ("INR", "10.01", "75", "7.51"),
        ("INR", "100.01", "33.33", "33.33"),
        ("KWD", "10.001", "50", "5.000"),
        ("KWD", "10.003", "50", "5.002"),
        ("KWD", "0.999", "33.33", "0.333"),
    ],
)
def test_refunds_are_rounded_to_the_currencys_minor_unit(
    currency: str, cost: str, percent: str, refund: str
) -> None:
    found = terms(timedelta(hours=1), [rule(0, percent)], cost=cost, currency=currency)
    assert str(found.refund) == refund
    assert found.refund + found.kept == Decimal(cost)


def test_the_fee_is_kept_of_each_seat_and_never_more_than_comes_back() -> None:
    rules = [rule(0, "50", fee="200", currency="INR")]
    assert terms(SECOND, rules, cost="3000", seats=3).refund == 900
    assert terms(SECOND, rules, cost="900", seats=3).refund == 0


def test_the_rule_is_kept_as_it_was() -> None:
    kept = terms(timedelta(hours=80), [rule(72, "75.50", fee="12.5", currency="INR")]).rule
    assert kept["name"] == "72 hours before departure: 75.5 %, less 12.5 INR a seat"
    assert (kept["hours_before"], kept["percent"], kept["fee"]) == (72, "75.5", "12.50")


def test_examples_show_both_sides_of_each_edge() -> None:
    shown = [(e.hours_before, e.at, e.refund) for e in examples(BANDS[1:], default_currency="INR")]
    assert shown == [
        (168, "at the last second", "10000.00 INR"),
        (168, "one second later", "7500.00 INR"),
        (72, "at the last second", "7500.00 INR"),
        (72, "one second later", "0.00 INR"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [{"percent": "100.01"}, {"percent": "-1"}, {"fee": "5"}, {"fee": "-1", "currency": "INR"}],
)
def test_the_database_refuses_a_rule_that_makes_no_sense(wrong: dict[str, str]) -> None:
    with pytest.raises(IntegrityError):
        rule(**{"hours_before": 1, "percent": "10", **wrong}).save()  # type: ignore[arg-type]


@pytest.mark.django_db
def test_two_rules_for_the_same_hours_are_refused() -> None:
    rule(24, "50").save()
    with pytest.raises(IntegrityError):
        rule(24, "60").save()
