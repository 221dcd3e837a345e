"""Accounts that are older than the rule that names differing in case are one."""

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

BEFORE, AFTER = [("accounts", "0001_initial")], [("accounts", "0002_names_and_sessions")]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old_users() -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(BEFORE)
    users = executor.loader.project_state(BEFORE).apps.get_model("accounts", "User").objects
    yield users
    users.all().delete()
    migrate()


def migrate() -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(AFTER)
    return executor.loader.project_state(AFTER).apps.get_model("accounts", "User").objects


def test_accounts_get_their_keys(old_users: Any) -> None:
    old_users.create(username="Asha")
    old_users.create(username="Ελένης")
    users = migrate()
    assert dict(users.values_list("username", "name_key")) == {"Asha": "asha", "Ελένης": "ελένησ"}


def test_names_that_clash_are_named_and_nothing_is_changed(old_users: Any) -> None:
    first, second = (old_users.create(username=name) for name in ("Asha", "asha"))
    with pytest.raises(ValueError, match="another username") as stopped:
        migrate()
    for user in (first, second):
        assert f"{user.username!r} (id {user.pk})" in str(stopped.value)
    assert set(old_users.values_list("username", flat=True)) == {"Asha", "asha"}
    second.username = "asha-2"
    second.save()
    assert migrate().count() == 2
