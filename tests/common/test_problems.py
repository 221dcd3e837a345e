"""Every error is a problem document (RFC 9457), whoever raised it."""

import json
from typing import Any

import pytest
from django.test import Client
from rest_framework import exceptions, serializers
from rest_framework.test import APIClient

from accounts.models import User
from common import catalogue, errors, problems
from common.wire import IdField, Serializer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.common.urls")]

MEMBERS = ["type", "title", "status", "detail", "code", "requestId"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def problem_in(answer: Any) -> dict[str, Any]:
    """The problem document of an answer, which must be a whole one."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = json.loads(answer.content)
    assert list(body)[:6] == MEMBERS
    assert body["status"] == answer.status_code
    assert body["type"] == f"/api/v1/problems/{body['code']}/"
    assert body["requestId"] == answer.headers["X-Request-ID"]
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("drf-not-found", 404, "not_found"),
        ("drf-throttled", 429, "throttled"),
        ("drf-plain", 500, "internal_error"),
        ("django-404", 404, "not_found"),
        ("django-403", 403, "permission_denied"),
        ("django-400", 400, "bad_request"),
        ("database-down", 503, "service_unavailable"),
        ("connection-lost", 503, "service_unavailable"),
        ("unexpected", 500, "internal_error"),
        ("loop", 500, "internal_error"),
        ("client-gone", 400, "parse_error"),
        ("ours", 409, "soon"),
    ],
)
def test_what_an_api_view_raises_is_a_problem(
    client: Client, fault: str, status: int, code: str
) -> None:
    answer = client.get(f"/api/v1/raise/{fault}/")
    assert (answer.status_code, problem_in(answer)["code"]) == (status, code)
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("django-404", 404, "not_found"),
        ("django-403", 403, "permission_denied"),
        ("django-400", 400, "bad_request"),
        ("database-down", 503, "service_unavailable"),
        ("connection-lost", 503, "service_unavailable"),
        ("unexpected", 500, "internal_error"),
    ],
)
@pytest.mark.parametrize("accept", ["application/json", BROWSER])
def test_what_a_plain_view_raises_is_a_problem_or_a_page_for_a_browser(
    client: Client, fault: str, status: int, code: str, accept: str
) -> None:
    answer = client.get(f"/plain/{fault}/", headers={"Accept": accept})
    assert answer.status_code == status
    assert "secret" not in answer.text
    if accept == BROWSER:
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.headers["X-Request-ID"] in answer.text
        assert f"<code>{code}</code>" in answer.text
    else:
        assert problem_in(answer)["code"] == code


@pytest.mark.parametrize(
    ("path", "seconds"),
    [
        ("/api/v1/raise/database-down/", "5"),
        ("/plain/database-down/", "5"),
        ("/api/v1/raise/ours/", "7"),
        ("/api/v1/raise/drf-throttled/", "2"),
    ],
)
def test_retry_after_says_when_to_come_back(client: Client, path: str, seconds: str) -> None:
    assert client.get(path).headers["Retry-After"] == seconds


def test_other_errors_have_no_retry_after(client: Client) -> None:
    assert "Retry-After" not in client.get("/api/v1/raise/unexpected/").headers
    assert "Retry-After" not in client.get("/api/v1/raise/django-404/").headers


def test_members_of_an_error_of_ours_stand_in_the_problem(client: Client) -> None:
    body = problem_in(client.get("/api/v1/raise/ours/"))
    assert (body["title"], body["detail"]) == ("Not yet.", "In an hour.")
    assert body["remainingSeats"] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda body: body[:12].decode(errors="replace"),
)
def test_a_body_that_is_not_json_is_a_parse_error(client: Client, body: bytes) -> None:
    answer = client.post("/api/v1/auth/login/", body, content_type="application/json")
    assert (answer.status_code, problem_in(answer)["code"]) == (400, "parse_error")


def test_a_body_above_the_limit_is_refused_before_it_is_read(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = client.post("/api/v1/auth/login/", b" " * 101, content_type="application/json")
    assert (answer.status_code, problem_in(answer)["code"]) == (413, "body_too_large")
    answer = client.post("/api/v1/auth/login/", b" " * 100, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("length", ["99999999999999999999", "-1", "x", "1e9"])
def test_an_absurd_content_length_is_the_clients_fault(client: Client, length: str) -> None:
    answer = client.generic(
        "POST", "/api/v1/auth/login/", b"{}", "application/json", CONTENT_LENGTH=length
    )
    assert answer.status_code in (400, 413)
    problem_in(answer)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1", b"true"])
def test_json_other_than_an_object_is_a_fault_of_the_whole_body(
    client: Client, body: bytes
) -> None:
    answer = client.post("/api/v1/auth/login/", body, content_type="application/json")
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in problem_in(answer)["errors"]] == ["#"]


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/nowhere/", "/api/v1/nowhere", "/%00", "/é"])
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, problem_in(answer)["code"]) == (404, "not_found")


def test_a_wrong_method_is_told_the_right_ones(client: Client) -> None:
    answer = client.get("/api/v1/auth/login/")
    assert (answer.status_code, problem_in(answer)["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("accept", ["application/xml", "image/png", "nonsense", "a/b/c"])
def test_a_format_that_we_do_not_have_is_not_acceptable(client: Client, accept: str) -> None:
    answer = client.get("/api/v1/cities/", headers={"Accept": accept})
    assert (answer.status_code, problem_in(answer)["code"]) == (406, "not_acceptable")


def test_a_format_in_the_query_that_we_do_not_have_is_not_acceptable(client: Client) -> None:
    answer = client.get("/api/v1/cities/?format=xml")
    assert (answer.status_code, problem_in(answer)["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data"])
def test_a_body_other_than_json_is_unsupported(client: Client, media_type: str) -> None:
    answer = client.generic("POST", "/api/v1/auth/login/", b"a=1", media_type)
    assert (answer.status_code, problem_in(answer)["code"]) == (415, "unsupported_media_type")


def test_an_unknown_host_is_a_bad_request(client: Client) -> None:
    answer = client.get("/api/v1/cities/", headers={"Host": "evil.example"})
    assert (answer.status_code, problem_in(answer)["code"]) == (400, "bad_request")


def test_too_many_parameters_are_a_bad_request(client: Client) -> None:
    query = "&".join(f"a{number}=1" for number in range(2000))
    answer = client.get(f"/api/v1/cities/?{query}")
    assert (answer.status_code, problem_in(answer)["code"]) == (400, "bad_request")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
@pytest.mark.parametrize("path", ["/api/v1/schema/", "/api/v1/docs/"])
def test_views_that_render_something_else_still_answer_errors_in_json(
    client: Client, path: str, accept: str | None
) -> None:
    answer = client.post(path, headers={"Accept": accept} if accept else {})
    assert answer.status_code in (405, 406)
    problem_in(answer)


def test_a_browser_that_asks_the_api_for_html_gets_html_and_is_told_so(client: Client) -> None:
    answer = client.get("/api/v1/bookings/", headers={"Accept": BROWSER})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "not_authenticated" in answer.text


def test_a_browser_gets_html_for_a_body_that_is_too_large(client: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = client.generic(
        "POST", "/api/v1/auth/login/", b" " * 11, "application/json", headers={"Accept": BROWSER}
    )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_csrf_failure_is_a_problem_too(rf: Any) -> None:
    answer = problems.csrf_failure(rf.post("/admin/"))
    assert answer.status_code == 403
    assert json.loads(answer.content)["code"] == "csrf_failed"


def test_a_session_without_csrf_token_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("asha"))
    answer = client.post("/api/v1/auth/logout/")
    assert (answer.status_code, problem_in(answer)["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize("code", [*catalogue.codes()])
def test_the_type_of_every_problem_is_a_link_that_answers(client: Client, code: str) -> None:
    kind = problems.problem(400, code, "x")["type"]
    answer = client.get(kind)
    assert answer.status_code == 200
    assert answer.json()["code"] == code
    assert answer.json()["title"]


def test_the_catalogue_knows_statuses_of_our_own_errors(client: Client) -> None:
    assert client.get("/api/v1/problems/soon/").json() == {
        "code": "soon",
        "status": 409,
        "title": "Not yet.",
    }


def test_a_type_that_we_never_use_is_not_found(client: Client) -> None:
    assert client.get("/api/v1/problems/no_such_code/").status_code == 404


class PassengerSerializer(Serializer):
    first_name = serializers.CharField()


class OrderSerializer(Serializer):
    passengers = PassengerSerializer(many=True)
    seat_ids = serializers.ListField(child=IdField())
    contact = PassengerSerializer()


def faults_of(body: Any, serializer: type[Serializer] = OrderSerializer) -> set[tuple[str, str]]:
    form = serializer(data=body)
    with pytest.raises(exceptions.ValidationError) as refused:
        form.is_valid(raise_exception=True)
    found = problems._of_api_exception(refused.value)["errors"]
    assert all(set(fault) == {"pointer", "code", "detail"} for fault in found)
    assert all(isinstance(value, str) for fault in found for value in fault.values())
    return {(fault["pointer"], fault["code"]) for fault in found}


GOOD = {"passengers": [{"firstName": "A"}], "seatIds": [1], "contact": {"firstName": "A"}}


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"contact": {}}, {("#/contact/firstName", "required")}),
        ({"contact": 1}, {("#/contact", "invalid")}),
        ({"contact": {"firstName": "A", "x": 1}}, {("#/contact/x", "unknown")}),
        (
            {"passengers": [{"firstName": "A"}, {}, {"firstName": ""}]},
            {("#/passengers/1/firstName", "required"), ("#/passengers/2/firstName", "blank")},
        ),
        ({"passengers": {}}, {("#/passengers", "not_a_list")}),
        ({"seatIds": [1, "x", 0]}, {("#/seatIds/1", "invalid"), ("#/seatIds/2", "min_value")}),
        ({"seatIds": None}, {("#/seatIds", "null")}),
        ({"a/b~c": 1}, {("#/a~1b~0c", "unknown")}),
        ({"50% off": 1, "é": 1}, {("#/50%25%20off", "unknown"), ("#/%C3%A9", "unknown")}),
        ({"\ud800": 1}, {("#/%3F", "unknown")}),
        ({"": 1}, {("#/", "unknown")}),
        ({"message": 1, "code": 1}, {("#/message", "unknown"), ("#/code", "unknown")}),
        (
            {"contact": {"message": 1}},
            {("#/contact/message", "unknown"), ("#/contact/firstName", "required")},
        ),
    ],
)
def test_pointers_lead_to_every_fault(
    changes: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    assert faults_of({**GOOD, **changes}) == faults


def test_a_fault_of_the_whole_points_to_the_root() -> None:
    class Picky(OrderSerializer):
        def validate(self, attrs: Any) -> Any:
            raise serializers.ValidationError("No.", code="picky")

    assert faults_of(GOOD, Picky) == {("#", "picky")}


def test_the_detail_names_the_first_faults(client: Client) -> None:
    body = problem_in(APIClient().post("/api/v1/auth/login/", {"username": "a"}))
    assert body["detail"] == "#/password: This field is required."


def test_half_a_character_in_a_message_can_be_sent_back(client: Client) -> None:
    answer = client.get("/api/v1/raise/half-a-character/")
    assert problem_in(answer)["errors"][0]["detail"] == '"?" is wrong.'


@pytest.mark.parametrize("body", [b'{"\\ud800": 1}', b'{"username": "\\ud800", "password": "x"}'])
def test_half_a_character_in_a_body_is_a_400(client: Client, body: bytes) -> None:
    answer = client.post("/api/v1/auth/login/", body, content_type="application/json")
    assert (answer.status_code, problem_in(answer)["code"]) == (400, "validation_error")


def test_an_error_without_a_sentence_says_its_title() -> None:
    assert errors.NotFound().detail == errors.NotFound.title
    assert problems.of_error(errors.NotFound())["detail"] == errors.NotFound.title
