"""How services know each other: `Authorization: Service <secret>`."""

from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

SCHEME = "Service"


class ServicePrincipal:
    """Who asks, when it is one of our own services: nobody's account, and never staff."""

    pk = id = None
    is_authenticated = True
    is_active = True
    is_anonymous = is_staff = is_superuser = False

    def has_perm(self, *args: Any) -> bool:
        return False

    def __str__(self) -> str:
        return "service"


def service_authorization() -> str:
    """The header's value that we send: the first of the secrets."""
    return f"{SCHEME} {settings.SERVICE_SECRETS[0]}"


class ServiceAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[ServicePrincipal, None] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return None
        # No short cut: the time taken must not tell which secret was nearly right.
        known = [constant_time_compare(secret, known) for known in settings.SERVICE_SECRETS]
        if not any(known):
            raise exceptions.AuthenticationFailed("This is not a secret of ours.")
        return ServicePrincipal(), None

    def authenticate_header(self, request: Request) -> str:
        return SCHEME


class IsService(BasePermission):
    """Only our own services: no traveller, and no staff either."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, ServicePrincipal)


class IsAccount(BasePermission):
    """Somebody with an account of their own; our services have none."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return bool(request.user.is_authenticated and request.user.pk)
