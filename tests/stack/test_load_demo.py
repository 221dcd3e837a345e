import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command

from stack.management.commands import load_demo


@pytest.fixture(autouse=True)
def no_flights(monkeypatch):
    """The catalogue belongs to the flights service, and is tested there."""
    monkeypatch.setattr(load_demo, "load_flights", lambda: 0)


def load() -> None:
    call_command("load_demo", verbosity=0)


def test_the_accounts_have_their_ids_and_passwords(db):
    load()
    users = get_user_model().objects
    assert dict(users.values_list("username", "pk")) == {
        "admin": 1,
        "traveller": 2,
        "traveller2": 3,
        "support": 4,
        "schedule": 5,
        "finance": 6,
    }
    assert users.get(username="admin").is_superuser
    assert not users.get(username="traveller").is_staff
    assert authenticate(username="traveller2", password="traveller2")


def test_each_role_has_its_demo_account(db):
    load()
    staff = get_user_model().objects.filter(is_staff=True, is_superuser=False)
    assert dict(staff.values_list("username", "groups__name")) == {
        "support": "support",
        "schedule": "schedule manager",
        "finance": "finance",
    }


def test_loading_twice_changes_nothing(db):
    load()
    users = get_user_model().objects
    before = list(users.order_by("pk").values())
    load()
    assert list(users.order_by("pk").values()) == before


def test_an_id_that_somebody_has_is_left_to_them(db):
    users = get_user_model().objects
    users.create_user(pk=2, username="earlier")
    load()
    assert users.get(pk=2).username == "earlier"
    assert users.filter(username="traveller").exists()


def test_the_next_account_gets_an_id_of_its_own(db):
    load()
    assert get_user_model().objects.create_user(username="next").pk == 7


@pytest.mark.parametrize(
    "production", [{"SECURE": True}, {"SECRET_KEY": "a-key-that-somebody-made-for-production"}]
)
def test_it_is_refused_where_a_production_key_is_set(db, settings, production):
    for name, value in production.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match="passwords that everybody knows"):
        load()
    assert not get_user_model().objects.exists()
