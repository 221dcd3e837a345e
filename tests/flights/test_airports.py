from typing import Any

import pytest
from rest_framework.test import APIClient

from flights import airports
from flights.models import Airport, City, Flight

pytestmark = pytest.mark.django_db

LONDONS = ["LHR", "LGW", "LCY", "YXU"]
SOME = [*LONDONS, "ZRH", "GRU", "ORD", "JFK", "KEF", "CDG", "LDB", "XSP", "PRN", "DEL"]


@pytest.fixture
def imported() -> None:
    airports.import_airports(SOME)


def found(client: APIClient, text: str) -> list[str]:
    answer = client.get("/api/v1/airports/", {"q": text})
    assert answer.status_code == 200, answer.json()
    return [airport["code"] for airport in answer.json()["results"]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("ZRH", "ZRH"),
        ("zrh", "ZRH"),
        ("Zürich", "ZRH"),
        ("zuri", "ZRH"),
        ("SÃO PAULO", "GRU"),
        ("sao", "GRU"),
        ("O'Hare", "ORD"),
        ("ohare", "ORD"),
        ("new yo", "JFK"),
        ("kennedy", "JFK"),
        ("gaulle", "CDG"),
        ("reykjav", "KEF"),
        ("  delhi ", "DEL"),
    ],
)
def test_airports_are_found_as_one_types(
    anyone: APIClient, imported: None, text: str, first: str
) -> None:
    assert found(anyone, text)[0] == first


def test_a_city_typed_out_is_found_alone(anyone: APIClient, imported: None) -> None:
    assert set(found(anyone, "lond")) == {*LONDONS, "LDB"}
    assert set(found(anyone, "london")) == set(LONDONS)
    assert found(anyone, "londr") == ["LDB"]


def test_airports_with_flights_come_first(
    anyone: APIClient, imported: None, make_flight: Any
) -> None:
    assert found(anyone, "london")[0] == "LCY"
    make_flight("LHR-JFK")
    assert found(anyone, "london")[0] == "LHR"


@pytest.mark.parametrize("text", ["xyzzy", "%", "_", "\\", "ondon"])
def test_what_begins_no_word_finds_nothing(anyone: APIClient, imported: None, text: str) -> None:
    assert found(anyone, text) == []


@pytest.mark.parametrize("query", ["q=", "q=" + "x" * 101, "q=%00"])
def test_a_wrong_question_is_named(anyone: APIClient, query: str) -> None:
    answer = anyone.get(f"/api/v1/airports/?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/q"


def test_pages_of_found_airports_follow_each_other(anyone: APIClient, imported: None) -> None:
    url, seen = "/api/v1/airports/?q=l&limit=2", []
    while url:
        page = anyone.get(url).json()
        seen += [airport["code"] for airport in page["results"]]
        url = page["next"]
    assert seen == found(anyone, "l")
    assert len(seen) == len(set(seen)) > 4


def test_all_airports_of_the_world_are_imported_once() -> None:
    first, again = airports.import_airports(), airports.import_airports()
    assert first.added == Airport.objects.count() == len(airports.real_airports())
    assert (again.added, again.changed, again.unchanged) == (0, 0, first.added)
    delhi = Airport.objects.get(code="DEL")
    assert (delhi.time_zone, delhi.city.country) == ("Asia/Kolkata", "India")
    assert (round(delhi.latitude or 0), round(delhi.longitude or 0)) == (29, 77)
    assert Airport.objects.get(code="PRN").city.country == "Kosovo"
    assert not City.objects.filter(name="").exists()


def test_importing_again_updates_what_differs_and_leaves_the_rest(imported: None) -> None:
    city = City.objects.create(name="Nowhere", country="Nowhere")
    Airport.objects.filter(code="DEL").update(name="Palam", time_zone="UTC", city=city)
    Airport.objects.create(code="ZZZ", name="Our own", city=city, time_zone="UTC")
    done = airports.import_airports(SOME)
    assert (done.added, done.changed) == (0, 1)
    delhi = Airport.objects.get(code="DEL")
    assert (delhi.time_zone, delhi.city.name) == ("Asia/Kolkata", "New Delhi")
    assert Airport.objects.get(code="ZZZ").name == "Our own"
    assert not Flight.objects.exists()
