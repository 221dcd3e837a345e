"""What browsers are told: what a page may do, who may embed or ask, and what may be kept."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
STRICT_PAGES = ["/api/v1/docs/", "/nowhere"]
STYLED_PAGES = ["/api/v1/airports/", "/api/v1/bookings/", "/admin/", "/admin/flights/airport/"]
PAGES = STRICT_PAGES + STYLED_PAGES
LOGIN_PAGES = ["/admin/login/", "/api-auth/login/"]


@pytest.fixture
def client() -> Client:
    """A browser with the session of an admin whose name is unmistakable."""
    client = Client(headers={"Accept": BROWSER}, raise_request_exception=False)
    client.force_login(User.objects.create_superuser("unmistakable"))
    return client


def inline_scripts(html: str) -> list[str]:
    """All that a policy without 'unsafe-inline' keeps from running."""
    elements = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html)
    return [
        *(element for element in elements if "application/json" not in element),
        *re.findall(r"<[^>]+\son\w+\s*=", html),
        *re.findall(r"(?:href|src|action)\s*=\s*[\"']?\s*javascript:", html),
        *re.findall(r"(?:src|href)=[\"'](?:https?:)?//[^\"']*\.(?:js|css)", html),
    ]


def policy_of(answer: Any) -> dict[str, list[str]]:
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: sources for name, *sources in map(str.split, parts)}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_only_what_comes_from_us(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["Content-Type"].startswith("text/html")
    policy = policy_of(answer)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["script-src"] == policy["form-action"] == policy["connect-src"] == ["'self'"]
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", PAGES)
def test_inline_styles_are_allowed_where_django_and_drf_bring_some(
    client: Client, path: str
) -> None:
    allowed = "'unsafe-inline'" in policy_of(client.get(path))["style-src"]
    assert allowed == (path in STYLED_PAGES)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_what_its_policy_forbids(client: Client, path: str) -> None:
    html = client.get(path).text
    assert "<html" in html
    assert inline_scripts(html) == []
    if path in STRICT_PAGES:
        assert re.findall(r"<style|<[^>]+\sstyle\s*=", html) == []


@pytest.mark.parametrize("path", LOGIN_PAGES)
def test_the_pages_to_log_in_run_only_what_comes_from_us(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 200
    assert policy_of(answer)["script-src"] == ["'self'"]
    assert inline_scripts(answer.text) == []
    if "'unsafe-inline'" not in policy_of(answer)["style-src"]:
        assert re.findall(r"<style|<[^>]+\sstyle\s*=", answer.text) == []


def test_one_logs_out_of_the_browsable_api_without_a_script(client: Client) -> None:
    html = client.get("/api/v1/airports/").text
    (target,) = re.findall(r'<form method="post" action="([^"]+)">', html)
    assert target == "/api-auth/logout/?next=/api/v1/airports/"
    assert client.post(target).headers["Location"] == "/api/v1/airports/"
    assert "unmistakable" not in client.get("/api/v1/airports/").text


def test_the_docs_ask_us_alone_for_all_they_need(client: Client) -> None:
    html = client.get("/api/v1/docs/").text
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(sources) == 6
    assert all(source.startswith(("/static/", "/api/v1/docs/?")) for source in sources)
    script = client.get("/api/v1/docs/?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert '"validatorUrl": null' in script.text


@pytest.mark.parametrize("path", ["/api/v1/airports/", "/api/v1/nowhere/", "/healthz"])
def test_what_is_no_page_runs_nothing(path: str) -> None:
    answer = Client().get(path)
    assert policy_of(answer) == {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/airports/?format=json", "/healthz"])
def test_every_answer_says_what_browsers_may(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "payment=()" in headers["Permissions-Policy"]


# --- What may be kept ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_no_cache_keeps_a_page_with_somebodys_name(client: Client, path: str) -> None:
    answer = client.get(path)
    named = "unmistakable" in answer.text
    assert named == (path in STYLED_PAGES)
    kept = answer.headers.get("Cache-Control", "")
    assert "public" not in kept
    if named:
        assert "private" in kept
        assert "no-store" in kept


@pytest.mark.parametrize("path", ["/api/v1/airports/", "/api/v1/cities/"])
def test_the_catalogue_may_be_kept_as_json(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/json"})
    assert "public" in answer.headers["Cache-Control"]
    assert "Accept" in answer.headers["Vary"]
    assert "unmistakable" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/auth/register/"),
        ("POST", "/api/v1/auth/login/"),
        ("POST", "/api/v1/auth/logout/"),
        ("GET", "/api/v1/bookings/"),
        ("GET", "/api/v1/bookings/1/"),
        ("POST", "/api/v1/bookings/"),
        ("GET", "/api/v1/payments/"),
        ("GET", "/api/v1/holds/"),
        ("GET", "/api/v1/airports/ZZZ/"),
        ("GET", "/api/v1/nowhere/"),
        ("BREW", "/api/v1/bookings/"),
    ],
)
def test_no_cache_keeps_what_is_private_or_an_error(method: str, path: str) -> None:
    body = b'{"username": "asha", "email": "a@example.com", "password": "correct horse"}'
    answer = Client().generic(method, path, body, "application/json")
    assert "no-store" in answer.headers["Cache-Control"]


# --- Who may ask ---------------------------------------------------------------------------------

PREFLIGHT = {
    "Origin": "https://app.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-request-id",
}


def cors_of(answer: Any) -> dict[str, str]:
    return {
        name.lower().removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }


def test_no_other_origin_may_ask_unless_it_is_named() -> None:
    assert cors_of(Client().options("/api/v1/bookings/", headers=PREFLIGHT)) == {}
    assert cors_of(Client().get("/api/v1/airports/", headers=PREFLIGHT)) == {}


def test_an_origin_that_is_named_may_ask_with_a_token_and_never_with_cookies(
    settings: Any,
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    said = cors_of(Client().options("/api/v1/bookings/", headers=PREFLIGHT))
    assert said["allow-origin"] == "https://app.example"
    assert "authorization" in said["allow-headers"]
    assert "idempotency-key" in said["allow-headers"]
    assert "allow-credentials" not in said
    answer = Client().get("/api/v1/bookings/", headers=PREFLIGHT)
    assert answer.status_code == 401
    assert cors_of(answer)["allow-origin"] == "https://app.example"
    assert "Retry-After" in cors_of(answer)["expose-headers"]
    assert "Origin" in answer.headers["Vary"].title()


@pytest.mark.parametrize(
    "origin", ["https://app.example.evil", "http://app.example", "null", "https://app.example:444"]
)
def test_an_origin_that_is_only_like_it_may_not(settings: Any, origin: str) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    answer = Client().get("/api/v1/airports/", headers={"Origin": origin})
    assert cors_of(answer) == {}


def test_pages_are_for_no_other_origin(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    assert cors_of(Client().get("/admin/login/", headers=PREFLIGHT)) == {}
