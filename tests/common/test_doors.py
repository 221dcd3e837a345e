"""Every path of the API, asked oddly by everyone: an answer or a problem, never a 500."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from accounts.models import User

pytestmark = pytest.mark.django_db

SAMPLES = {"int": "1", "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "iata": "DEL"}


def paths(resolver: Any, prefix: str = "/") -> Iterator[str]:
    """Each path of the API, with something for its parameters."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from paths(pattern, route)
        elif route.startswith("/api/"):
            yield re.sub(r"<(\w+):\w+>", lambda match: SAMPLES.get(match[1], "x"), route)


PATHS = sorted(set(paths(get_resolver())))


@pytest.fixture(params=["nobody", "traveller", "staff", "service"])
def client(request: pytest.FixtureRequest) -> Client:
    client = Client(raise_request_exception=False)
    if request.param == "service":
        client.defaults["HTTP_AUTHORIZATION"] = "Service tests-service-secret"
    elif request.param != "nobody":
        staff = request.param == "staff"
        client.force_login(User.objects.create_user("sol", is_staff=staff, is_superuser=staff))
    return client


def assert_sound(answer: Any) -> None:
    assert answer.status_code < 500
    if answer.status_code >= 400 and answer.content:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert json.loads(answer.content)["status"] == answer.status_code


def test_the_paths_are_found() -> None:
    assert {"/api/v1/bookings/1/payments/", "/api/v1/auth/login/", "/api/v1/docs/"} <= set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_every_method_gets_an_answer(client: Client, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "TRACE", "BREW"):
        assert_sound(client.generic(method, path))
    for method in ("POST", "PUT", "PATCH"):
        assert_sound(client.generic(method, path, b"[]", "application/json"))


@pytest.mark.parametrize("path", PATHS)
def test_every_query_gets_an_answer(client: Client, path: str) -> None:
    for query in ("format=xml", "format=%00", "limit=%00", "cursor=%00", "%00=%00", "x=%FF"):
        assert_sound(client.get(f"{path}?{query}"))


@pytest.mark.parametrize("path", PATHS)
def test_every_accept_header_gets_an_answer(client: Client, path: str) -> None:
    for accept in ("nonsense", ";;;", "*/*;q=x", "application/json; indent=9999", "\xff", "," * 99):
        assert_sound(client.get(path, headers={"Accept": accept}))


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/%00",
        "/api/v1/bookings/%00/",
        "/api/v1/airports/%00/",
        "/api/v1/problems/%00/",
        "/api/v1/%FF/",
        "/api/v1/bookings/\u0661/",
        f"/api/v1/bookings/{2**63}/",
        f"/api/v1/bookings/{2**63}/cancel/",
        f"/api/v1/flights/{2**63}/",
        f"/api/v1/flights/{2**63}/holds/{SAMPLES['uuid']}/confirm/",
        f"/api/v1/payments/{2**63}/capture/",
        f"/api/v1/cities/{'9' * 5000}/",
        f"/api/v1/{'x' * 100_000}",
    ],
    ids=lambda path: path[:60],
)
def test_a_path_that_leads_nowhere_gets_an_answer(client: Client, path: str) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = client.generic(method, path, b"{}", "application/json")
        assert_sound(answer)
        assert answer.status_code >= 400
