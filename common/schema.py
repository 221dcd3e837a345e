"""What drf-spectacular can't see by itself: problems, who may ask, headers, names for clients.

Views say no more than what is theirs alone, `@raises(errors.SeatsUnavailable, …)`. What follows
from authentication, permissions, throttles, body and parameters is worked out here.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from drf_spectacular import authentication
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, force_instance, get_doc
from drf_spectacular.utils import Direction
from rest_framework import serializers

from common import idempotency
from common.catalogue import codes
from common.problems import CONTENT_TYPE
from common.service_auth import ServicePrincipal
from common.wire import AmountField, WireMixin, camelize

Handler = TypeVar("Handler", bound=Callable[..., Any])
WRITES = ("POST", "PUT", "PATCH", "DELETE")
VERBS = {"retrieve": "get", "partial_update": "update", "destroy": "delete"}
# Where DRF's own actions do their work: what these raise, the action answers with.
HOOKS = {
    "create": "perform_create",
    "partial_update": "perform_update",
    "destroy": "perform_destroy",
}
OF_BODIES = {"parse_error", "validation_error", "length_required", "body_too_large"} | {
    "unsupported_media_type"
}
WAITS = ("409", "429", "503")  # where `Retry-After` may say how long


def raises(*kinds: type[Exception]) -> Callable[[Handler], Handler]:
    """Which errors an operation answers with, beside those that any like it may answer with."""

    def mark(handler: Handler) -> Handler:
        handler.raises = kinds  # type: ignore[attr-defined]
        return handler

    return mark


class FaultSerializer(serializers.Serializer):
    pointer = serializers.CharField(help_text="Where the fault is: a JSON pointer, RFC 6901.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """RFC 9457. What else a problem carries stands beside: `remainingSeats`, say."""

    type = serializers.CharField(help_text="GET it to read about the code.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField(help_text="For programs: never changes.")
    requestId = serializers.CharField(help_text="Quote it when you ask for help.")
    errors = FaultSerializer(many=True, required=False)  # type: ignore[assignment]


class ProblemAutoSchema(AutoSchema):
    """Operations with all that they may answer: there is no `default`."""

    # --- Names ------------------------------------------------------------------------------------

    def get_operation_id(self) -> str:
        """`createBooking`, `listCities`, `payBooking`; of a view without actions its own name."""
        action = self._action
        if not action:
            name = type(self.view).__name__.removesuffix("View")
            return name[0].lower() + name[1:]
        model = cast(Any, self.view).queryset.model
        if action == "list":
            return f"list{model._meta.verbose_name_plural.title().replace(' ', '')}"
        return camelize(VERBS.get(action, action)) + model.__name__

    def get_summary(self) -> str:
        """The first line of what the handler's docstring says, or else the operation's name."""
        if said := self._said:
            return said.splitlines()[0].rstrip(".")
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in self.get_operation_id())
        return words.capitalize()

    def get_description(self) -> str:  # type: ignore[override]
        return self._said if "\n" in self._said else ""  # one line is the summary

    @property
    def _action(self) -> str:
        return getattr(self.view, "action", None) or ""

    @property
    def _handler(self) -> Any:
        return getattr(self.view, self._action or self.method.lower(), None)

    @property
    def _said(self) -> str:
        """The docstring of the handler; a view without actions is one itself."""
        return get_doc(self._handler) or ("" if self._action else get_doc(type(self.view)))

    def get_serializer_name(self, serializer: Any, direction: Direction) -> str:
        """`HoldRequest`, and not `HoldRequestRequest`: drf-spectacular adds what it is."""
        name = str(super().get_serializer_name(serializer, direction))
        return name.removesuffix("RequestSerializer")

    # --- Who may ask ------------------------------------------------------------------------------

    def lets_in(self, principal: Any) -> bool:
        """Whether the view's permissions let `principal` ask; objects are another matter."""
        request: Any = SimpleNamespace(method=self.method, user=principal, auth=None)
        return all(p.has_permission(request, self.view) for p in self.view.get_permissions())

    def get_auth(self) -> list[dict[str, Any]]:
        schemes = super().get_auth()
        named = [scheme for scheme in schemes if scheme]
        return [*named, {}] if self.lets_in(AnonymousUser()) else named

    # --- What is asked ----------------------------------------------------------------------------

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        kind = serializer if isinstance(serializer, type) else type(serializer)
        if not kind.__doc__:
            schema.pop("description", None)  # that of a base class says nothing of this one
        if direction == "request" and issubclass(kind, WireMixin):
            schema["additionalProperties"] = False
            for name, field in force_instance(serializer).fields.items():
                if getattr(field, "allow_empty", True) is False:
                    schema["properties"][name]["minItems"] = 1
        return schema

    def _get_parameters(self) -> Any:
        parameters = super()._get_parameters()
        if self._is_cached:
            tag = {"type": "string", "description": "The `ETag` that you have."}
            parameters.append({"in": "header", "name": "If-None-Match", "schema": tag})
        return parameters

    @property
    def _is_cached(self) -> bool:
        """Whether the answer may be kept, and asked for on a condition."""
        return self.method == "GET" and hasattr(self.view, "max_age")

    @property
    def _takes_key(self) -> str:
        """Whether there is an Idempotency-Key: "required", "optional" or ""."""
        for parameter in cast(list[Any], self.get_override_parameters()):
            if getattr(parameter, "name", "") == idempotency.HEADER:
                return "required" if parameter.required else "optional"
        return ""

    # --- What is answered -------------------------------------------------------------------------

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> Any:
        responses = super()._get_response_bodies(*args, **kwargs)
        if self._is_cached:
            responses["304"] = {"description": "What you have is still right."}
        for status, response in responses.items():
            response["headers"] = response.get("headers", {}) | self._headers(status)
            response["description"] = response["description"] or "As asked."
        of_status = sorted((str(codes()[code][0]), code) for code in set(self._problems()))
        for status, found in groupby(of_status, key=lambda pair: pair[0]):
            responses[status] = self._problem_response(status, [code for _, code in found])
        return dict(sorted(responses.items()))

    def _problems(self) -> Iterator[str]:
        """The codes of all problems that this operation may answer with."""
        yield from ("internal_error", "service_unavailable", "not_acceptable")
        if self.view.get_throttles():
            yield "throttled"
        yield from self._problems_of_handler()
        yield from self._problems_of_callers()
        yield from self._problems_of_requests()

    def _problems_of_callers(self) -> Iterator[str]:
        if self.view.get_authenticators():
            yield "authentication_failed"
            if self.method in WRITES and self.lets_in(somebody()):
                yield "csrf_failed"
        if not self.lets_in(AnonymousUser()):
            yield from ("not_authenticated", "permission_denied")

    def _problems_of_requests(self) -> Iterator[str]:
        if self.method in WRITES and (self.method != "DELETE" or self._get_request_body()):
            yield from OF_BODIES
        if any(p["in"] == "query" for p in self._get_parameters()):
            yield "validation_error"
        if "{" in self.path:
            yield "not_found"
        if self._is_cached:
            yield "precondition_failed"
        if self._takes_key:
            yield from ("idempotency_key_invalid", "idempotency_key_reused")
        if self._takes_key == "required":
            yield "idempotency_key_missing"

    def _problems_of_handler(self) -> Iterator[str]:
        handlers = [self._handler]
        if not hasattr(self._handler, "raises"):
            handlers.append(getattr(self.view, HOOKS.get(self._action, ""), None))
        if "{" in self.path:
            handlers.append(getattr(self.view, "get_object", None))
        for handler in handlers:
            for kind in getattr(handler, "raises", ()):
                yield getattr(kind, "code", None) or kind.default_code

    def _problem_response(self, status: str, found: list[str]) -> dict[str, Any]:
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        code = {"type": "object", "properties": {"code": {"enum": found}}}
        response = {
            "description": "\n\n".join(f"`{code}`: {codes()[code][1]}" for code in found),
            "headers": self._headers(status),
            "content": {CONTENT_TYPE: {"schema": {"allOf": [problem, code]}}},
        }
        if len(found) > 2:
            return response
        name = "Or".join(camelize(f"_{code}") for code in found)  # said once for all that have it
        component = ResolvedComponent(name, ResolvedComponent.RESPONSE, response, name)
        self.registry.register_on_missing(component)
        return component.ref

    def _headers(self, status: str) -> dict[str, Any]:
        """The headers of an answer that say something to programs."""
        headers = {"X-Request-ID": _header("This request, in our log.", required=True)}
        if status == "401":
            headers["WWW-Authenticate"] = _header("How to say who you are.", required=True)
        if status in WAITS:
            headers["Retry-After"] = _header(
                "Seconds to wait.", required=status in ("429", "503"), type="integer"
            )
        if status < "300" and self._takes_key:
            headers["Idempotency-Replayed"] = _header(
                "An earlier request with this key made it.", enum=["true"]
            )
        if status in ("200", "304") and self._is_cached:
            headers["ETag"] = _header("Send it as If-None-Match next time.", required=True)
        return headers


def somebody() -> Any:
    """A person who may do whatever people may do."""
    return get_user_model()(pk=1, is_active=True, is_staff=True, is_superuser=True)


def _header(description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    said = {"description": description, "schema": {"type": "string", **schema}}
    return {**said, "required": True} if required else said


class AmountSchema(OpenApiSerializerFieldExtension):
    """Money is a text; a whole number is understood, too."""

    target_class = AmountField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        whole = self.target.max_digits - self.target.decimal_places
        minus = "" if (self.target.min_value or 0) > 0 else "-?"
        digits = rf"^{minus}[0-9]{{1,{whole}}}(\.[0-9]{{1,3}})?$"
        if direction == "response":
            return {"type": "string", "format": "decimal", "pattern": digits}
        most = 10**whole - 1
        bounds = {"minimum": -most if minus else 1, "maximum": most}
        return {"type": ["string", "integer"], "pattern": digits, **bounds}


# --- How to say who asks --------------------------------------------------------------------------


class OnlyWhoIsLetIn:
    """A way to say who asks, shown where the view's permissions let such a one in at all."""

    principal: Callable[[], Any]
    name: str

    def get_security_requirement(self, auto_schema: Any) -> Any:
        return {self.name: []} if auto_schema.lets_in(type(self).principal()) else None


class ServiceScheme(OnlyWhoIsLetIn, OpenApiAuthenticationExtension):
    target_class = "common.service_auth.ServiceAuthentication"
    name = "serviceSecret"
    principal = ServicePrincipal

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Between services: `Service <secret>`.",
        }


class TokenScheme(OnlyWhoIsLetIn, OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"
    principal = somebody

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "A traveller or staff: `Token <token>`, from login or register.",
        }


class SessionScheme(OnlyWhoIsLetIn, authentication.SessionScheme):
    target_class = "common.session_auth.SessionAuthentication"
    name = "session"
    principal = somebody

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        said = "A browser's session. What is not a GET needs `X-CSRFToken`, too."
        return {**super().get_security_definition(auto_schema), "description": said}
