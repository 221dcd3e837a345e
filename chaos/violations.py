"""The promises, by short names, and what it is to break one."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Violation:
    """A promise that was broken. `rule` is the promise's short name, one of RULES."""

    rule: str
    sentence: str


RULES = {
    "answers": "no answer but those that a client must expect, and never a 500",
    "kept": "no acknowledged booking is missing, or less than it was said to be",
    "sold once": "of no flight more seats are promised than it has",
    "seats": "each flight's seats, its holds and its bookings add up",
    "money": "captured money has its booking, and a cancelled one its money back",
    "once": "a repeated request never made two",
    "forward": "no booking goes back to an earlier state",
    "rest": "in the end nothing is left half-done",
    "audit": "`manage.py audit` agrees",
    "recovery": "after each fault the system comes back by itself",
}
