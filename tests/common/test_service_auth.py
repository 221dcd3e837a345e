"""Services know each other by a secret; nobody else passes, and they pass nowhere else."""

from typing import Any

import pytest
from django.test import Client
from django.utils.crypto import constant_time_compare
from knox.models import AuthToken

from accounts.models import User
from common import service_auth
from common.service_auth import service_authorization

pytestmark = pytest.mark.django_db

SERVICE_DOORS = [
    ("GET", "/api/v1/holds/"),
    ("POST", "/api/v1/holds/release/"),
    ("PUT", "/api/v1/flights/1/holds/6ba7b810-9dad-11d1-80b4-00c04fd430c8/"),
    ("DELETE", "/api/v1/flights/1/holds/6ba7b810-9dad-11d1-80b4-00c04fd430c8/"),
    ("POST", "/api/v1/flights/1/holds/6ba7b810-9dad-11d1-80b4-00c04fd430c8/confirm/"),
    ("GET", "/api/v1/payments/"),
    ("POST", "/api/v1/payments/"),
    ("GET", "/api/v1/payments/1/"),
    ("POST", "/api/v1/payments/1/capture/"),
    ("POST", "/api/v1/payments/1/void/"),
    ("POST", "/api/v1/payments/void/"),
    ("POST", "/api/v1/payments/1/refunds/"),
]
ACCOUNT_DOORS = [
    ("GET", "/api/v1/bookings/"),
    ("POST", "/api/v1/bookings/"),
    ("GET", "/api/v1/bookings/1/"),
    ("POST", "/api/v1/bookings/1/payments/"),
    ("POST", "/api/v1/bookings/1/cancel/"),
    ("POST", "/api/v1/auth/logout/"),
]
STAFF_DOORS = [
    ("POST", "/api/v1/flights/"),
    ("PATCH", "/api/v1/flights/1/"),
    ("DELETE", "/api/v1/flights/1/"),
    ("POST", "/api/v1/cities/"),
    ("POST", "/api/v1/airports/"),
    ("POST", "/api/v1/airplanes/"),
]


def ask(client: Client, door: tuple[str, str], authorization: str | None = None) -> Any:
    headers = {"Authorization": authorization} if authorization is not None else {}
    method, path = door
    return client.generic(method, path, b"{}", "application/json", headers=headers)


@pytest.mark.parametrize("secret", ["tests-service-secret", "tests-older-service-secret"])
@pytest.mark.parametrize("scheme", ["Service", "service"])
def test_each_of_the_secrets_is_accepted(client: Client, scheme: str, secret: str) -> None:
    assert ask(client, SERVICE_DOORS[0], f"{scheme} {secret}").status_code == 200


def test_the_first_secret_is_sent(settings: Any) -> None:
    settings.SERVICE_SECRETS = ["new-secret", "old-secret"]
    assert service_authorization() == "Service new-secret"


@pytest.mark.parametrize(
    "sent",
    [
        "Service",
        "Service ",
        "Service wrong",
        "Service tests-service-secre",
        "Service tests-service-secretx",
        "Service TESTS-SERVICE-SECRET",
        "Service tests-service-secret,tests-older-service-secret",
        "Service tests-service-secret x",
        "Service  tests-service-secret",
        "Service é",
        "Service \0",
    ],
)
@pytest.mark.parametrize("door", [SERVICE_DOORS[0], ACCOUNT_DOORS[0]])
def test_another_secret_is_refused(client: Client, door: tuple[str, str], sent: str) -> None:
    answer = ask(client, door, sent)
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"
    assert answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("sent", [None, "", "tests-service-secret", "Basic x", "Services x"])
def test_without_a_secret_nobody_is_known(client: Client, sent: str | None) -> None:
    answer = ask(client, SERVICE_DOORS[0], sent)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"]


def test_a_secret_opens_nothing_once_it_is_no_longer_set(client: Client, settings: Any) -> None:
    settings.SERVICE_SECRETS = ["tests-newest-service-secret"]
    assert ask(client, SERVICE_DOORS[0], "Service tests-service-secret").status_code == 401


@pytest.mark.parametrize(
    ("knows", "sends", "passes"),
    [
        (["old"], ["old"], True),
        (["old", "new"], ["old"], True),  # 1. everybody learns the new one
        (["old", "new"], ["new", "old"], True),  # 2. and sends it, one after another
        (["new", "old"], ["old", "new"], True),
        (["new", "old"], ["new"], True),  # 3. and forgets the old one, one after another
        (["new"], ["new", "old"], True),
        (["new"], ["old", "new"], False),  # too early: somebody still sent the old one
        (["old"], ["new", "old"], False),  # too early: somebody did not know the new one yet
    ],
)
def test_secrets_are_rotated_while_all_goes_on(
    client: Client, settings: Any, knows: list[str], sends: list[str], passes: bool
) -> None:
    settings.SERVICE_SECRETS = [f"tests-{name}-secret" for name in sends]
    sent = service_authorization()
    settings.SERVICE_SECRETS = [f"tests-{name}-secret" for name in knows]
    assert (ask(client, SERVICE_DOORS[0], sent).status_code == 200) == passes


def test_every_secret_is_compared_whole_whichever_is_right(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SERVICE_SECRETS = ["first-secret", "second-secret", "third-secret"]
    compared: list[str] = []

    def compare(sent: bytes, known: str) -> bool:
        compared.append(known)
        return constant_time_compare(sent, known)

    monkeypatch.setattr(service_auth, "constant_time_compare", compare)
    for sent in ("first-secret", "third-secret", "f", "wrong"):
        compared.clear()
        ask(client, SERVICE_DOORS[0], f"Service {sent}")
        assert compared == settings.SERVICE_SECRETS


def test_no_secret_is_known_where_none_is_set(client: Client, settings: Any) -> None:
    settings.SERVICE_SECRETS = []
    for sent in ("Service", "Service ", "Service tests-service-secret"):
        assert ask(client, SERVICE_DOORS[0], sent).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Authorization": "Service tests-service-secret"},
        {"X-Service": "tests-service-secret"},
        {"Proxy-Authorization": "Service tests-service-secret"},
        {"Cookie": "Authorization=Service tests-service-secret"},
        {"Authorization": "Token tests-service-secret"},
        {"Authorization": "Basic dGVzdHMtc2VydmljZS1zZWNyZXQ6"},
        {"Authorization": "Service dGVzdHMtc2VydmljZS1zZWNyZXQ="},
    ],
)
def test_a_secret_in_another_place_is_none(client: Client, headers: dict[str, str]) -> None:
    answer = client.get("/api/v1/holds/?secret=tests-service-secret", headers=headers)
    assert answer.status_code == 401


def test_a_token_is_no_secret_and_a_secret_no_token(client: Client) -> None:
    user = User.objects.create_superuser("sol")
    _, token = AuthToken.objects.create(user)
    assert ask(client, SERVICE_DOORS[0], f"Service {token}").status_code == 401
    assert ask(client, SERVICE_DOORS[0], f"Token {token}").status_code == 403
    assert ask(client, ACCOUNT_DOORS[0], "Token tests-service-secret").status_code == 401


def test_who_shows_a_wrong_secret_does_not_pass_as_who_is_logged_in(client: Client) -> None:
    client.force_login(User.objects.create_superuser("sol"))
    for door in (SERVICE_DOORS[0], ACCOUNT_DOORS[0]):
        assert ask(client, door, "Service wrong").status_code == 401


def test_who_shows_a_secret_is_the_service_even_with_a_session(client: Client) -> None:
    client.force_login(User.objects.create_superuser("sol"))
    assert ask(client, SERVICE_DOORS[0], "Service tests-service-secret").status_code == 200
    assert ask(client, ACCOUNT_DOORS[0], "Service tests-service-secret").status_code == 403


@pytest.mark.parametrize("staff", [False, True])
@pytest.mark.parametrize("door", SERVICE_DOORS, ids=" ".join)
def test_no_traveller_and_no_staff_passes_for_a_service(
    client: Client, door: tuple[str, str], staff: bool
) -> None:
    client.force_login(User.objects.create_user("asha", is_staff=staff, is_superuser=staff))
    answer = ask(client, door)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("door", SERVICE_DOORS + ACCOUNT_DOORS + STAFF_DOORS, ids=" ".join)
def test_nobody_passes_for_anybody(client: Client, door: tuple[str, str]) -> None:
    answer = ask(client, door)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("door", ACCOUNT_DOORS + STAFF_DOORS, ids=" ".join)
def test_a_service_passes_for_no_traveller_and_no_staff(
    client: Client, door: tuple[str, str]
) -> None:
    answer = ask(client, door, "Service tests-service-secret")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("door", STAFF_DOORS, ids=" ".join)
def test_a_traveller_passes_for_no_staff(client: Client, door: tuple[str, str]) -> None:
    client.force_login(User.objects.create_user("asha"))
    assert ask(client, door).status_code == 403
