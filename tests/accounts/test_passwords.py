"""A new password: by the old one, or by a link in a mail. Either ends what the old one opened."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import mail
from django.test import Client
from django.urls import reverse
from knox.models import AuthToken

from accounts import tasks
from accounts.mail import reset_link
from accounts.models import User
from tests.people import PASSWORD
from tests.threads import run_at_once

CHANGE = "/api/v1/auth/password/change/"
RESET = "/api/v1/auth/password/reset/"
CONFIRM = "/api/v1/auth/password/reset/confirm/"
LOGIN = "/api/v1/auth/login/"
ME = "/api/v1/auth/me/"
NEW = "better horse"

pytestmark = pytest.mark.django_db


def post(path: str, body: Any, client: Client | None = None) -> Any:
    return (client or Client()).post(path, json.dumps(body), content_type="application/json")


def change(client: Client, old: str = PASSWORD, new: str = NEW) -> Any:
    return post(CHANGE, {"currentPassword": old, "newPassword": new}, client)


def uid_and_token(link: str) -> tuple[str, str]:
    uid, token = link.rstrip("/").split("/")[-2:]
    return uid, token


def confirm(link: str, new: str = NEW) -> Any:
    uid, token = uid_and_token(link)
    return post(CONFIRM, {"uid": uid, "token": token, "newPassword": new})


def may_log_in(password: str, username: str = "asha") -> bool:
    return post(LOGIN, {"username": username, "password": password}).status_code == 200


def assert_link_refused(answer: Any) -> None:
    assert (answer.status_code, answer.json()["code"]) == (400, "reset_link_invalid")


@pytest.fixture
def other(user: User) -> Client:
    """Asha's other device."""
    token = AuthToken.objects.create(user)[1]
    return Client(headers={"Authorization": f"Token {token}"})


@pytest.fixture
def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- Change -------------------------------------------------------------------------------------


def test_a_changed_password_opens_the_account_and_the_old_one_does_not(owner: Client) -> None:
    assert change(owner).status_code == 204
    assert may_log_in(NEW)
    assert not may_log_in(PASSWORD)


def test_all_other_tokens_and_sessions_end(owner: Client, other: Client, browser: Client) -> None:
    change(owner)
    assert owner.get(ME).status_code == 200
    assert other.get(ME).status_code == 401
    assert browser.get(ME).status_code == 401


def test_changed_in_a_browser_its_session_goes_on_alone(browser: Client, owner: Client) -> None:
    before = browser.session.session_key
    assert change(browser).status_code == 204
    assert browser.get(ME).status_code == 200
    assert browser.session.session_key != before
    assert owner.get(ME).status_code == 401


def test_a_wrong_password_changes_nothing(owner: Client, other: Client) -> None:
    answer = change(owner, old="wrong horse")
    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_password")
    assert may_log_in(PASSWORD)
    assert other.get(ME).status_code == 200


@pytest.mark.parametrize(
    "new", ["short", "12345678901", "asha@example.com", "x" * 129, "a\0bcdefgh"]
)
def test_a_weak_new_password_is_refused(owner: Client, new: str) -> None:
    answer = change(owner, new=new)
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"#/newPassword"}
    assert may_log_in(PASSWORD)


def test_a_better_hash_of_the_same_password_ends_nothing(
    user: User, token: str, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    assert may_log_in(PASSWORD)
    user.refresh_from_db()
    assert user.password.startswith("scrypt")
    assert Client().get(ME, headers={"Authorization": f"Token {token}"}).status_code == 200


def test_a_password_set_in_the_admin_ends_tokens_and_sessions(owner: Client, user: User) -> None:
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))
    path = reverse("admin:auth_user_password_change", args=[user.pk])
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    assert admin.post(path, form).status_code == 302
    assert owner.get(ME).status_code == 401
    assert may_log_in(NEW)


# --- Asking for a link ----------------------------------------------------------------------------


def test_a_link_is_mailed_in_text_and_html(user: User, mailing: list[str], settings: Any) -> None:
    settings.SITE_URL = "https://seathold.example"
    assert post(RESET, {"email": "asha@example.com"}).status_code == 202
    [message] = mail.outbox
    assert isinstance(message, mail.EmailMultiAlternatives)
    assert message.to == ["asha@example.com"]
    links = re.findall(r"https://seathold\.example/account/reset/\S+/", str(message.body))
    assert len(links) == 1
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    assert f'href="{links[0]}"' in str(html)
    assert confirm(links[0]).status_code == 204
    assert may_log_in(NEW)


def test_whether_an_address_is_known_shows_neither_in_the_answer_nor_in_the_work(
    user: User, mailing: list[str], django_assert_num_queries: Any
) -> None:
    User.objects.create_user("ben", "ben@example.com", PASSWORD, is_active=False)
    with django_assert_num_queries(0), pytest.MonkeyPatch.context() as patch:
        asked: list[str] = []
        patch.setattr(tasks.send_reset_mail, "delay", lambda email: asked.append(email))
        answers = [
            post(RESET, {"email": f"{name}@example.com"}) for name in ("asha", "nobody", "ben")
        ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
    assert len(asked) == 3


@pytest.mark.parametrize("email", ["nobody@example.com", "ben@example.com", "chandra@example.com"])
def test_who_has_no_account_or_no_password_gets_no_mail(mailing: list[str], email: str) -> None:
    User.objects.create_user("ben", "ben@example.com", PASSWORD, is_active=False)
    User.objects.create_user("chandra", "chandra@example.com")
    post(RESET, {"email": email})
    assert mailing == [email]
    assert not mail.outbox


def test_two_accounts_of_one_address_get_one_mail(user: User, mailing: list[str]) -> None:
    User.objects.create_user("asha2", "asha@example.com", PASSWORD)
    post(RESET, {"email": "ASHA@example.com"})
    [message] = mail.outbox
    links = re.findall(r"http\S+", str(message.body))
    assert [confirm(link).status_code for link in links] == [204, 204]


def test_mail_goes_to_the_address_that_is_known(user: User, mailing: list[str]) -> None:
    """Not to one that the database or a mail server takes for the same."""
    User.objects.filter(pk=user.pk).update(email="Asha@Example.com")
    post(RESET, {"email": "asha@example.com"})
    assert mail.outbox[0].to == ["Asha@Example.com"]


def test_without_a_broker_one_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.send_reset_mail, "delay", refuse)
    answer = post(RESET, {"email": "asha@example.com"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "email", ["", "asha", "a@b\n.com", "asha@example.com\0", "x" * 300, None, []]
)
def test_what_is_no_address_is_refused(mailing: list[str], email: Any) -> None:
    assert post(RESET, {"email": email}).status_code == 400
    assert not mailing


# --- Using it -----------------------------------------------------------------------------------


def test_a_link_ends_all_tokens_and_sessions(user: User, owner: Client, browser: Client) -> None:
    assert confirm(reset_link(user)).status_code == 204
    assert owner.get(ME).status_code == 401
    assert browser.get(ME).status_code == 401
    assert not may_log_in(PASSWORD)


def test_a_link_works_once(user: User) -> None:
    link = reset_link(user)
    assert confirm(link).status_code == 204
    assert_link_refused(confirm(link, "third horse"))
    assert may_log_in(NEW)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_once_one_succeeds(user: User) -> None:
    link = reset_link(user)
    answers = run_at_once(*[lambda: confirm(link).status_code] * 4)
    assert sorted(answers) == [204, 400, 400, 400]


def test_a_link_expires(user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    link = reset_link(user)
    seconds = timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT + 1)
    monkeypatch.setattr(
        PasswordResetTokenGenerator,
        "_now",
        lambda self: datetime.now() + seconds,  # noqa: DTZ005
    )
    assert_link_refused(confirm(link))
    assert may_log_in(PASSWORD)


def test_a_link_is_worthless_for_another_account(user: User) -> None:
    ben = User.objects.create_user("ben", "asha@example.com", PASSWORD)
    uid, _ = uid_and_token(reset_link(ben))
    _, token = uid_and_token(reset_link(user))
    assert_link_refused(confirm(f"/{uid}/{token}/"))
    assert may_log_in(PASSWORD, "ben")


@pytest.mark.parametrize(
    "changed", [{"is_active": False}, {"email": "new@example.com"}, {"password": "md5$x$y"}]
)
def test_a_link_is_worthless_when_the_account_has_changed(user: User, changed: Any) -> None:
    link = reset_link(user)
    User.objects.filter(pk=user.pk).update(**changed)
    assert_link_refused(confirm(link))


def test_logging_in_makes_the_link_worthless(user: User) -> None:
    link = reset_link(user)
    assert may_log_in(PASSWORD)
    assert_link_refused(confirm(link))


@pytest.mark.parametrize("uid", ["MQ", "x", "!!", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "é", "AA", "-"])
@pytest.mark.parametrize("token", ["x", "a-b", "0-0", "é-é", "-", "zzzzzzzzzzzzzz-x"])
def test_made_up_links_are_refused_alike(user: User, uid: str, token: str) -> None:
    assert_link_refused(confirm(f"/{uid}/{token}/"))


def test_a_weak_password_is_refused_and_the_link_still_works(user: User) -> None:
    link = reset_link(user)
    answer = confirm(link, "asha@example.com")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["#/newPassword"]
    assert confirm(link).status_code == 204


BODIES = {
    CHANGE: {"currentPassword": PASSWORD, "newPassword": NEW},
    RESET: {"email": "asha@example.com"},
    CONFIRM: {"uid": "MQ", "token": "a-b", "newPassword": NEW},
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, body in BODIES.items() for name in body]
)
@pytest.mark.parametrize("odd", ["a\0bcdefgh", "\ud800", "x" * 100_000, "", None, True, [], {}])
def test_odd_texts_are_refused_by_field(
    owner: Client, mailing: list[str], path: str, name: str, odd: Any
) -> None:
    answer = post(path, BODIES[path] | {name: odd}, owner)
    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {f"#/{name}"}
    assert not mailing


# --- The page that the link leads to --------------------------------------------------------------


def page(link: str) -> str:
    """The path in a link."""
    return link[link.index("/account/") :]


def test_a_person_sets_a_new_password_on_a_page(user: User, owner: Client) -> None:
    person = Client(enforce_csrf_checks=True)
    answer = person.get(page(reset_link(user)), follow=True)
    assert answer.status_code == 200
    assert "<strong>asha</strong>" in answer.text
    assert "<script" not in answer.text
    fields = {
        "new_password1": NEW,
        "new_password2": NEW,
        "csrfmiddlewaretoken": re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)[
            0
        ],
    }
    done = person.post(answer.request["PATH_INFO"], fields, follow=True)
    assert done.status_code == 200
    assert "is set" in done.text
    assert may_log_in(NEW)
    assert owner.get(ME).status_code == 401
    assert "does not work" in person.get(page(reset_link(user))[:-5], follow=True).text


def test_the_link_is_not_in_the_address_of_the_page(user: User) -> None:
    """It would be told to whatever the page links to, and stay in the browser's history."""
    link = page(reset_link(user))
    answer = Client().get(link)
    assert answer.status_code == 302
    assert uid_and_token(link)[1] not in answer.headers["Location"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_page_asks_for_a_csrf_token(user: User) -> None:
    person = Client(enforce_csrf_checks=True)
    where = person.get(page(reset_link(user))).headers["Location"]
    assert person.post(where, {"new_password1": NEW, "new_password2": NEW}).status_code == 403
    assert may_log_in(PASSWORD)


@pytest.mark.parametrize(
    ("new", "again"), [(NEW, "another horse"), ("short", "short"), ("", ""), ("asha", "asha")]
)
def test_the_page_says_what_is_wrong_with_a_password(user: User, new: str, again: str) -> None:
    person = Client()
    where = person.get(page(reset_link(user))).headers["Location"]
    answer = person.post(where, {"new_password1": new, "new_password2": again})
    assert answer.status_code == 200
    assert "errorlist" in answer.text
    assert may_log_in(PASSWORD)


def test_a_link_used_in_the_meantime_is_said_not_to_work(user: User) -> None:
    person, link = Client(), reset_link(user)
    where = person.get(page(link)).headers["Location"]
    confirm(link)
    answer = person.post(where, {"new_password1": "third horse", "new_password2": "third horse"})
    assert "does not work" in answer.text
    assert may_log_in(NEW)


@pytest.mark.parametrize(
    "path", ["/account/reset/MQ/x/", "/account/reset/!/x/", "/account/reset/MQ/a-b/"]
)
def test_the_page_of_a_made_up_link_says_so(db: None, path: str) -> None:
    assert "does not work" in Client().get(path).text
