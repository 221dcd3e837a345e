"""Guessing passwords is slow at every door, and impossible while nobody counts."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts import tasks
from accounts.models import User
from tests.people import PASSWORD

AUTH = "/api/v1/auth/"
WRONG = "wrong horse"
FORMS = ["/admin/login/", "/api-auth/login/"]

pytestmark = pytest.mark.django_db


def log_in(name: str, password: str = WRONG, address: str = "192.0.2.1") -> int:
    body = json.dumps({"username": name, "password": password})
    client = Client(REMOTE_ADDR=address)
    return client.post(f"{AUTH}login/", body, content_type="application/json").status_code


def submit(path: str, name: str, password: str = WRONG, address: str = "192.0.2.1") -> Any:
    body = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(path, body)


def test_one_name_is_guessed_a_few_times_from_wherever(user: User, limits: Any) -> None:
    limits(login_name="3/h")
    tries = [log_in("asha", address=f"192.0.2.{number}") for number in range(5)]
    assert tries == [401, 401, 401, 429, 429]
    assert log_in("asha", PASSWORD, "198.51.100.1") == 429
    assert log_in("ben", address="192.0.2.1") == 401


def test_one_address_guesses_a_few_names(user: User, limits: Any) -> None:
    limits(login="3/h")
    assert [log_in(f"name{number}") for number in range(4)] == [401, 401, 401, 429]
    assert log_in("asha", PASSWORD) == 429
    assert log_in("asha", PASSWORD, "198.51.100.1") == 200


def test_names_that_nobody_has_run_out_alike(user: User, limits: Any) -> None:
    limits(login_name="2/h")
    assert [log_in("asha") for _ in range(3)] == [log_in("nobody") for _ in range(3)]


def test_all_doors_count_together(limits: Any) -> None:
    User.objects.create_superuser("root", password=PASSWORD)
    limits(login_name="3/h")
    tries = [submit(path, "ROOT").status_code for path in FORMS] + [log_in("root")]
    assert tries == [200, 200, 401]
    assert [submit(path, "root", PASSWORD).status_code for path in FORMS] == [429, 429]
    assert log_in("root", PASSWORD) == 429


@pytest.mark.parametrize("path", FORMS)
def test_a_form_says_when_to_come_back(user: User, limits: Any, path: str) -> None:
    limits(login="1/h")
    submit(path, "asha")
    answer = submit(path, "asha")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    assert Client(REMOTE_ADDR="192.0.2.1").get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "register/", {"username": "x", "email": "x@example.com", "password": PASSWORD}),
        ("POST", "password/reset/", {"email": "asha@example.com"}),
        ("POST", "password/reset/confirm/", {"uid": "x", "token": "x", "newPassword": PASSWORD}),
        ("POST", "password/change/", {"currentPassword": "x", "newPassword": PASSWORD}),
        ("DELETE", "me/", {"password": "wrong horse"}),
        ("PATCH", "me/", {"email": "x@example.com", "password": "wrong horse"}),
    ],
)
def test_every_door_is_limited(
    owner: Client,
    limits: Any,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: dict[str, str],
) -> None:
    limits(login="2/h")
    monkeypatch.setattr(tasks.send_reset_mail, "delay", lambda email: None)
    tries = [
        owner.generic(method, AUTH + path, json.dumps(body), "application/json").status_code
        for _ in range(3)
    ]
    assert 429 not in tries[:2]
    assert tries[2] == 429


def test_a_found_token_guesses_no_password_from_many_addresses(token: str, limits: Any) -> None:
    limits(login_name="2/h")
    headers = {"Authorization": f"Token {token}"}
    tries = [
        Client(REMOTE_ADDR=f"192.0.2.{number}", headers=headers)
        .delete(f"{AUTH}me/", {"password": "wrong horse"}, content_type="application/json")
        .status_code
        for number in range(3)
    ]
    assert tries == [400, 400, 429]
    assert log_in("asha", PASSWORD) == 200  # whom others keep out, is not kept out by the name


def test_who_shows_no_password_is_not_counted(owner: Client, limits: Any) -> None:
    limits(login="1/h")
    for _ in range(3):
        assert owner.get(f"{AUTH}me/").status_code == 200
        answer = owner.patch(f"{AUTH}me/", {"firstName": "A"}, content_type="application/json")
        assert answer.status_code == 200


def test_a_browser_left_open_guesses_no_password(limits: Any) -> None:
    limits(login_name="2/h")
    client = Client()
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    form = {"old_password": "wrong", "new_password1": "x", "new_password2": "x"}
    tries = [client.post("/admin/password_change/", form).status_code for _ in range(3)]
    assert tries == [200, 200, 429]


# --- Without Redis -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["login/", "register/", "password/reset/"])
def test_without_redis_the_doors_are_closed(user: User, redis_gone: None, path: str) -> None:
    body = {"username": "asha", "email": "asha@example.com", "password": PASSWORD}
    answer = Client().post(AUTH + path, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", FORMS)
def test_without_redis_the_forms_are_closed(user: User, redis_gone: None, path: str) -> None:
    answer = submit(path, "asha", PASSWORD)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "sessionid" not in answer.cookies


def test_without_redis_tokens_go_on(owner: Client, redis_gone: None) -> None:
    assert owner.get(f"{AUTH}me/").status_code == 200
    assert owner.post(f"{AUTH}logout/").status_code == 204


def test_tries_are_counted_before_the_password_is_looked_at(
    user: User, limits: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(login_name="1/h")
    looked = []
    monkeypatch.setattr(User, "check_password", lambda self, raw: looked.append(raw))
    for _ in range(3):
        log_in("asha")
    assert len(looked) == 1
