"""The bank behind the provider, which is played: what each test method makes of a payment."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from payments.errors import ProviderBroke
from payments.states import DeclineCode

SLOW_SECONDS = 2.0


def _answer_at_once() -> None:
    pass


def _answer_slowly() -> None:
    time.sleep(SLOW_SECONDS)


def _answer_too_late() -> None:
    time.sleep(settings.PAYMENTS_TOK_TIMEOUT_SECONDS)


def _break() -> None:
    raise ProviderBroke


@dataclass(frozen=True)
class Behaviour:
    """How the bank treats a method, and what comes between its decision and the first answer."""

    declines: DeclineCode | None = None
    refuses_capture: bool = False
    before_first_answer: Callable[[], None] = _answer_at_once


METHODS: dict[str, Behaviour] = {
    "tok_visa": Behaviour(),
    "tok_declined": Behaviour(declines=DeclineCode.CARD_DECLINED),
    "tok_insufficient_funds": Behaviour(declines=DeclineCode.INSUFFICIENT_FUNDS),
    "tok_timeout": Behaviour(before_first_answer=_answer_too_late),
    "tok_error_once": Behaviour(before_first_answer=_break),
    "tok_slow": Behaviour(before_first_answer=_answer_slowly),
    "tok_capture_fails": Behaviour(refuses_capture=True),
}
REFUSING_CAPTURE = frozenset(name for name, bank in METHODS.items() if bank.refuses_capture)
