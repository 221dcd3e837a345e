"""The admin answers whatever is asked in its address."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def client() -> Client:
    client = Client(raise_request_exception=False, headers=BROWSER)
    client.force_login(User.objects.create_superuser("sol"))
    return client


@pytest.mark.parametrize(
    "query",
    [
        "created_at__year=99999",
        "created_at__year=0",
        "created_at__gte=99999-01-01",
        "created_at__gte=%00",
        "id__exact=99999999999999999999999",
        "q=%00",
        "q=" + "x" * 5000,
        "p=99999999999999999999",
        "o=99999999999999999999.-1",
        "status__exact=%00",
        "nonsense=1",
        "e=1",
    ],
)
@pytest.mark.parametrize("page", ["bookings/booking", "accounts/user", "flights/flight"])
def test_a_filter_that_can_not_be_meant_is_no_error_of_ours(
    client: Client, page: str, query: str
) -> None:
    answer = client.get(f"/admin/{page}/?{query}", follow=True)
    assert answer.status_code in (200, 400)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")  # the transaction still stands


def test_a_fault_of_ours_is_still_one(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr(admin.ModelAdmin, "get_queryset", broken)
    assert client.get("/admin/flights/city/").status_code == 500


@pytest.mark.parametrize("pk", ["99999999999999999999", "%00", "x", "-1", "_2C_00"])
@pytest.mark.parametrize("page", ["bookings/booking", "flights/city", "accounts/user"])
def test_an_object_that_can_not_be_is_not_found(client: Client, page: str, pk: str) -> None:
    answer = client.get(f"/admin/{page}/{pk}/change/", follow=True)
    assert answer.status_code in (200, 400, 404)
