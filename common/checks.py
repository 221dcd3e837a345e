"""Settings without which nothing may start. Each service adds its own (`<service>/checks.py`)."""

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from common.throttles import COST_CLASSES, Rate

# Keys that Django, and our local stack, make for trials.
INSECURE_PREFIX = "django-insecure-"
KNOWN_SERVICES = {"flights", "bookings", "payments"}


def refuse_broken_settings() -> None:
    """Raise ImproperlyConfigured, with every reason, when a server must not start as it is set."""
    errors = [message for message in run_checks() if message.is_serious()]
    if errors:
        raise ImproperlyConfigured("; ".join(str(error.msg) for error in errors))


@register(Tags.security)
def check_environment(**kwargs: Any) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    if not settings.DATABASES.get("default", {}).get("ENGINE", "").endswith("postgresql"):
        errors.append(
            Error(
                "DATABASE_URL is not set to a PostgreSQL database.",
                hint="Export it, or start the local stack first: make run",
                id="common.E001",
            )
        )
    if not _has_secret_key():
        errors.append(Error("SECRET_KEY is not set.", id="common.E002"))
    if not settings.SERVICE_SECRETS:
        errors.append(
            Error(
                "SERVICE_SECRETS is not set: services could not tell each other from strangers.",
                id="common.E003",
            )
        )
    elif not all(re.fullmatch(r"[\x21-\x7e]{16,}", secret) for secret in settings.SERVICE_SECRETS):
        errors.append(
            Error(
                "Each of SERVICE_SECRETS needs 16 characters or more, visible ASCII only.",
                hint="They travel in a header: no spaces after the commas, no end of line.",
                id="common.E004",
            )
        )
    if not settings.SERVICES or set(settings.SERVICES) - KNOWN_SERVICES:
        errors.append(
            Error(
                f"SERVICES names one or more of {', '.join(sorted(KNOWN_SERVICES))}.",
                id="common.E005",
            )
        )
    errors += [Error(fault, id="common.E006") for fault in _faults_of_rates()]
    if settings.SECURE:
        errors += [Error(fault, id="common.E007") for fault in _faults_in_production()]
    return errors


def _faults_of_rates() -> Iterator[str]:
    for name, rate in settings.THROTTLE_RATES.items():
        if name not in COST_CLASSES:
            yield f"THROTTLE_RATES: {name!r} is none of {', '.join(COST_CLASSES)}."
            continue
        try:
            Rate.parse(rate)
        except ValueError as error:
            yield f"THROTTLE_RATES: {name}: {error}"


def _faults_in_production() -> Iterator[str]:
    """What does no harm in a trial, and much on the open internet."""
    for key in [settings.SECRET_KEY if _has_secret_key() else "", *settings.SECRET_KEY_FALLBACKS]:
        if key and (len(key) < 50 or len(set(key)) < 5 or key.startswith(INSECURE_PREFIX)):
            yield "SECRET_KEY, and each of SECRET_KEY_FALLBACKS, needs 50 random characters."
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS names the hosts that we are, each one: links in mails are made of it."


def _has_secret_key() -> bool:
    try:
        return bool(settings.SECRET_KEY)
    except ImproperlyConfigured:  # what Django raises where it is empty
        return False
