"""One's own account: looked at, changed, left everywhere, deleted."""

import json
from itertools import product
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from knox.models import AuthToken

from accounts import services
from accounts.errors import WrongPassword
from accounts.mail import reset_link
from accounts.models import User
from accounts.signals import account_forgotten
from bookings.models import Booking
from tests.bookings.others import FLIGHT
from tests.people import PASSWORD, make_staff

ME = "/api/v1/auth/me/"
LOGIN = "/api/v1/auth/login/"

pytestmark = pytest.mark.django_db


def send(client: Client, method: str, body: Any, path: str = ME) -> Any:
    return client.generic(method, path, json.dumps(body), content_type="application/json")


@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- Looking and changing -------------------------------------------------------------------------


def test_one_sees_oneself(owner: Client, user: User) -> None:
    answer = owner.get(ME)
    assert answer.json() == {
        "id": user.pk,
        "username": "asha",
        "email": "asha@example.com",
        "firstName": "",
        "lastName": "",
        "isStaff": False,
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_names_are_changed(owner: Client) -> None:
    answer = send(owner, "PATCH", {"firstName": "आशा", "lastName": "O'Neill-Ĝ"})
    assert answer.status_code == 200
    assert (answer.json()["firstName"], answer.json()["lastName"]) == ("आशा", "O'Neill-Ĝ")
    assert owner.get(ME).json() == answer.json()


def test_another_address_needs_the_password(owner: Client, user: User) -> None:
    """Whoever found a token could have a new password mailed to themself."""
    email = {"email": "new@example.com"}
    refused = send(owner, "PATCH", email)
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["#/password"]
    assert (
        send(owner, "PATCH", email | {"password": "wrong horse"}).json()["code"] == "wrong_password"
    )
    assert owner.get(ME).json()["email"] == "asha@example.com"
    assert send(owner, "PATCH", email | {"password": PASSWORD}).json()["email"] == "new@example.com"
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_an_address_that_changed_meanwhile_is_not_overwritten_without_a_password(
    user: User,
) -> None:
    known = User.objects.get(pk=user.pk)
    User.objects.filter(pk=user.pk).update(email="new@example.com")
    with pytest.raises(WrongPassword):
        services.change_profile(known, email=known.email)


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "username",
        "isStaff",
        "is_staff",
        "isSuperuser",
        "isActive",
        "groups",
        "nameKey",
        "userPermissions",
        "sessionsEnded",
        "lastLogin",
        "dateJoined",
        "newPassword",
    ],
)
def test_nothing_else_is_changed(owner: Client, user: User, name: str) -> None:
    before = User.objects.filter(pk=user.pk).values().get()
    answer = send(owner, "PATCH", {"firstName": "X", name: 1})
    assert answer.json()["errors"][0]["pointer"] == f"#/{name}"
    assert User.objects.filter(pk=user.pk).values().get() == before


ODD: list[Any] = ["a\0b", "\ud800", "x" * 100_000, None, True, [], {}]
CONTROLS = ["\u202egnp.exe", "a\nb", "\x1b[2J", "a\u2028b"]


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        *product(["email", "firstName", "lastName", "password"], ODD),
        *product(["email", "firstName", "lastName"], CONTROLS),
    ],
)
def test_odd_texts_are_refused_by_field(owner: Client, name: str, odd: Any) -> None:
    answer = send(owner, "PATCH", {name: odd})
    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {f"#/{name}"}


# --- Everywhere -----------------------------------------------------------------------------------


def test_one_logs_out_everywhere(owner: Client, browser: Client, user: User) -> None:
    second = Client()
    second.force_login(user)
    assert owner.post("/api/v1/auth/logout/all/").status_code == 204
    assert not AuthToken.objects.filter(user=user).exists()
    for client in (owner, browser, second):
        assert client.get(ME).status_code == 401


def test_logging_out_everywhere_leaves_others_alone(owner: Client) -> None:
    ben = User.objects.create_user("ben", password=PASSWORD)
    token = AuthToken.objects.create(ben)[1]
    owner.post("/api/v1/auth/logout/all/")
    assert Client().get(ME, headers={"Authorization": f"Token {token}"}).status_code == 200


def test_one_can_log_in_again(owner: Client) -> None:
    owner.post("/api/v1/auth/logout/all/")
    answer = Client().post(
        LOGIN, {"username": "asha", "password": PASSWORD}, content_type="application/json"
    )
    assert answer.status_code == 200


# --- Deleting -------------------------------------------------------------------------------------


@pytest.fixture
def booking(user: User) -> Booking:
    return Booking.objects.create(
        flight_id=1,
        flight=FLIGHT,
        user=user,
        no_of_seats=1,
        total_cost=5000,
        currency="INR",
        payment_deadline="2026-12-24T00:00:00Z",
    )


def test_the_person_is_forgotten_and_bookings_are_kept(
    owner: Client, user: User, booking: Booking
) -> None:
    send(owner, "PATCH", {"firstName": "Asha", "lastName": "Rao"})
    assert send(owner, "DELETE", {"password": PASSWORD}).status_code == 204
    booking.refresh_from_db()
    left = booking.user
    assert left.pk == user.pk
    assert left.username == left.name_key == f"forgotten:{user.pk}"
    assert (left.email, left.first_name, left.last_name) == ("", "", "")
    assert not left.is_active
    assert not left.has_usable_password()
    assert left.last_login is None


def test_nothing_opens_a_deleted_account(
    owner: Client, browser: Client, user: User, mailing: list[str]
) -> None:
    link = reset_link(user)
    send(owner, "DELETE", {"password": PASSWORD})
    assert owner.get(ME).status_code == 401
    assert browser.get(ME).status_code == 401
    assert not AuthToken.objects.exists()
    for name in ("asha", f"forgotten:{user.pk}"):
        body = {"username": name, "password": PASSWORD}
        assert Client().post(LOGIN, body, content_type="application/json").status_code == 401
    uid, token = link.rstrip("/").split("/")[-2:]
    body = {"uid": uid, "token": token, "newPassword": "better horse"}
    path = "/api/v1/auth/password/reset/confirm/"
    assert send(Client(), "POST", body, path).json()["code"] == "reset_link_invalid"


def test_the_name_is_free_again(owner: Client) -> None:
    send(owner, "DELETE", {"password": PASSWORD})
    assert User.objects.create_user("Asha").pk


def test_a_deleted_colleague_has_no_rights_left(db: None) -> None:
    colleague = make_staff("admin")
    services.forget(colleague, password=PASSWORD)
    colleague = User.objects.get(pk=colleague.pk)
    assert not colleague.is_staff
    assert not colleague.groups.exists()


def test_the_admins_log_forgets_the_name(owner: Client, user: User) -> None:
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr="asha",
        action_flag=CHANGE,
    )
    send(owner, "DELETE", {"password": PASSWORD})
    assert LogEntry.objects.get().object_repr == f"forgotten:{user.pk}"


@pytest.mark.parametrize("body", [{"password": "wrong horse"}, {}, {"password": ""}])
def test_without_the_password_nothing_is_deleted(owner: Client, body: Any) -> None:
    assert send(owner, "DELETE", body).status_code == 400
    assert owner.get(ME).status_code == 200


def test_who_keeps_names_forgets_them_in_the_same_transaction(owner: Client, user: User) -> None:
    told = []

    def refuse(user: User, **kwargs: Any) -> None:
        told.append(user.pk)
        raise RuntimeError

    account_forgotten.connect(refuse)
    try:
        with pytest.raises(RuntimeError):
            services.forget(user, password=PASSWORD)
    finally:
        account_forgotten.disconnect(refuse)
    assert told == [user.pk]
    assert owner.get(ME).json()["username"] == "asha"
