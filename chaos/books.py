"""Do the services' own books add up? Judged by what their APIs say, and by nothing else."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chaos.snapshot import Snapshot
from chaos.violations import Violation

LIVE = ("HELD", "CONFIRMED")


def seats(snapshot: Snapshot) -> Iterator[Violation]:
    """Of each flight: seats taken are those of its live holds, and those of its live bookings."""
    held, sold = Counter[int](), Counter[int]()
    for hold in snapshot.holds:
        held[hold["flightId"]] += hold["noOfSeats"] if hold["status"] in LIVE else 0
    for booking in snapshot.bookings:
        sold[booking["flightId"]] += booking["noOfSeats"] if booking["status"] != "CANCELLED" else 0
    for flight in snapshot.flights:
        id_, total, remaining = flight["id"], flight["totalSeats"], flight["remainingSeats"]
        if not 0 <= remaining <= total:
            yield Violation("seats", f"flight {id_} has {remaining} of {total} seats left")
        if not total - remaining == held[id_] == sold[id_]:
            sentence = (
                f"flight {id_} counts {total - remaining} seats taken, its holds make {held[id_]},"
                f" its bookings {sold[id_]}"
            )
            yield Violation("seats", sentence)


def money(snapshot: Snapshot) -> Iterator[Violation]:
    """What the provider keeps is what bookings say and what is right, and of nobody else."""
    payments: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for payment in snapshot.payments:
        payments[payment["reference"]].append(payment)
    for booking in snapshot.bookings:
        yield from _money_of(booking, payments.pop(booking["reference"], []))
    for reference, strays in payments.items():
        for payment in strays:
            if payment["status"] in ("SUCCEEDED", "REQUIRES_CAPTURE"):
                sentence = f"payment {payment['id']} is for {reference}, which is no booking"
                yield Violation("money", sentence)


def _money_of(booking: dict[str, Any], payments: list[dict[str, Any]]) -> Iterator[Violation]:
    name = f"booking {booking['id']} ({booking['status']})"
    taken = [payment for payment in payments if payment["status"] == "SUCCEEDED"]
    kept = sum((_amount(p["amount"]) - _amount(p["amountRefunded"]) for p in taken), Decimal(0))
    said = said_to_be_kept(booking)
    if kept != said:
        yield Violation(
            "money", f"of {name} the provider keeps {kept}, and the booking says {said}"
        )
    if kept != owed(booking):
        yield Violation("money", f"of {name} {kept} are kept, and {owed(booking)} would be right")
    if sum(_amount(p["amountRefunded"]) == 0 for p in taken) > 1:
        yield Violation("money", f"{name} was paid twice")
    for payment in payments:
        if payment["status"] == "REQUIRES_CAPTURE":
            sentence = f"of {name} payment {payment['id']} is authorised, and stays so"
            yield Violation("money", sentence)


def said_to_be_kept(booking: dict[str, Any]) -> Decimal:
    """What the booking's own payments say was taken and not given back."""
    paid = [p for p in booking["payments"] if p["status"] in ("CAPTURED", "REFUNDED")]
    return sum((_amount(p["amount"]) - _amount(p["amountRefunded"]) for p in paid), Decimal(0))


def owed(booking: dict[str, Any]) -> Decimal:
    """What is right to keep: the price of the seats that stand, and what rules for refunds keep."""
    kept = sum((_amount(part["kept"]) for part in booking["cancellations"]), Decimal(0))
    return kept + (_amount(booking["totalCost"]) if booking["status"] == "BOOKED" else 0)


def rest(snapshot: Snapshot) -> Iterator[Violation]:
    """Nothing waits for anything any more."""
    for booking in snapshot.bookings:
        if booking["status"] == "INITIATED":
            yield Violation("rest", f"booking {booking['id']} is still INITIATED")
        for payment in booking["payments"]:
            if payment["status"] in ("PROCESSING", "AUTHORIZED"):
                sentence = (
                    f"booking {booking['id']} has a payment that is still {payment['status']}"
                )
                yield Violation("rest", sentence)
            if any(refund["status"] == "PENDING" for refund in payment["refunds"]):
                yield Violation("rest", f"booking {booking['id']} still waits for a refund")
    for hold in snapshot.holds:
        if hold["status"] == "HELD":
            yield Violation("rest", f"hold {hold['reference']} is still HELD")


def _amount(value: Any) -> Decimal:
    return Decimal(value or 0)
