"""The relations between the times of paying, on which the promises stand.

Safety never hangs on them (every late answer ends right by itself); they see to it that, without
faults, no payment that began in time is ever taken back, and no seat is lost while one runs.
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from common.http import longest_call


def pay_budget() -> float:
    """The longest that a request to pay can work on its attempt, in seconds."""
    return (
        2 * settings.LOCK_TIMEOUT_SECONDS
        + longest_call(settings.PAYMENTS_READ_TIMEOUT)
        + longest_call(settings.FLIGHTS_READ_TIMEOUT)
    )


@register()
def check_times(**kwargs: Any) -> list[CheckMessage]:
    budget = pay_budget()
    capture = 2 * longest_call(settings.PAYMENTS_READ_TIMEOUT)
    patience = settings.PAY_LEASE_SECONDS + settings.RECONCILE_SECONDS + budget
    grace = patience + settings.CLOCK_SKEW_SECONDS
    relations = [
        (
            settings.PAYMENT_WINDOW_SECONDS > 0,
            "PAYMENT_WINDOW_SECONDS must be above 0: nobody could pay.",
        ),
        (
            budget < settings.PAY_LEASE_SECONDS,
            f"PAY_LEASE_SECONDS ({settings.PAY_LEASE_SECONDS:g}) must be above the {budget:g} s"
            " that paying can take (two lock time-outs, two calls with their retry): the reconciler"
            " would take back payments that are still under way.",
        ),
        (
            grace < settings.HOLD_GRACE_SECONDS,
            f"HOLD_GRACE_SECONDS ({settings.HOLD_GRACE_SECONDS:g}) must be above {grace:g} s"
            " (PAY_LEASE_SECONDS + RECONCILE_SECONDS + the time paying can take +"
            " CLOCK_SKEW_SECONDS): a payment that began in time could lose its seats.",
        ),
        (
            budget + capture < settings.WEB_TIMEOUT_SECONDS,
            f"WEB_TIMEOUT_SECONDS ({settings.WEB_TIMEOUT_SECONDS:g}) must be above the"
            f" {budget + capture:g} s that paying and capturing can take: a server that stops"
            " would kill payments under way.",
        ),
        (
            min(
                settings.EXPIRY_SWEEP_SECONDS,
                settings.RECONCILE_SECONDS,
                settings.OUTBOX_SECONDS,
                settings.AUDIT_SECONDS,
            )
            >= 1,
            "EXPIRY_SWEEP_SECONDS, RECONCILE_SECONDS, OUTBOX_SECONDS, AUDIT_SECONDS: 1 or more.",
        ),
    ]
    return [
        Error(sentence, id=f"bookings.E{number:03}")
        for number, (holds, sentence) in enumerate(relations, start=1)
        if not holds
    ]
