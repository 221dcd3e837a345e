"""Roles: what the table says is what the groups hold, and what the API and the admin do."""

from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.permissions import may
from accounts.roles import EVERYTHING, ROLES, keep_in_step
from common.service_auth import ServicePrincipal
from flights.models import City
from tests.people import PASSWORD, make_staff

pytestmark = pytest.mark.django_db


def held(role: str) -> set[str]:
    rows = Permission.objects.filter(group__name=role)
    return {
        f"{app}.{name}" for app, name in rows.values_list("content_type__app_label", "codename")
    }


def said(role: str) -> set[str]:
    table = ROLES[role]
    if isinstance(table, str):
        rows = Permission.objects.values_list("content_type__app_label", "codename")
        return {f"{app}.{name}" for app, name in rows}
    return {f"{app}.{name}" for app, names in table.items() for name in names.split()}


def migrate() -> None:
    """What the end of each `migrate` sends."""
    for config in apps.get_app_configs():
        keep_in_step(config)


# --- The groups ---------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_group_holds_what_the_table_says(role: str) -> None:
    assert held(role) == said(role)


def test_the_command_keeps_them_in_step() -> None:
    Group.objects.all().delete()
    call_command("migrate", verbosity=0, stdout=StringIO())
    assert {role: held(role) for role in ROLES} == {role: said(role) for role in ROLES}


def test_what_was_taken_away_comes_back_and_what_was_added_goes() -> None:
    support = Group.objects.get(name="support")
    support.permissions.set(Permission.objects.filter(codename="change_flight"))
    migrate()
    assert held("support") == said("support")


def test_what_is_taken_out_of_the_table_is_taken_from_the_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ROLES, "support", {"bookings": "view_booking"})
    migrate()
    assert held("support") == {"bookings.view_booking"}
    monkeypatch.setitem(ROLES, "support", {})
    migrate()
    assert held("support") == set()


def test_other_groups_and_members_are_left_alone() -> None:
    person = make_staff("support")
    own = Group.objects.create(name="night shift")
    own.permissions.set(Permission.objects.filter(codename="view_city"))
    migrate()
    assert held("night shift") == {"flights.view_city"}
    assert person.groups.get().name == "support"


def test_nothing_to_do_is_nothing_done(django_assert_max_num_queries: Any) -> None:
    migrate()
    with django_assert_max_num_queries(5):
        keep_in_step(apps.get_app_config("bookings"))


def test_a_permission_that_is_not_there_yet_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROLES, "support", {"bookings": "view_booking view_dream", "later": "x"})
    migrate()
    assert held("support") == {"bookings.view_booking"}


def test_only_admins_may_everything() -> None:
    assert [role for role, table in ROLES.items() if table == EVERYTHING] == ["admin"]


# --- Who may what -------------------------------------------------------------------------------

PRICES = {"flights.change_flight", "flights.add_flight"}
MONEY = {"bookings.refund_booking", "bookings.change_refundrule"}
TRAVELLERS = {"bookings.book_for_others", "bookings.cancel_any_booking", "bookings.extend_booking"}


@pytest.mark.parametrize(
    ("role", "allowed", "forbidden"),
    [
        ("support", {"bookings.view_booking"} | TRAVELLERS, PRICES | MONEY),
        (
            "schedule manager",
            PRICES | {"bookings.handle_disruption"},
            MONEY | TRAVELLERS | {"bookings.view_booking"},
        ),
        (
            "finance",
            MONEY | {"bookings.view_booking", "payments.view_payment"},
            PRICES | TRAVELLERS,
        ),
        ("admin", PRICES | MONEY | TRAVELLERS, set()),
    ],
)
def test_each_role_has_its_own_work(role: str, allowed: set[str], forbidden: set[str]) -> None:
    person = make_staff(role)
    assert {name for name in allowed | forbidden if may(person, name)} == allowed


def test_nobody_may_by_the_staff_flag_or_by_a_group_alone() -> None:
    flag = User.objects.create_user("sol", is_staff=True)
    group = User.objects.create_user("ben")
    group.groups.add(Group.objects.get(name="admin"))
    for nobody in (flag, group, ServicePrincipal(), None):
        assert not may(nobody, "flights.change_flight")


def test_a_closed_account_may_nothing() -> None:
    person = make_staff("admin")
    person.is_active = False
    assert not may(person, "flights.change_flight")


@pytest.mark.parametrize(
    ("role", "status"), [("schedule manager", 201), ("admin", 201), ("support", 403), (None, 403)]
)
def test_the_api_asks_for_the_permission(role: str | None, status: int) -> None:
    client = Client()
    client.force_login(make_staff(role) if role else User.objects.create_user("x", is_staff=True))
    body = {"name": "Agra", "country": "India"}
    answer = client.post("/api/v1/cities/", body, content_type="application/json")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("permission", "method"), [("add", "POST"), ("change", "PATCH"), ("delete", "DELETE")]
)
def test_each_verb_has_its_own_permission(permission: str, method: str) -> None:
    city = City.objects.create(name="Agra", country="India")
    person = User.objects.create_user("sol", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename=f"{permission}_city"))
    client = Client()
    client.force_login(person)
    allowed = set()
    for verb, path in (("POST", ""), ("PATCH", f"{city.pk}/"), ("DELETE", f"{city.pk}/")):
        answer = client.generic(
            verb,
            f"/api/v1/cities/{path}",
            b'{"name": "Pune", "country": "India"}',
            content_type="application/json",
        )
        if answer.status_code != 403:
            allowed.add(verb)
    assert allowed == {method}


# --- In the admin -------------------------------------------------------------------------------


def page(role: str, name: str, *args: Any) -> int:
    client = Client()
    client.force_login(make_staff(role, role.replace(" ", "-")))
    return client.get(reverse(f"admin:{name}", args=args)).status_code


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("bookings_booking_changelist", {"support", "finance", "admin"}),
        ("flights_flight_add", {"schedule manager", "admin"}),
        ("flights_flight_changelist", {"support", "schedule manager", "finance", "admin"}),
        ("bookings_refundrule_add", {"finance", "admin"}),
        ("payments_payment_changelist", {"finance", "admin"}),
        ("accounts_user_changelist", {"support", "admin"}),
        ("accounts_user_add", {"admin"}),
        ("auth_group_add", set()),
        ("knox_authtoken_changelist", {"admin"}),
        ("knox_authtoken_add", set()),
    ],
)
def test_each_role_opens_its_own_pages(name: str, who: set[str]) -> None:
    assert {role for role in ROLES if page(role, name) == 200} == who


def test_travellers_do_not_get_in() -> None:
    client = Client()
    client.force_login(User.objects.create_user("asha"))
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")


@pytest.fixture
def admin() -> Client:
    """Of the role: no superuser."""
    client = Client()
    client.force_login(make_staff("admin"))
    return client


def form(user: User, **changes: Any) -> dict[str, Any]:
    """What the page of an account sends."""
    fields = {
        "username": user.username,
        "email": user.email,
        "is_active": "on",
        "last_login_0": "",
        "last_login_1": "",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00:00",
    }
    return {**fields, **changes}


def test_an_admin_edits_a_traveller_but_gives_no_rights(admin: Client) -> None:
    traveller = User.objects.create_user("asha")
    rights = {
        "is_staff": "on",
        "is_superuser": "on",
        "groups": [Group.objects.get(name="admin").pk],
        "user_permissions": [Permission.objects.all()[0].pk],
    }
    path = reverse("admin:accounts_user_change", args=[traveller.pk])
    answer = admin.post(path, form(traveller, email="new@example.com", **rights))
    assert answer.status_code == 302
    traveller.refresh_from_db()
    assert traveller.email == "new@example.com"
    assert not traveller.is_staff
    assert not traveller.is_superuser
    assert not traveller.groups.exists()
    assert not traveller.user_permissions.exists()


@pytest.mark.parametrize("whom", ["themself", "a colleague", "a superuser"])
@pytest.mark.parametrize(
    "page", ["accounts_user_change", "auth_user_password_change", "accounts_user_delete"]
)
def test_an_admin_touches_no_colleague(admin: Client, whom: str, page: str) -> None:
    people = {
        "themself": User.objects.get(username="sol"),
        "a colleague": make_staff("finance", "fay"),
        "a superuser": User.objects.create_superuser("root", password=PASSWORD),
    }
    person = people[whom]
    before = User.objects.filter(pk=person.pk).values().get()
    fields = {"usable_password": "true", "password1": "better horse", "password2": "better horse"}
    body = form(person, email="mine@example.com", is_superuser="on", post="yes") | fields
    answer = admin.post(reverse(f"admin:{page}", args=[person.pk]), body)
    assert answer.status_code == 403
    assert User.objects.filter(pk=person.pk).values().get() == before


def test_an_admin_deletes_no_colleague_in_bulk(admin: Client) -> None:
    root = User.objects.create_superuser("root")
    body = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    admin.post(reverse("admin:accounts_user_changelist"), body)
    assert User.objects.filter(pk=root.pk).exists()


def test_a_superuser_gives_roles() -> None:
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    person = User.objects.create_user("sol")
    group = Group.objects.get(name="support")
    path = reverse("admin:accounts_user_change", args=[person.pk])
    assert root.post(path, form(person, is_staff="on", groups=[group.pk])).status_code == 302
    assert may(User.objects.get(pk=person.pk), "bookings.view_booking")
    assert "support" in root.get(reverse("admin:accounts_user_changelist")).text


def test_who_only_looks_sees_no_hash() -> None:
    traveller = User.objects.create_user("asha", password=PASSWORD)
    client = Client()
    client.force_login(make_staff("support"))
    answer = client.get(reverse("admin:accounts_user_change", args=[traveller.pk]))
    assert answer.status_code == 200
    assert traveller.password not in answer.text
    assert traveller.password.split("$")[-1] not in answer.text


def test_names_that_differ_in_case_are_one_in_the_admin_too() -> None:
    User.objects.create_user("Ελένης")
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    fields = {"username": "ΕΛΈΝΗΣ", "usable_password": "false"}
    answer = root.post(reverse("admin:accounts_user_add"), fields)
    assert answer.status_code == 200
    assert "already exists" in answer.text
