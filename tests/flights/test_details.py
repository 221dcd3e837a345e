from collections.abc import Callable
from typing import Any

import pytest

from flights import details
from flights.details import add_details
from flights.models import Airport, Flight


def read(flight: Flight) -> Flight:
    return Flight.objects.get(pk=flight.pk)


def test_details_are_those_that_a_join_would_read(flight: Flight) -> None:
    joined = Flight.objects.with_details().get(pk=flight.pk)
    remembered = read(flight)
    add_details(remembered)
    assert remembered.airplane == joined.airplane
    assert remembered.departure_airport.city == joined.departure_airport.city
    assert remembered.arrival_airport == joined.arrival_airport


def test_details_are_read_once(
    flight: Flight, make_flight: Callable[..., Flight], django_assert_num_queries: Any
) -> None:
    other = read(make_flight("BOM-DEL"))
    first = read(flight)
    with django_assert_num_queries(3):
        add_details(first)
    with django_assert_num_queries(0):
        add_details(other)
    assert other.departure_airport.city.name == first.arrival_airport.city.name


def test_what_this_process_changes_it_knows_at_once(flight: Flight) -> None:
    before = read(flight)
    add_details(before)
    before.departure_airport.city.name = "New Delhi"
    before.departure_airport.city.save()
    after = read(flight)
    add_details(after)
    assert after.departure_airport is not before.departure_airport
    assert after.departure_airport.city.name == "New Delhi"


def test_what_another_process_changes_is_known_a_minute_later(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(details.time, "monotonic", lambda: clock[0])
    add_details(read(flight))
    Airport.objects.filter(pk="DEL").update(name="New Delhi")  # says nothing in this process
    clock[0] += 60
    late = read(flight)
    add_details(late)
    assert late.departure_airport.name == "New Delhi"
