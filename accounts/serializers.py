from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from accounts.models import User
from common.wire import ModelSerializer, Serializer, UtcDateTimeField

NAME_TAKEN = "A user with that username already exists."


class UsernameField(serializers.CharField):
    """A name as it is stored: however a keyboard composes its characters, it is one name (NFKC)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=150, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        return name if len(name) > 150 else User.normalize_username(name)


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
        validators=[
            UnicodeUsernameValidator(),
            UniqueValidator(User.objects.all(), message=NAME_TAKEN),
        ]
    )
    password = serializers.CharField(max_length=128, write_only=True, trim_whitespace=False)
    email = serializers.EmailField(max_length=254)

    class Meta:
        model = User
        fields = ("username", "email", "password")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            validate_password(attrs["password"], User(**attrs))
        except ValidationError as error:
            raise serializers.ValidationError({"password": error.messages}) from error
        return attrs


class LoginSerializer(Serializer):
    username = UsernameField()
    password = serializers.CharField(max_length=128, trim_whitespace=False)
