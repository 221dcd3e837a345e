"""The API is asked with whole bodies, and every error is a whole problem."""

import json
from io import BytesIO
from typing import Any

import pytest
from django.http import HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.test import Client, RequestFactory

from accounts.models import User
from common.middleware import WholeMiddleware

LOGIN = "/api/v1/auth/login/"


def ask(
    path: str = LOGIN, body: bytes = b"{}", stream: BytesIO | None = None, **environ: Any
) -> tuple[int, Any]:
    """Status, and the body that got through; or, where the request did not, the problem's code."""
    reached = []

    def view(request: Any) -> HttpResponse:
        reached.append(request.body)
        return HttpResponse(b"done")

    environ["wsgi.input"] = stream or BytesIO(body)
    request = RequestFactory().generic("POST", path, body, "application/json", **environ)
    answer = WholeMiddleware(view)(request)
    if reached:
        return answer.status_code, reached[0]
    return answer.status_code, json.loads(answer.content)["code"]


def test_a_whole_body_arrives() -> None:
    assert ask(body=b'{"a": 1}') == (200, b'{"a": 1}')
    assert ask(body=b"") == (200, b"")


@pytest.mark.parametrize("length", ["3", "1000", "1048576"])
def test_nothing_is_done_on_half_a_body(length: str) -> None:
    assert ask(CONTENT_LENGTH=length) == (400, "parse_error")


class GoneClient(BytesIO):
    def read(self, *args: Any) -> bytes:
        raise OSError("gone")


def test_a_client_that_is_gone_is_no_error_of_ours() -> None:
    assert issubclass(UnreadablePostError, OSError)
    assert ask(stream=GoneClient()) == (400, "parse_error")


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        ("1048577", 413, "body_too_large"),
        ("99999999999999999999", 413, "body_too_large"),
        ("9" * 5000, 413, "body_too_large"),
        ("-1", 400, "parse_error"),
        ("+2", 400, "parse_error"),
        ("1e1", 400, "parse_error"),
        ("2, 2", 400, "parse_error"),
        ("\u0662", 400, "parse_error"),
    ],
)
def test_a_length_that_can_not_be_is_refused_unread(length: str, status: int, code: str) -> None:
    assert ask(CONTENT_LENGTH=length, stream=GoneClient()) == (status, code)


def test_a_body_in_chunks_is_refused_where_the_server_did_not_put_it_together() -> None:
    assert ask(HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="") == (411, "length_required")
    assert ask(HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH="2") == (200, b"{}")


def test_other_paths_have_rules_of_their_own() -> None:
    assert ask("/admin/login/", CONTENT_LENGTH="1000") == (200, b"{}")


@pytest.mark.parametrize(
    ("bare", "status", "code"),
    [
        (HttpResponse(status=412), 412, "precondition_failed"),
        (HttpResponseNotAllowed(["GET"]), 405, "method_not_allowed"),
        (HttpResponse(status=404), 404, "not_found"),
        (HttpResponse(status=418), 418, "bad_request"),
        (HttpResponse(status=500), 500, "internal_error"),
    ],
)
def test_an_error_without_a_body_gets_one(bare: HttpResponse, status: int, code: str) -> None:
    answer = WholeMiddleware(lambda request: bare)(RequestFactory().get("/api/v1/"))
    body = json.loads(answer.content)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.headers.get("Allow") == bare.headers.get("Allow")


@pytest.mark.django_db
def test_a_condition_that_fails_is_a_problem(client: Client) -> None:
    answer = client.get("/api/v1/cities/", headers={"If-Match": '"x"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")


# --- What is accepted ----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "accept",
    [
        "application/problem+json",
        "application/problem+json, application/json;q=0.1",
        "application/problem+json;q=0.9",
        "text/plain, application/problem+json",
    ],
)
def test_who_accepts_problems_gets_json_where_there_is_none(client: Client, accept: str) -> None:
    answer = client.get("/api/v1/cities/", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    problem = client.get("/api/v1/bookings/", headers={"Accept": accept})
    assert problem.status_code == 401
    assert problem.headers["Content-Type"] == "application/problem+json"


# --- Sessions ------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("token", [None, "", "x" * 32, "\0", "é" * 32])
@pytest.mark.parametrize("path", ["/api/v1/bookings/", "/api/v1/bookings/1/cancel/"])
def test_a_session_changes_nothing_without_its_csrf_token(path: str, token: str | None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("asha"))
    headers = {} if token is None else {"X-CSRFToken": token}
    answer = client.post(path, {}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


@pytest.mark.django_db
def test_a_session_with_its_csrf_token_gets_through() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("asha"))
    client.cookies["csrftoken"] = token = "a" * 32
    answer = client.post(
        "/api/v1/bookings/", {}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
