from typing import Any, cast

from django.contrib.auth import authenticate, logout, update_session_auth_hash
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from drf_spectacular.utils import extend_schema
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts import services, tasks
from accounts.errors import ResetLinkInvalid, WrongPassword
from accounts.limits import PasswordThrottle
from accounts.models import User
from accounts.serializers import (
    NAME_TAKEN,
    ChangePasswordSerializer,
    ConfirmResetSerializer,
    DeleteAccountSerializer,
    LoginSerializer,
    ProfileSerializer,
    RegisterSerializer,
    ResetSerializer,
    SessionSerializer,
    UserSerializer,
)
from common.errors import ServiceUnavailable
from common.schema import ProblemAutoSchema, raises
from common.throttles import CostThrottle, LoginThrottle
from common.wire import Serializer


@method_decorator(cache_control(no_store=True), name="dispatch")
class AccountView(APIView):
    """Tokens and what is known of a person: no browser and no proxy keeps them."""


class Door(AccountView):
    """Open to who is not logged in, and limited: passwords are tried here."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [LoginThrottle]


class RegisterView(Door):
    """Open an account."""

    @extend_schema(request=RegisterSerializer, responses={201: SessionSerializer})
    def post(self, request: Request) -> Response:
        try:
            user = User.objects.create_user(**read(RegisterSerializer, request))
        except IntegrityError as error:  # two at once with one name: the other was first
            raise ValidationError({"username": [NAME_TAKEN]}, code="unique") from error
        return open_session(user, status=201)


class LoginView(Door):
    """Swap name and password for a token."""

    def get_authenticate_header(self, request: Request) -> str:
        return "Token"  # without it, DRF would answer 403

    @extend_schema(request=LoginSerializer, responses=SessionSerializer)
    @raises(AuthenticationFailed)
    def post(self, request: Request) -> Response:
        user = authenticate(request._request, **read(LoginSerializer, request))
        if not isinstance(user, User):
            raise no_such_account()
        answer = open_session(user)
        user_logged_in.send(sender=User, request=request, user=user)
        return answer


class LogoutView(AccountView):
    """Make the token that was sent worthless; without one, end the browser's session."""

    parser_classes = [JSONParser, FormParser, MultiPartParser]  # as forms of pages send it

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        read(Serializer, request)  # it takes no fields: one that is sent was meant for something
        if isinstance(request.auth, AuthToken):
            request.auth.delete()
        else:
            logout(request._request)
        return Response(status=204)


class LogoutAllView(LogoutView):
    """End all tokens and all sessions of the account, this one included."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        read(Serializer, request)
        services.end_logins(me(request))
        return Response(status=204)


class ChangePasswordView(AccountView):
    """Change the password; all other tokens and sessions end."""

    throttle_classes = [CostThrottle, PasswordThrottle]

    @extend_schema(request=ChangePasswordSerializer, responses={204: None})
    @raises(WrongPassword)
    def post(self, request: Request) -> Response:
        wanted = read(ChangePasswordSerializer, request)
        token = request.auth if isinstance(request.auth, AuthToken) else None
        user = services.change_password(
            me(request), old=wanted["current_password"], new=wanted["new_password"], keep=token
        )
        if not token:
            update_session_auth_hash(request._request, user)
        return Response(status=204)


class ResetView(Door):
    """Mail a link to set a new password, if the address is an account's; nobody is told."""

    @extend_schema(
        operation_id="requestPasswordReset", request=ResetSerializer, responses={202: None}
    )
    def post(self, request: Request) -> Response:
        wanted = read(ResetSerializer, request)
        try:
            # Whether there is an account is only asked by the task: this takes as long for all.
            tasks.send_reset_mail.delay(**wanted)
        except Exception as error:  # whatever the broker's trouble is
            raise ServiceUnavailable("No mail can be sent at the moment.") from error
        return Response(status=202)


class ConfirmResetView(Door):
    """Set a new password by the link from the mail; all tokens and sessions end."""

    @extend_schema(
        operation_id="confirmPasswordReset", request=ConfirmResetSerializer, responses={204: None}
    )
    @raises(ResetLinkInvalid)
    def post(self, request: Request) -> Response:
        wanted = read(ConfirmResetSerializer, request)
        try:
            services.reset_password(
                uid=wanted["uid"], token=wanted["token"], new=wanted["new_password"]
            )
        except DjangoValidationError as error:
            raise ValidationError({"newPassword": error.messages}) from error
        return Response(status=204)


class BodyOfDelete(ProblemAutoSchema):
    """drf-spectacular leaves out the body of a DELETE; ours carries the password."""

    def _get_request_body(self, direction: str = "request") -> Any:
        method, self.method = self.method, "POST" if self.method == "DELETE" else self.method
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = method


class MeView(AccountView):
    """The account of who asks."""

    schema = BodyOfDelete()
    throttle_classes = [CostThrottle, PasswordThrottle]

    @extend_schema(operation_id="getAccount", responses=UserSerializer)
    def get(self, request: Request) -> Response:
        return Response(UserSerializer(request.user).data)

    @extend_schema(
        operation_id="updateAccount", request=ProfileSerializer, responses=UserSerializer
    )
    @raises(WrongPassword)
    def patch(self, request: Request) -> Response:
        """Change e-mail address and name."""
        wanted = read(ProfileSerializer, request, partial=True)
        return Response(UserSerializer(services.change_profile(me(request), **wanted)).data)

    @extend_schema(
        operation_id="deleteAccount", request=DeleteAccountSerializer, responses={204: None}
    )
    @raises(WrongPassword)
    def delete(self, request: Request) -> Response:
        """Close the account for good. Bookings are kept, the person is forgotten."""
        services.forget(me(request), **read(DeleteAccountSerializer, request))
        return Response(status=204)


def me(request: Request) -> User:
    return cast(User, request.user)  # `IsAccount` lets nobody else in


def read(
    serializer: type[BaseSerializer[Any]], request: Request, *, partial: bool = False
) -> dict[str, Any]:
    """The valid body of a request, in snake_case. Raises ValidationError."""
    body = serializer(data=request.data, partial=partial, context={"user": request.user})
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def no_such_account() -> AuthenticationFailed:
    return AuthenticationFailed("No account has this name and password.")


def open_session(user: User, status: int = 200) -> Response:
    opened = services.open_token(user)
    if not opened:  # closed, or its password changed, since a moment
        raise no_such_account()
    auth_token, token = opened
    session = {"user": user, "token": token, "expiry": auth_token.expiry}
    return Response(SessionSerializer(session).data, status=status)
