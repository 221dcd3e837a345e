"""Settings without which nothing may start. Each service adds its own (`<service>/checks.py`)."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured

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
    return errors


def _has_secret_key() -> bool:
    try:
        return bool(settings.SECRET_KEY)
    except ImproperlyConfigured:  # what Django raises where it is empty
        return False
