from django.contrib.auth import authenticate, logout
from django.contrib.auth.signals import user_logged_in
from django.db import IntegrityError
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.serializers import (
    NAME_TAKEN,
    LoginSerializer,
    RegisterSerializer,
    SessionSerializer,
)


def open_session(user: User) -> dict[str, object]:
    """A new token for `user`, hashed at rest and shown this once."""
    auth_token, token = AuthToken.objects.create(user)
    return SessionSerializer({"user": user, "token": token, "expiry": auth_token.expiry}).data


class RegisterView(APIView):
    """Open an account."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(request=RegisterSerializer, responses={201: SessionSerializer})
    def post(self, request: Request) -> Response:
        form = RegisterSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            user = User.objects.create_user(**form.validated_data)
        except IntegrityError as error:  # two at once with one name: the other was first
            raise ValidationError({"username": [NAME_TAKEN]}, code="unique") from error
        return Response(open_session(user), status=201)


class LoginView(APIView):
    """Swap name and password for a token."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        return "Token"  # without it, DRF would answer 403

    @extend_schema(request=LoginSerializer, responses=SessionSerializer)
    def post(self, request: Request) -> Response:
        form = LoginSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = authenticate(request._request, **form.validated_data)
        if not isinstance(user, User):
            raise AuthenticationFailed("No account has this name and password.")
        user_logged_in.send(sender=User, request=request, user=user)
        return Response(open_session(user))


class LogoutView(APIView):
    """Make the token that was sent worthless; without one, end the browser's session."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        if isinstance(request.auth, AuthToken):
            request.auth.delete()
        else:
            logout(request._request)
        return Response(status=204)
