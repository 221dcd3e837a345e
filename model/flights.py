"""The flights service: what each request does there, in one transaction (`flights/holds.py`)."""

from model.rules import World
from model.state import CONFIRMED, HELD, NONE, RELEASED, Outcome, Sale

LIVE = (HELD, CONFIRMED)
OK = "ok"


def hold_seats(sale: Sale, _: int, world: World) -> list[Outcome]:
    """PUT of a hold. Where seats are short, expired holds of the flight are reclaimed first."""
    if sale.hold in LIVE:
        return [Outcome(OK, sale)]
    if sale.hold == RELEASED:
        return [Outcome("hold_released", sale)]
    if sale.hold_expired and world.rules.refuse_past_holds:
        return [Outcome("hold_expired", sale)]
    return [
        Outcome(OK, sale._replace(hold=HELD), seats=-1),
        Outcome("seats_unavailable", sale, when_full=True),
    ]


def confirm_hold(sale: Sale, _: int, __: World) -> list[Outcome]:
    """Confirms also past the expiry, as long as nobody reclaimed the hold."""
    if sale.hold == NONE:
        return [Outcome("hold_not_found", sale)]
    if sale.hold == RELEASED:
        return [Outcome("hold_released", sale)]
    return [Outcome(OK, sale._replace(hold=CONFIRMED))]


def give_up_hold(sale: Sale, _: int, world: World) -> list[Outcome]:
    """DELETE of a hold whose booking was never made. An unknown hold leaves no trace."""
    if sale.hold == CONFIRMED and world.rules.spare_confirmed:
        return [Outcome("hold_confirmed", sale)]
    if sale.hold in LIVE:
        return [Outcome(OK, sale._replace(hold=RELEASED), seats=1)]
    return [Outcome(OK, sale)]


def release_hold(sale: Sale, _: int, world: World) -> list[Outcome]:
    """Release of a cancelled booking's hold, a CONFIRMED one, too."""
    if sale.hold == HELD or (sale.hold == CONFIRMED and world.rules.release_confirmed):
        return [Outcome(OK, sale._replace(hold=RELEASED), seats=1)]
    return [Outcome(OK, sale)]


def reclaim(sale: Sale) -> Sale:
    """What another sale's hold request does to this one, where seats are short."""
    return sale._replace(hold=RELEASED) if can_be_reclaimed(sale) else sale


def can_be_reclaimed(sale: Sale) -> bool:
    return sale.hold == HELD and sale.hold_expired
