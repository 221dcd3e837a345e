"""What must be true: at every moment, and when everything has come to rest."""

from model.flights import LIVE
from model.rules import World
from model.state import (
    AUTHORIZED,
    BOOKED,
    CANCELED,
    CANCELLED,
    CAPTURE,
    CAPTURED,
    CONFIRMED,
    DECLINED,
    FAILED,
    GIVE_BACK,
    INITIATED,
    NONE,
    PROCESSING,
    REFUNDED,
    RELEASED,
    REQUIRES_CAPTURE,
    SUCCEEDED,
    VOID,
    VOIDED,
    Attempt,
    Sale,
)

PROPERTIES = {
    "seats-add-up": "remaining seats and live holds are all the seats of the flight",
    "seats-kept": "a BOOKED booking has a CONFIRMED hold",
    "paid-once": "a BOOKED booking's money is captured once, or its capture is in the outbox",
    "no-money-for-nothing": "captured money of any other booking is being given back",
    "one-payer": "an attempt is PROCESSING only alone, with `paying_since`, and while INITIATED",
    "not-for-nothing": "where nothing fails and all are on time, no payment is taken back",
    "ends-well": "left alone, everything comes to rest, and the three services agree",
    "ends": "left alone, everything comes to rest: nothing goes round for ever",
}

AGREEING = {
    AUTHORIZED: (),
    PROCESSING: (),
    CAPTURED: (SUCCEEDED,),
    REFUNDED: (SUCCEEDED,),
    VOIDED: (NONE, CANCELED, FAILED),
    DECLINED: (NONE, FAILED),
}


def has_seat(sale: Sale) -> bool:
    return sale.hold in LIVE


def broken_by(sale: Sale, world: World) -> str | None:
    """The property that is broken here and now, if any."""
    if not _one_payer(sale):
        return "one-payer"
    if sale.status == BOOKED:
        if sale.hold != CONFIRMED:
            return "seats-kept"
        if not _paid_once(sale):
            return "paid-once"
    elif any(_money_kept(attempt) for attempt in sale.attempts):
        return "no-money-for-nothing"
    if world.configuration.on_time and any(each.status == VOIDED for each in sale.attempts):
        return "not-for-nothing"
    return None


def _one_payer(sale: Sale) -> bool:
    processing = sum(attempt.status == PROCESSING for attempt in sale.attempts)
    if processing and sale.status != INITIATED:
        return False
    return processing == sale.paying_since


def _paid_once(sale: Sale) -> bool:
    live = [each for each in sale.attempts if each.status in (AUTHORIZED, CAPTURED)]
    captured = [each for each in sale.attempts if each.payment == SUCCEEDED]
    if len(live) != 1 or len(captured) > 1 or captured not in ([], live):
        return False
    return _good_for_the_price(live[0])


def _good_for_the_price(attempt: Attempt) -> bool:
    if attempt.payment == SUCCEEDED:
        return not attempt.refunded
    voided = attempt.payment == CANCELED and not attempt.refused
    # A refused capture is voided before its booking is cancelled: until then its message stays.
    return CAPTURE in attempt.outbox and VOID not in attempt.outbox and not voided


def _money_kept(attempt: Attempt) -> bool:
    captured = attempt.payment == SUCCEEDED and not attempt.refunded
    return captured and GIVE_BACK not in attempt.outbox


def ends_well(sale: Sale) -> bool:
    """Whether a sale at rest is as it should be: paid and seated, or nothing left of it."""
    if sale.running or sale.late or sale.release or sale.status == INITIATED:
        return False
    if not all(_agrees(attempt) for attempt in sale.attempts):
        return False
    if sale.status == BOOKED:
        captured = sum(attempt.status == CAPTURED for attempt in sale.attempts)
        return sale.hold == CONFIRMED and captured == 1
    nothing = (RELEASED,) if sale.status == CANCELLED else (NONE, RELEASED)
    return sale.hold in nothing and not any(_reserved(attempt) for attempt in sale.attempts)


def _agrees(attempt: Attempt) -> bool:
    """Whether bookings and the provider tell the same of this attempt."""
    if attempt.outbox or attempt.payment not in AGREEING[attempt.status]:
        return False
    return attempt.refunded == (attempt.status == REFUNDED)


def _reserved(attempt: Attempt) -> bool:
    kept = attempt.payment == SUCCEEDED and not attempt.refunded
    return kept or attempt.payment == REQUIRES_CAPTURE
