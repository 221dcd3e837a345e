"""What drf-spectacular can't see by itself: problem documents, tokens and service secrets."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from common.problems import CONTENT_TYPE


class FaultSerializer(serializers.Serializer):
    pointer = serializers.CharField(help_text="Where the fault is: a JSON pointer, RFC 6901.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="For programs: never changes.")
    requestId = serializers.CharField()
    errors = FaultSerializer(many=True, required=False)  # type: ignore[assignment]


class ProblemAutoSchema(AutoSchema):
    """Every operation may answer with a problem document (`default`)."""

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> Any:
        responses = super()._get_response_bodies(*args, **kwargs)
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        responses["default"] = {
            "description": "A problem document (RFC 9457); `code` says which.",
            "content": {CONTENT_TYPE: {"schema": problem}},
        }
        return responses


class ServiceScheme(OpenApiAuthenticationExtension):
    target_class = "common.service_auth.ServiceAuthentication"
    name = "serviceSecret"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Between services: `Service <secret>`.",
        }


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "A traveller or staff: `Token <token>`, from login or register.",
        }
