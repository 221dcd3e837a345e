"""Browsers: sessions with CSRF, in no other way than through Django's forms."""

import json
import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from tests.people import PASSWORD, make_staff

ME = "/api/v1/auth/me/"
LOGIN = "/api-auth/login/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True)


def csrf(answer: Any) -> str:
    return re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)[0]


def log_in(browser: Client, name: str = "asha", path: str = LOGIN, **more: str) -> Any:
    token = csrf(browser.get(path))
    fields = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token, **more}
    return browser.post(path, fields)


def change_name(browser: Client, **headers: str) -> Any:
    return browser.patch(
        ME, json.dumps({"firstName": "X"}), content_type="application/json", headers=headers
    )


def test_a_person_logs_in_and_lands_on_a_page_that_exists(user: User, browser: Client) -> None:
    answer = log_in(browser)
    assert answer.status_code == 302
    assert browser.get(answer.headers["Location"]).status_code == 200
    assert browser.get(ME).json()["username"] == "asha"


@pytest.mark.parametrize("name", ["ASHA", "\uff21sha"])
def test_forms_know_a_name_however_it_is_written(user: User, browser: Client, name: str) -> None:
    assert log_in(browser, name).status_code == 302


def test_nobody_is_sent_to_another_site(user: User, browser: Client) -> None:
    answer = log_in(browser, next="https://evil.example/")
    assert answer.headers["Location"].startswith("/")


def test_logging_in_gives_a_new_session(user: User, browser: Client) -> None:
    """A session that somebody else brought along (fixation) stays what it was: nobody's."""
    browser.cookies["sessionid"] = "a" * 32
    log_in(browser)
    assert browser.cookies["sessionid"].value != "a" * 32
    thief = Client()
    thief.cookies["sessionid"] = "a" * 32
    assert thief.get(ME).status_code == 401


def test_a_session_before_logging_in_is_left_behind(user: User, browser: Client) -> None:
    other = User.objects.create_user("ben", password=PASSWORD)
    log_in(browser, other.username)
    before = browser.cookies["sessionid"].value
    log_in(browser)
    thief = Client()
    thief.cookies["sessionid"] = before
    assert thief.get(ME).status_code == 401
    assert browser.get(ME).json()["username"] == "asha"


def test_writing_with_a_session_needs_a_csrf_token(user: User, browser: Client) -> None:
    log_in(browser)
    refused = change_name(browser)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    token = browser.cookies["csrftoken"].value
    assert change_name(browser, **{"X-CSRFToken": token}).status_code == 200
    assert change_name(browser, **{"X-CSRFToken": "x" * 32}).status_code == 403


@pytest.mark.parametrize("path", [LOGIN, "/admin/login/"])
def test_logging_in_needs_a_csrf_token(user: User, browser: Client, path: str) -> None:
    answer = browser.post(path, {"username": "asha", "password": PASSWORD})
    assert answer.status_code == 403
    assert browser.get(ME).status_code == 401


def test_a_token_needs_no_csrf_token(user: User, token: str, browser: Client) -> None:
    assert change_name(browser, Authorization=f"Token {token}").status_code == 200


def test_the_tokens_of_the_api_open_no_session(user: User, browser: Client) -> None:
    body = json.dumps({"username": "asha", "password": PASSWORD})
    answer = browser.post("/api/v1/auth/login/", body, content_type="application/json")
    assert answer.status_code == 200
    assert "sessionid" not in answer.cookies


@pytest.mark.parametrize("path", [LOGIN, "/admin/login/"])
def test_forms_tell_nobody_which_names_exist(user: User, browser: Client, path: str) -> None:
    User.objects.create_user("ben", password=PASSWORD, is_active=False)
    User.objects.create_user("chandra")  # has no password
    token, pages = csrf(browser.get(path)), set()
    for name in ("asha", "nobody", "ben", "chandra"):
        fields = {"username": name, "password": "wrong horse", "csrfmiddlewaretoken": token}
        answer = browser.post(path, fields)
        assert answer.status_code == 200
        pages.add(answer.text.replace(name, "…").replace(csrf(answer), "…"))
    assert len(pages) == 1
    assert "Please enter" in pages.pop()


def test_staff_enter_the_admin(browser: Client) -> None:
    make_staff("support")
    answer = log_in(browser, "sol", "/admin/login/?next=/admin/")
    assert answer.headers["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


def test_a_session_ends_with_its_form(user: User, browser: Client) -> None:
    log_in(browser)
    token = csrf(browser.get("/api/v1/", headers={"Accept": "text/html"}))
    assert browser.post("/api-auth/logout/", {"csrfmiddlewaretoken": token}).status_code == 200
    assert browser.get(ME).status_code == 401
