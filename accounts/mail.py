"""Mail about accounts."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts.models import User

MOST_ACCOUNTS = 10  # of one address, in one mail


def send_reset_mail(email: str) -> int:
    """Send the links by which a new password can be set; say for how many accounts.

    One mail, however many accounts have the address, and none where no account has it. It goes to
    the address as the account has it: what was typed may only look the same.
    """
    people = User.objects.filter(email__iexact=email, is_active=True).order_by("-pk")
    links: dict[str, list[tuple[str, str]]] = {}
    for user in people[:MOST_ACCOUNTS]:
        if user.has_usable_password():
            links.setdefault(user.email, []).append((user.username, reset_link(user)))
    for address, accounts in links.items():
        context = {"accounts": accounts, "minutes": settings.PASSWORD_RESET_TIMEOUT // 60}
        mail = EmailMultiAlternatives(
            subject="Set a new password",
            body=render_to_string("accounts/reset_mail.txt", context),
            to=[address],
        )
        mail.attach_alternative(render_to_string("accounts/reset_mail.html", context), "text/html")
        mail.send()
    return sum(map(len, links.values()))


def reset_link(user: User) -> str:
    """The address of a page where `user` can set a new password, once and for a while."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    token = default_token_generator.make_token(user)
    return settings.SITE_URL + reverse("account:reset", args=[uid, token])
