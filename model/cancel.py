"""Cancel: a traveller cancels, paid or not (`cancelling.cancel`)."""

from model.rules import World
from model.state import BOOKED, INITIATED, Outcome, Sale
from model.transactions import cancel, commit


def starts(sale: Sale, world: World) -> list[Outcome]:
    """One transaction. While an attempt is PROCESSING it is refused with payment_in_progress."""
    if not world.configuration.cancels or sale.status not in (INITIATED, BOOKED):
        return []
    if sale.paying_since and world.rules.cancel_waits:
        return []
    what = "traveller: POST cancel: CANCELLED (USER)"
    outcomes = commit(what, sale, cancel(sale, world), world)
    return [outcome._replace(fault=True) for outcome in outcomes]  # nobody has to cancel
