"""What is too long, too deep, too large, or no text at all, is never an error of ours."""

import copy
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.models import User

pytestmark = pytest.mark.django_db

# What is right for a field of that name; for others, something of its type.
RIGHT = {
    "flightNumber": "UK808",
    "departureAirportId": "DEL",
    "arrivalAirportId": "BOM",
    "departureTime": "2030-01-01T00:00:00Z",
    "arrivalTime": "2030-01-01T02:00:00Z",
    "expiresAt": "2030-01-01T00:00:00Z",
    "reference": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "currency": "INR",
    "timeZone": "Asia/Kolkata",
    "username": "asha",
    "email": "asha@example.com",
    "phone": "+912212345678",
    "paymentMethod": "tok_visa",
}
BY_TYPE = {"integer": 1, "number": 1, "boolean": True, "string": "1.00"}
SAMPLES = {"reference": RIGHT["reference"], "code": "DEL"}


def operations() -> Iterator[tuple[str, str, Any]]:
    """Method, path and right body of all that the API takes a body for, as its schema says."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, methods in schema["paths"].items():
        where = re.sub(r"{(\w+)}", lambda match: SAMPLES.get(match[1], "1"), path)
        for method, operation in methods.items():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                yield method.upper(), where, right(schema, "", content["schema"])


def right(schema: Any, name: str, kind: Any) -> Any:
    """A value as the schema wants it."""
    if "$ref" in kind:
        kind = schema["components"]["schemas"][kind["$ref"].rpartition("/")[2]]
    kind = (kind.get("allOf") or kind.get("oneOf") or [kind])[0] if "type" not in kind else kind
    if "$ref" in kind:
        return right(schema, name, kind)
    if "properties" in kind:
        return {inner: right(schema, inner, of) for inner, of in kind["properties"].items()}
    types = kind.get("type", "string")
    if types == "array":
        return [right(schema, name, kind["items"])]
    if "enum" in kind:
        return kind["enum"][0]
    return RIGHT.get(name, BY_TYPE.get(types if isinstance(types, str) else types[0], "x"))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value in a body, however deep."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inner:
        yield (*path, key)
        if isinstance(held, dict | list):
            yield from leaves(held, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], odd: Any) -> Any:
    body = copy.deepcopy(body)
    functools.reduce(lambda at, key: at[key], path[:-1], body)[path[-1]] = odd
    return body


BODIES = {(method, path): body for method, path, body in operations() if body}
NO_TEXT = {"NUL": "a\0b", "only NUL": "\0", "half a character": "\ud800"}
ODD: dict[str, Any] = NO_TEXT | {
    "the other way": "\u202eabc",
    "beyond the first plane": "\U0001f6eb" * 3,
    "combining": "e" + "\u0301" * 500,
    "white space": " \t\r\n\u00a0\u2028",
    "long": "x" * 100_000,
    "a second header": "a\r\nSet-Cookie: id=1",
    "2^63": 2**63,
    "10^400": 10**400,
    "text of 2^63": str(2**63),
    "a fraction": 1.5,
    "true": True,
    "null": None,
    "object": {"a": {"b": 1}},
    "empty": "",
    "far time": "99999-01-01T00:00:00Z",
    "year 1": "0001-01-01T00:00:00+23:59",
    "year 9999": "9999-12-31T23:59:59-23:59",
}
SERVICE_PATHS = ("/api/v1/holds", "/api/v1/payments", "/api/v1/flights/1/holds")


def client_for(path: str) -> Client:
    client = Client(raise_request_exception=False)
    if path.startswith(SERVICE_PATHS):
        client.defaults["HTTP_AUTHORIZATION"] = "Service tests-service-secret"
    elif not path.startswith(("/api/v1/auth/register", "/api/v1/auth/login")):
        client.force_login(User.objects.create_superuser("sol"))
    return client


def send(client: Client, method: str, path: str, body: Any) -> Any:
    headers = {"Idempotency-Key": "k"}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.generic(method, path, sent, "application/json", headers=headers)


def assert_sound(answer: Any) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"


FIELDS = [
    pytest.param(*door, leaf, id=f"{' '.join(door)} {'/'.join(map(str, leaf))}")
    for door, body in BODIES.items()
    for leaf in leaves(body)
]


def test_the_bodies_are_found() -> None:
    assert BODIES["POST", "/api/v1/auth/login/"].keys() == {"username", "password"}
    assert BODIES["POST", "/api/v1/holds/release/"]["holds"][0].keys() == {"flightId", "reference"}
    assert len(BODIES) > 15


@pytest.mark.parametrize(("method", "path", "leaf"), FIELDS)
def test_no_field_takes_us_down_or_what_is_no_text(
    method: str, path: str, leaf: tuple[Any, ...]
) -> None:
    client = client_for(path)
    for name, odd in ODD.items():
        answer = send(client, method, path, replaced(BODIES[method, path], leaf, odd))
        assert_sound(answer)
        assert answer.status_code >= 400 or name not in NO_TEXT


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_no_name_of_a_field_takes_us_down(method: str, path: str) -> None:
    client = client_for(path)
    for name in ("\0", "\ud800", "x" * 100_000, "__proto__", "__class__", "a\r\nb", ""):
        answer = send(client, method, path, {**BODIES[method, path], name: 1})
        assert_sound(answer)
        assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("depth", [10, 500, 900, 990, 5000])
@pytest.mark.parametrize("path", ["/api/v1/auth/login/", "/api/v1/bookings/"])
def test_no_depth_takes_us_down(path: str, depth: int) -> None:
    client = client_for(path)
    for nested in (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth):
        for body in (nested, b'{"username": ' + nested + b"}"):
            answer = send(client, "POST", path, body)
            assert_sound(answer)
            assert answer.status_code == 400


@pytest.mark.parametrize("value", ["0", "-1", "201", "1e1", "9" * 5000, "\u0661", "1\0", "", " 5"])
def test_a_page_holds_1_to_200_rows(client: Client, value: str) -> None:
    answer = client.get("/api/v1/cities/", {"limit": value})
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")


@pytest.mark.parametrize(
    "name",
    [
        "X-Request-ID",
        "Idempotency-Key",
        "Authorization",
        "Accept",
        "Origin",
        "Referer",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "If-None-Match",
        "If-Match",
        "Cookie",
        "Content-Type",
        "X-CSRFToken",
        "If-Modified-Since",
        "Accept-Language",
        "Range",
    ],
)
@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: id=1", "a\nb", "\0", "\xff" * 50, "x" * 20_000, "", "\xe2\x80\xa8"]
)
def test_no_header_is_turned_into_another(name: str, value: str) -> None:
    for method, path in (("POST", "/api/v1/bookings/"), ("GET", "/api/v1/cities/")):
        client = Client(raise_request_exception=False)
        answer = client.generic(method, path, b"{}", "application/json", headers={name: value})
        assert answer.status_code < 500
        assert "\r" not in "".join(answer.headers.values())
        assert "\n" not in "".join(answer.headers.values())
        assert "id" not in answer.cookies


@pytest.mark.parametrize(
    "parameter",
    [
        "trips",
        "tripDate",
        "travellers",
        "price",
        "airline",
        "departureAfter",
        "sort",
        "cursor",
        "limit",
        "includeUnbookable",
        "nonsense",
    ],
)
def test_no_search_takes_us_down(client: Client, parameter: str) -> None:
    for odd in ("\0", "\u202e", "x" * 3000, "9" * 400, "-", "DEL-DEL", "\U0001f6eb", "%", "1e9"):
        assert_sound(client.get("/api/v1/flights/", {parameter: odd}))
        assert_sound(client.get("/api/v1/airports/", {"q": odd}))
