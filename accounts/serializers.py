from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from accounts.models import User
from accounts.names import fold, validate_person_name, validate_username
from common.wire import ModelSerializer, Serializer, UtcDateTimeField

NAME_TAKEN = "A user with that username already exists."


class UsernameField(serializers.CharField):
    """A name as it is stored: however a keyboard composes its characters, it is one name (NFKC)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=150, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        return name if len(name) > 150 else User.normalize_username(name)


class PasswordField(serializers.CharField):
    """A password, spaces and all. Never answered."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, write_only=True, trim_whitespace=False, **kwargs)


class NameIsFree(UniqueValidator):
    def filter_queryset(self, value: str, queryset: QuerySet, field_name: str) -> QuerySet:
        return queryset.filter(name_key=fold(value))


def refuse_weak(password: str, user: User, field: str) -> None:
    """Raise DRF's ValidationError, at `field`, for a password that breaks our rules."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise serializers.ValidationError({field: error.messages}) from error


class UserSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = ("id", "username", "email", "first_name", "last_name", "is_staff")
        read_only_fields = fields


class SessionSerializer(Serializer):
    """What register and login answer with; `token` is shown this once."""

    user = UserSerializer()
    token = serializers.CharField()
    expiry = UtcDateTimeField()


class RegisterSerializer(ModelSerializer):
    username = UsernameField(
        validators=[validate_username, NameIsFree(User.objects.all(), message=NAME_TAKEN)]
    )
    password = PasswordField()
    email = serializers.EmailField(max_length=254)

    class Meta:
        model = User
        fields = ("username", "email", "password")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_weak(attrs["password"], User(**attrs), "password")
        return attrs


class LoginSerializer(Serializer):
    username = UsernameField()
    password = PasswordField()


class ProfileSerializer(ModelSerializer):
    """What people may change about themselves."""

    email = serializers.EmailField(max_length=254)
    first_name = serializers.CharField(
        max_length=150, allow_blank=True, validators=[validate_person_name]
    )
    last_name = serializers.CharField(
        max_length=150, allow_blank=True, validators=[validate_person_name]
    )
    password = PasswordField(
        required=False, help_text="Needed for another e-mail address: mail opens the account."
    )

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "password")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        email = self.context["user"].email
        if attrs.get("email", email) != email and "password" not in attrs:
            raise serializers.ValidationError(
                {"password": ["Another e-mail address needs your password."]}, code="required"
            )
        return attrs


class ChangePasswordSerializer(Serializer):
    current_password = PasswordField()
    new_password = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        refuse_weak(attrs["new_password"], self.context["user"], "newPassword")
        return attrs


class ResetSerializer(Serializer):
    email = serializers.EmailField(max_length=254)


class ConfirmResetSerializer(Serializer):
    uid = serializers.CharField(max_length=100, help_text="From the link: its part before last.")
    token = serializers.CharField(max_length=100, help_text="From the link: its last part.")
    new_password = PasswordField()


class DeleteAccountSerializer(Serializer):
    password = PasswordField()
