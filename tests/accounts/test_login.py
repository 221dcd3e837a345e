"""A name and a password for a token; a token for nothing, in the end."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from tests.people import PASSWORD

LOGIN = "/api/v1/auth/login/"
LOGOUT = "/api/v1/auth/logout/"
BOOKINGS = "/api/v1/bookings/"

pytestmark = pytest.mark.django_db


def log_in(username: str = "asha", password: str = PASSWORD) -> Any:
    return APIClient().post(LOGIN, {"username": username, "password": password})


def look(authorization: str) -> Any:
    return Client().get(BOOKINGS, headers={"Authorization": authorization})


def assert_refused(answer: Any) -> None:
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_name_and_password_give_a_token_that_works(user: User, settings: Any) -> None:
    before = timezone.now()
    answer = log_in()
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"user", "token", "expiry"}
    assert body["user"]["id"] == user.pk
    assert look(f"Token {body['token']}").status_code == 200
    expiry = AuthToken.objects.get().expiry
    assert abs(expiry - before - timedelta(hours=240)) < timedelta(minutes=1)


def test_each_login_has_its_own_token_and_is_remembered(user: User) -> None:
    assert log_in().json()["token"] != log_in().json()["token"]
    user.refresh_from_db()
    assert user.last_login is not None


def test_only_a_hash_of_the_token_is_kept(user: User) -> None:
    token = log_in().json()["token"]
    kept = AuthToken.objects.get()
    assert token not in (kept.digest, kept.token_key)


def test_wrong_password_unknown_name_and_closed_account_get_the_same_answer(user: User) -> None:
    User.objects.create_user("ben", password=PASSWORD, is_active=False)
    answers = [log_in(password="wrong horse"), log_in("nobody"), log_in("ben")]
    for answer in answers:
        assert_refused(answer)
    bodies = [{**answer.json(), "requestId": ""} for answer in answers]
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize("password", [f"{PASSWORD} ", f" {PASSWORD}", PASSWORD.upper()])
def test_case_and_spaces_of_a_password_count(user: User, password: str) -> None:
    assert_refused(log_in(password=password))


@pytest.mark.parametrize("name", ["ASHA", "Asha", " asha ", "\uff21sha"])
def test_a_name_is_known_however_it_is_written(user: User, name: str) -> None:
    assert log_in(name).json()["user"] == log_in().json()["user"]


def test_case_is_no_matter_in_other_alphabets(db: None) -> None:
    User.objects.create_user("Ελένης", password=PASSWORD)
    for name in ("ελένης", "ΕΛΈΝΗΣ"):
        assert log_in(name).json()["user"]["username"] == "Ελένης"


def test_tokens_are_not_to_be_kept_by_browsers_and_proxies(user: User) -> None:
    assert log_in().headers["Cache-Control"] == "no-store"


def test_a_wrong_password_and_an_unknown_name_cost_the_same_work(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing is what takes the time: it is done once, whoever does not exist."""
    User.objects.create_user("ben", password=PASSWORD, is_active=False)
    User.objects.create_user("chandra")  # has no password
    hashed = []
    encode = MD5PasswordHasher.encode

    def counting(*args: Any) -> str:
        hashed.append(1)
        return encode(*args)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    for name in ("asha", "nobody", "ben", "chandra"):
        hashed.clear()
        assert_refused(log_in(name, "wrong horse"))
        assert len(hashed) == 1, name


def test_a_log_in_that_meets_a_change_of_password_gets_no_token(user: User) -> None:
    known = User.objects.get(pk=user.pk)
    services.change_password(user, old=PASSWORD, new="better horse")
    assert services.open_token(known) is None
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize("name", ["username", "password"])
@pytest.mark.parametrize("odd", ["a\0b", "\ud800", "x" * 100_000, None, True, [], {}, ""])
def test_odd_texts_are_refused_by_field(user: User, name: str, odd: Any) -> None:
    body = json.dumps({"username": "asha", "password": PASSWORD, name: odd})
    answer = Client().post(LOGIN, body, content_type="application/json")
    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {f"#/{name}"}


def test_unknown_fields_are_refused(user: User) -> None:
    body = {"username": "asha", "password": PASSWORD, "isStaff": True}
    assert APIClient().post(LOGIN, body).json()["errors"][0]["pointer"] == "#/isStaff"


def test_logging_out_kills_the_token_that_was_sent_and_no_other(user: User, token: str) -> None:
    other = AuthToken.objects.create(user)[1]
    answer = Client().post(LOGOUT, headers={"Authorization": f"Token {token}"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert_refused(look(f"Token {token}"))
    assert look(f"Token {other}").status_code == 200


@pytest.mark.parametrize("body", [b'{"everywhere": true}', b"[]", b"null"])
def test_logging_out_takes_no_fields(token: str, body: bytes) -> None:
    headers = {"Authorization": f"Token {token}"}
    answer = Client().post(LOGOUT, body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert look(f"Token {token}").status_code == 200


def test_a_form_of_a_page_can_log_out(user: User) -> None:
    client = Client()
    client.force_login(user)
    assert client.post(LOGOUT, {"everywhere": "1"}).status_code == 400
    kind = "application/x-www-form-urlencoded"
    assert client.post(LOGOUT, b"", content_type=kind).status_code == 204


def test_logging_out_ends_a_browsers_session(user: User) -> None:
    client = Client()
    client.force_login(user)
    assert client.get(BOOKINGS).status_code == 200
    assert client.post(LOGOUT).status_code == 204
    assert client.get(BOOKINGS).status_code == 401


def test_nobody_can_not_log_out() -> None:
    answer = Client().post(LOGOUT)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_an_expired_token_is_refused_and_swept_away(user: User, token: str) -> None:
    AuthToken.objects.create(user)
    AuthToken.objects.filter(token_key=token[:15]).update(expiry=timezone.now())
    assert_refused(look(f"Token {token}"))
    assert AuthToken.objects.count() == 1


def test_a_token_without_end_works(user: User) -> None:
    token = AuthToken.objects.create(user, expiry=None)[1]
    assert look(f"Token {token}").status_code == 200


def test_the_token_of_a_deleted_user_is_refused(user: User, token: str) -> None:
    user.delete()
    assert_refused(look(f"Token {token}"))


def test_the_token_of_a_closed_account_is_refused(user: User, token: str) -> None:
    User.objects.update(is_active=False)
    assert_refused(look(f"Token {token}"))


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token[:15],
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[:15] + "é",
        lambda token: token[:15] + "\0",
        lambda token: "\0" * 64,
        lambda token: f"{token} {token}",
        lambda token: "x" * 100_000,
        lambda token: "%00",
    ],
)
def test_anything_but_the_whole_token_is_refused(token: str, change: Any) -> None:
    assert_refused(look(f"Token {change(token)}"))


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_the_scheme_is_read_in_any_case(token: str, scheme: str) -> None:
    assert look(f"{scheme} {token}").status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "Basic", "Knox", ""])
def test_another_scheme_is_no_login(token: str, scheme: str) -> None:
    answer = look(f"{scheme} {token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_token_is_checked_without_loading_the_users_other_tokens(
    user: User, token: str, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        AuthToken.objects.create(user)
    with django_assert_num_queries(2):  # the token with its user, and the page of bookings
        look(f"Token {token}")
