"""The payment provider: what each request does there, in one transaction (`payments/services.py`).

A payment stands under its attempt's key; NONE is a key that was never seen.
"""

from model.rules import World
from model.state import (
    CANCELED,
    FAILED,
    NONE,
    REQUIRES_CAPTURE,
    SUCCEEDED,
    Outcome,
    Sale,
    change_attempt,
)

OK = "ok"


def authorise(sale: Sale, number: int, world: World) -> list[Outcome]:
    """The key decides once: known, it answers with what it decided."""
    payment = sale.attempts[number].payment
    if payment == NONE:
        return _decide(sale, number, world)
    refusals = {FAILED: "payment_declined", CANCELED: "payment_voided"}
    return [Outcome(refusals.get(payment, OK), sale)]


def _decide(sale: Sale, number: int, world: World) -> list[Outcome]:
    authorised = change_attempt(sale, number, payment=REQUIRES_CAPTURE)
    declined = change_attempt(sale, number, payment=FAILED)
    outcomes = [
        Outcome(OK, authorised),
        Outcome("payment_declined", declined if world.rules.remember_declines else sale),
    ]
    if world.configuration.never_captured:
        never = change_attempt(authorised, number, never_captured=True)
        outcomes.append(Outcome("ok, but it will never be captured", never))
    if world.configuration.unknown_methods:  # nothing is remembered: a copy may fare otherwise
        outcomes.append(Outcome("payment method unknown", sale))
    return outcomes


def capture(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Captured once, captured for ever. A refusal changes nothing at the provider."""
    attempt = sale.attempts[number]
    if attempt.payment == SUCCEEDED:
        return [Outcome(OK, sale)]
    refused = Outcome("capture_refused", sale)
    if attempt.payment != REQUIRES_CAPTURE or attempt.never_captured:
        return [refused]
    captured = Outcome(OK, change_attempt(sale, number, payment=SUCCEEDED))
    return [captured, refused] if world.configuration.refusals else [captured]


def void_by_key(sale: Sale, number: int, world: World) -> list[Outcome]:
    """Void what was, or ever will be, authorised under the key."""
    payment = sale.attempts[number].payment
    if payment == SUCCEEDED:
        return [Outcome("already_captured", sale)]
    if payment == REQUIRES_CAPTURE or (payment == NONE and world.rules.void_unknown_keys):
        return [Outcome(OK, change_attempt(sale, number, payment=CANCELED))]
    return [Outcome(OK, sale)]


def void_refused(sale: Sale, number: int, world: World) -> list[Outcome]:
    """The same void, sent because a capture was refused; the model remembers why."""
    return [
        answer._replace(sale=change_attempt(answer.sale, number, refused=True))
        if answer.sale is not sale
        else answer
        for answer in void_by_key(sale, number, world)
    ]


def refund(sale: Sale, number: int, _: World) -> list[Outcome]:
    """Give all of a captured payment back, once."""
    if sale.attempts[number].payment != SUCCEEDED:
        return [Outcome("not_captured", sale)]
    return [Outcome(OK, change_attempt(sale, number, refunded=True))]
