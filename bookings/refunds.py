"""How much comes back to a traveller who cancels: which rule applies, and what it makes of a price.

Rules are rows (`RefundRule`), grouped by fare and currency. The closest group that has any rule
counts: this fare in this currency, this fare, this currency, any. Within it, a rule applies from
its hours before departure on, to the second, until the next one does. Hours are hours that pass
(UTC): a change of the clocks makes none longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bookings.models import RefundRule
from common.money import format_amount, quantize

ALL = {"name": "everything comes back"}
FLIGHT_CANCELLED = {"name": "the flight was cancelled: everything comes back"}
FLIGHT_MOVED = {"name": "the flight was moved: everything comes back"}
NOTHING_PAID = {"name": "nothing is paid yet"}
NOTHING_LEFT = {"name": "nothing comes back any more"}


@dataclass(frozen=True)
class Terms:
    """What cancelling does with the price of the cancelled seats, in the booking's currency.

    `kept` is what of it does not come back. `valid_until` is the last moment (UTC) at which the
    clock alone leaves the terms as they are.
    """

    refund: Decimal
    kept: Decimal
    rule: dict[str, Any]
    valid_until: datetime


def terms_of(
    *,
    cost: Decimal,
    no_of_seats: int,
    fare: str,
    currency: str,
    departure: datetime,
    now: datetime,
    rules: Iterable[RefundRule] | None = None,
) -> Terms:
    """The terms for cancelling `no_of_seats` that cost `cost` in all, at `now`, before `departure`.

    `rules` are the stored ones unless given. Without any, everything comes back until departure.
    """
    group = _closest_group(RefundRule.objects.all() if rules is None else rules, fare, currency)
    if not group:
        return Terms(cost, Decimal(0), ALL, departure)
    for rule in sorted(group, key=lambda rule: rule.hours_before, reverse=True):
        last_moment = departure - timedelta(hours=rule.hours_before)
        if now <= last_moment:
            refund = _refund(rule, cost, no_of_seats, currency)
            return Terms(refund, cost - refund, _shown(rule), last_moment)
    return Terms(Decimal(0), cost, NOTHING_LEFT, departure)


def _closest_group(rules: Iterable[RefundRule], fare: str, currency: str) -> list[RefundRule]:
    rules = list(rules)
    for wanted in ((fare, currency), (fare, ""), ("", currency), ("", "")):
        if group := [rule for rule in rules if _group(rule) == wanted]:
            return group
    return []


def _refund(rule: RefundRule, cost: Decimal, no_of_seats: int, currency: str) -> Decimal:
    """Rounded half to even to the currency's minor unit; never below nothing."""
    share = cost * rule.percent / 100 - rule.fee * no_of_seats
    return max(quantize(share, currency), Decimal(0))


def _shown(rule: RefundRule) -> dict[str, Any]:
    """The rule as it is kept with what it was applied to: rows can be edited later."""
    return {
        "name": str(rule),
        "fare": rule.fare,
        "hours_before": rule.hours_before,
        "percent": f"{rule.percent.normalize():f}",
        "fee": format_amount(rule.fee, rule.currency) if rule.fee else None,
    }


@dataclass(frozen=True)
class Example:
    """What an example booking would get back under the rules of one group."""

    fare: str
    currency: str
    hours_before: int
    at: str
    refund: str


def examples(
    rules: Iterable[RefundRule], *, price: Decimal = Decimal(10000), default_currency: str
) -> list[Example]:
    """What one seat for `price` gets back at each rule's last second, and one second later."""
    rules = list(rules)
    departure = datetime(2030, 1, 1, tzinfo=UTC)
    shown = []
    for rule in rules:
        currency = rule.currency or default_currency
        group = [other for other in rules if _group(other) == _group(rule)]
        for at, late in (("at the last second", 0), ("one second later", 1)):
            terms = terms_of(
                cost=price,
                no_of_seats=1,
                fare=rule.fare,
                currency=rule.currency,
                departure=departure,
                now=departure - timedelta(hours=rule.hours_before, seconds=-late),
                rules=group,
            )
            refund = f"{format_amount(terms.refund, currency)} {currency}"
            shown.append(Example(rule.fare, rule.currency, rule.hours_before, at, refund))
    return shown


def _group(rule: RefundRule) -> tuple[str, str]:
    return rule.fare, rule.currency
