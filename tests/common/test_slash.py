"""Paths of the API work with and without their trailing slash, for every method."""

import pytest
from django.test import Client

from accounts.models import User
from flights.models import City

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("sol"))
    return client


@pytest.mark.parametrize("slash", ["", "/"])
def test_every_method_arrives_with_its_body(client: Client, slash: str) -> None:
    json = "application/json"
    made = client.post(
        f"/api/v1/cities{slash}", {"name": "Delhi", "country": "India"}, content_type=json
    )
    assert made.status_code == 201
    path = f"/api/v1/cities/{made.json()['id']}{slash}"
    assert client.get(path).json()["name"] == "Delhi"
    assert client.head(path).status_code == 200
    assert client.options(path).status_code == 200
    changed = client.patch(path, {"name": "New Delhi"}, content_type=json)
    assert changed.json()["name"] == "New Delhi"
    assert client.put(path, {}, content_type=json).status_code == 405
    assert client.delete(path).status_code == 204
    assert not City.objects.exists()


def test_a_query_stays_and_links_carry_the_slash(client: Client) -> None:
    for name in ("A", "B"):
        City.objects.create(name=name, country="India")
    body = client.get("/api/v1/cities?limit=1").json()
    assert [city["name"] for city in body["results"]] == ["A"]
    assert body["next"].startswith("http://testserver/api/v1/cities/?")
    assert "limit=1" in body["next"]


def test_other_paths_are_left_alone(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz/").status_code == 404
    assert client.get("/api").status_code == 404
