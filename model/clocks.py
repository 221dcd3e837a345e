"""Time: the deadline by bookings' clock, the hold's expiry by flights' clock."""

from model.rules import World
from model.state import Outcome, Sale


def starts(sale: Sale, world: World) -> list[Outcome]:
    """Both pass at some time. With skew, or too short a grace, the expiry may come first."""
    if not sale.asked:
        return []
    outcomes = []
    if not sale.deadline_over:
        over = sale._replace(deadline_over=True)
        outcomes.append(Outcome("clock: the payment deadline passes", over))
    if not sale.hold_expired and _may_expire(sale, world):
        early = "" if sale.deadline_over else ", BEFORE THE DEADLINE"
        expired = sale._replace(hold_expired=True)
        outcomes.append(Outcome(f"clock: the hold's expiry passes{early}", expired))
    return outcomes


def _may_expire(sale: Sale, world: World) -> bool:
    if world.configuration.on_time and world.rules.grace and sale.paying_since:
        return False
    return sale.deadline_over or world.configuration.skew
