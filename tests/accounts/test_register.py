"""Opening an account."""

import json
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests.threads import run_at_once

URL = "/api/v1/auth/register/"
GOOD = {"username": "asha", "email": "asha@example.com", "password": "correct horse"}

pytestmark = pytest.mark.django_db


def faults(answer: Any) -> dict[str, str]:
    """Each fault's pointer with its code."""
    assert answer.status_code == 400, answer.content
    body = answer.json()
    assert body["code"] == "validation_error"
    return {fault["pointer"]: fault["code"] for fault in body["errors"]}


def register(**changes: Any) -> Any:
    return APIClient().post(URL, {**GOOD, **changes})


def test_a_new_account_is_answered_with_its_user_and_a_token_that_works() -> None:
    answer = register()
    assert answer.status_code == 201
    body = answer.json()
    user = User.objects.get()
    assert body["user"] == {
        "id": user.pk,
        "username": "asha",
        "email": "asha@example.com",
        "firstName": "",
        "lastName": "",
        "isStaff": False,
    }
    assert set(body) == {"user", "token", "expiry"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert body["expiry"].endswith("Z")
    headers = {"Authorization": f"Token {body['token']}"}
    assert Client().get("/api/v1/bookings/", headers=headers).status_code == 200


def test_a_password_is_kept_hashed_and_never_answered() -> None:
    answer = register()
    user = User.objects.get()
    assert user.check_password(GOOD["password"])
    assert GOOD["password"] not in user.password
    assert GOOD["password"] not in answer.text


@pytest.mark.parametrize("name", ["username", "email", "password"])
@pytest.mark.parametrize(
    ("value", "code"), [(None, "null"), ("", "blank"), (True, "invalid"), ([], "invalid")]
)
def test_each_field_must_be_a_text(name: str, value: Any, code: str) -> None:
    assert faults(register(**{name: value})) == {f"#/{name}": code}


def test_all_fields_are_required() -> None:
    assert faults(APIClient().post(URL, {})) == {
        "#/username": "required",
        "#/email": "required",
        "#/password": "required",
    }


@pytest.mark.parametrize(
    "password",
    ["short1x", "password", "12345678901", "asha@example", "asha@example.com", "x" * 129, "\0" * 9],
)
def test_a_weak_or_endless_password_is_refused(password: str) -> None:
    assert set(faults(register(password=password))) == {"#/password"}
    assert not User.objects.exists()


def test_a_password_keeps_its_outer_spaces() -> None:
    register(password="  correct horse ")
    assert User.objects.get().check_password("  correct horse ")


@pytest.mark.parametrize("email", ["asha", "asha@", "@example.com", "a b@example.com", "a@b\n.com"])
def test_a_bad_email_is_refused(email: str) -> None:
    assert set(faults(register(email=email))) == {"#/email"}


def test_a_taken_name_is_refused() -> None:
    register()
    assert faults(register(email="other@example.com")) == {"#/username": "unique"}
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["\uff41\uff53\uff48\uff41", " asha ", "a\u017fha"])
def test_another_way_to_write_a_taken_name_is_refused(name: str) -> None:
    register()
    assert faults(register(username=name)) == {"#/username": "unique"}


def test_a_name_can_be_used_as_it_was_registered_and_as_it_is_shown() -> None:
    answer = register(username="ﬁlip")  # with a ligature
    assert answer.json()["user"]["username"] == "filip"
    for name in ("ﬁlip", "filip"):
        body = {"username": name, "password": GOOD["password"]}
        assert APIClient().post("/api/v1/auth/login/", body).status_code == 200


def test_an_accent_written_as_two_characters_is_the_same_name() -> None:
    assert register(username="rene\u0301").json()["user"]["username"] == "ren\u00e9"
    assert faults(register(username="ren\u00e9")) == {"#/username": "unique"}


def test_names_that_differ_in_case_are_one_name() -> None:
    assert register(username="Asha").json()["user"]["username"] == "Asha"
    for name in ("asha", "ASHA", "Asha"):
        assert faults(register(username=name)) == {"#/username": "unique"}


@pytest.mark.parametrize(
    "name",
    ["a b", "a/b", "<b>", "a\nb", "\u200b", "☃", "a\u202eb", "\u093fक", "a\u20dd", "forgotten:1"],
)
def test_a_name_has_letters_digits_and_few_signs(name: str) -> None:
    assert set(faults(register(username=name))) == {"#/username"}


@pytest.mark.parametrize(
    "name", ["李", "Ελένη", "दिव्या", "কৃষ্ণা", "தமிழ்", "ശ്രീ", "a.b+c-d_e@f", "x" * 150]
)
def test_a_name_may_be_in_any_alphabet(name: str) -> None:
    assert register(username=name).json()["user"]["username"] == name


@pytest.mark.parametrize("name", ["username", "email", "password"])
@pytest.mark.parametrize(
    "odd", ["horse\0horse", "horse\ud800horse", "\udfff", "x" * 100_000, "\ufdfa" * 150]
)
def test_odd_texts_are_refused_by_field(name: str, odd: str) -> None:
    body = json.dumps({**GOOD, name: odd})
    answer = Client().post(URL, body, content_type="application/json")
    assert set(faults(answer)) == {f"#/{name}"}
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "name",
    ["isStaff", "isSuperuser", "is_staff", "is_superuser", "id", "isActive", "groups", "firstName"],
)
def test_nobody_makes_more_of_themself_than_a_traveller(name: str) -> None:
    assert faults(register(**{name: True})) == {f"#/{name}": "unknown"}
    assert not User.objects.exists()


def test_of_a_name_said_twice_the_last_counts() -> None:
    body = b'{"username": "a", "username": "b", "email": "a@b.com", "password": "correct horse"}'
    answer = Client().post(URL, body, content_type="application/json")
    assert answer.json()["user"]["username"] == "b"


def test_neither_session_nor_token_is_needed_or_minded() -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {"Authorization": "Token wrong"}
    answer = client.post(URL, json.dumps(GOOD), content_type="application/json", headers=headers)
    assert answer.status_code == 201


@pytest.mark.django_db(transaction=True)
def test_of_two_who_register_one_name_at_once_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Both have been told that the name is free.
    monkeypatch.setattr("rest_framework.validators.UniqueValidator.__call__", lambda *args: None)
    answers = run_at_once(*[register] * 4)
    statuses = sorted(getattr(answer, "status_code", 0) for answer in answers)
    assert statuses == [201, 400, 400, 400]
    refused = next(answer for answer in answers if answer.status_code == 400)
    assert faults(refused) == {"#/username": "unique"}
    assert User.objects.count() == 1
