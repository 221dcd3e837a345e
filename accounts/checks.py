"""What mail needs in production. Worth a warning: seats and money are safe without it."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def check_mail(**kwargs: Any) -> list[CheckMessage]:
    warnings: list[CheckMessage] = []
    if settings.EMAIL_BACKEND.endswith("dummy.EmailBackend"):
        warnings.append(Warning("EMAIL_URL is not set: no mail is sent.", id="accounts.W001"))
    if settings.SECURE and not settings.SITE_URL.startswith("https://"):
        warnings.append(
            Warning(
                "SITE_URL is no https:// address: links in mails lead nowhere.", id="accounts.W002"
            )
        )
    return warnings
