"""Pages neither skip nor repeat a row, whatever the sort, and lead back the way they came."""

import base64
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from common.paging import KeysetPagination
from flights.models import Airplane, Airport, City, Flight

pytestmark = pytest.mark.django_db

TIES: list[tuple[str, ...]] = [
    ("departure_time", "id"),
    ("-departure_time", "-id"),
    ("departure_time", "-id"),
]
MIXED: list[tuple[str, ...]] = [
    (f"{a}price", f"{b}duration", f"{c}departure_time", f"{d}id")
    for a, b, c, d in product(("", "-"), repeat=4)
]


@pytest.fixture
def flights() -> QuerySet[Flight]:
    """67 flights with few different times, prices and durations, so that most keys are equal."""
    city = City.objects.create(name="Delhi", country="India")
    airports = [
        Airport.objects.create(code=code, name=code, city=city, time_zone="Asia/Kolkata")
        for code in ("DEL", "BOM")
    ]
    airplane = Airplane.objects.create(model_number="A320", capacity=180)
    chance = random.Random(5)  # noqa: S311
    begin = datetime(2026, 12, 1, microsecond=123456, tzinfo=UTC)
    flights = []
    for number in range(1, 68):
        departure = begin + timedelta(hours=chance.randrange(4))
        flights.append(
            Flight(
                flight_number=f"UK{number}",
                airplane=airplane,
                departure_airport=airports[0],
                arrival_airport=airports[1],
                departure_time=departure,
                arrival_time=departure + timedelta(minutes=chance.choice([90, 100, 110])),
                price=chance.choice([4000, 5000]),
                total_seats=180,
                remaining_seats=180,
            )
        )
    Flight.objects.bulk_create(flights)
    return with_duration()


def with_duration() -> QuerySet[Flight]:
    return Flight.objects.annotate(
        duration=ExpressionWrapper(
            F("arrival_time") - F("departure_time"), output_field=DurationField()
        )
    )


def page(
    rows: QuerySet[Any], ordering: tuple[str, ...], query: str = ""
) -> tuple[list[int], str | None, str | None]:
    """One page: its ids, and the queries of the next and the previous one."""
    paginator = KeysetPagination()
    request = Request(APIRequestFactory().get(f"/flights/?{query}"))
    found = paginator.paginate_queryset(rows, request, SimpleNamespace(ordering=ordering))
    links = paginator.next_link, paginator.previous_link
    following, before = (link and urlsplit(link).query for link in links)
    return [row.pk for row in found], following, before


def walk(
    rows: QuerySet[Any], ordering: tuple[str, ...], query: str, link: int
) -> Iterator[tuple[list[int], str]]:
    """Pages along `link` (1 is next, 2 is previous), each with the query it was asked by."""
    while True:
        ids, *links = page(rows, ordering, query)
        yield ids, query
        query = links[link - 1] or ""
        if not query:
            return


@pytest.mark.parametrize(
    ("ordering", "limit"),
    [*product(TIES, (1, 66, 67, 200)), *product(MIXED, (7,))],
)
def test_pages_hold_every_row_once_in_order(
    flights: QuerySet[Flight], ordering: tuple[str, ...], limit: int
) -> None:
    expected = [flight.pk for flight in flights.order_by(*ordering)]
    pages = list(walk(flights, ordering, f"limit={limit}", 1))
    assert [pk for ids, _ in pages for pk in ids] == expected
    assert len(pages) == -(-67 // limit)


@pytest.mark.parametrize(
    ("ordering", "limit"),
    [*product(TIES, (7, 66)), *product(MIXED[5:7], (1, 7))],
)
def test_previous_leads_back_over_the_same_pages_and_next_forth_again(
    flights: QuerySet[Flight], ordering: tuple[str, ...], limit: int
) -> None:
    forward = list(walk(flights, ordering, f"limit={limit}", 1))
    backward = list(walk(flights, ordering, forward[-1][1], 2))
    assert [ids for ids, _ in backward[::-1]] == [ids for ids, _ in forward]
    again = list(walk(flights, ordering, backward[-1][1], 1))
    assert [ids for ids, _ in again] == [ids for ids, _ in forward]


def test_the_first_page_has_no_previous_and_the_last_no_next(flights: QuerySet[Flight]) -> None:
    pages = [query for _, query in walk(flights, ("id",), "limit=30", 1)]
    assert page(flights, ("id",), pages[0])[2] is None
    assert page(flights, ("id",), pages[-1])[1] is None
    back_at_the_first = list(walk(flights, ("id",), pages[-1], 2))[-1][1]
    assert page(flights, ("id",), back_at_the_first)[2] is None


def test_rows_that_go_and_come_do_not_move_the_others(flights: QuerySet[Flight]) -> None:
    ordering = ("departure_time", "id")
    everything = [flight.pk for flight in flights.order_by(*ordering)]
    seen, following, _ = page(flights, ordering, "limit=10")
    Flight.objects.filter(pk__in=[seen[0], seen[-1], everything[12]]).delete()
    assert following is not None
    rest = [pk for ids, _ in walk(flights, ordering, following, 1) for pk in ids]
    assert rest == [*everything[10:12], *everything[13:]]


def test_an_empty_list_has_one_empty_page() -> None:
    assert page(Flight.objects.all(), ("id",)) == ([], None, None)


def test_other_parameters_stay_in_the_links(flights: QuerySet[Flight]) -> None:
    following = page(flights, ("id",), "limit=5&airline=UK")[1]
    assert following is not None
    asked = parse_qs(following)
    assert (asked["limit"], asked["airline"]) == (["5"], ["UK"])


def test_a_page_begins_behind_the_last_row_however_many_are_equal(
    flights: QuerySet[Flight],
) -> None:
    """The comparison of rows that lets PostgreSQL read an index from the right place."""
    following = page(flights, ("departure_time", "id"), "limit=5")[1]
    with connection.execute_wrapper(only_rows_compared):
        page(flights, ("departure_time", "id"), following or "")


def only_rows_compared(execute: Any, sql: str, params: Any, many: Any, context: Any) -> Any:
    assert '("flights_flight"."departure_time", "flights_flight"."id") > (' in sql
    return execute(sql, params, many, context)


@pytest.mark.parametrize("limit", ["0", "201", "-1", "", "ten", "1.5", "٣", "1e2", "99999999999"])
def test_a_wrong_limit_is_refused_by_name(flights: QuerySet[Flight], limit: str) -> None:
    with pytest.raises(ValidationError) as refused:
        page(flights, ("id",), f"limit={limit}")
    assert set(refused.value.get_full_details()) == {"limit"}


def cursor_of(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


KEYS = ["departure_time", "price", "flight_number", "id"]
GOOD = ["2026-12-01T00:00:00+00:00", "4000", "UK1", 1]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "%%%",
        "nonsense",
        "é",
        base64.b64encode(b"\xff\xfe").decode(),
        cursor_of("nonsense"),
        cursor_of({"d": "n", "o": KEYS}),
        cursor_of({"d": "x", "o": KEYS, "k": GOOD}),
        cursor_of({"d": "n", "o": ["id"], "k": [1]}),
        cursor_of({"d": "n", "o": KEYS, "k": GOOD[:3]}),
        cursor_of({"d": "n", "o": KEYS, "k": ["soon", *GOOD[1:]]}),
        cursor_of({"d": "n", "o": KEYS, "k": ["2026-12-01T00:00:00", *GOOD[1:]]}),
        cursor_of({"d": "n", "o": KEYS, "k": [GOOD[0], "NaN", *GOOD[2:]]}),
        cursor_of({"d": "n", "o": KEYS, "k": ["0001-01-01T00:00:00+23:59", *GOOD[1:]]}),
        cursor_of({"d": "n", "o": KEYS, "k": [GOOD[0], "1e999999", *GOOD[2:]]}),
        cursor_of({"d": "n", "o": KEYS, "k": [*GOOD[:2], "\0", 1]}),
        cursor_of({"d": "n", "o": KEYS, "k": [*GOOD[:2], "\ud800", 1]}),
        cursor_of({"d": "n", "o": KEYS, "k": [*GOOD[:3], None]}),
        cursor_of({"d": "n", "o": KEYS, "k": [*GOOD[:3], float("inf")]}),
        cursor_of({"d": "n", "o": KEYS, "k": [*GOOD[:3], {}]}),
        base64.b64encode(b"[" * 5000).decode(),
    ],
)
def test_a_cursor_that_we_did_not_make_is_refused_by_name(
    flights: QuerySet[Flight], cursor: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        page(flights, tuple(KEYS), f"cursor={cursor}")
    assert set(refused.value.get_full_details()) == {"cursor"}


@pytest.mark.parametrize("key", [10**30, -(10**30)])
def test_a_cursor_beyond_all_ids_is_an_empty_or_a_full_page(
    flights: QuerySet[Flight], key: int
) -> None:
    ids = page(flights, ("id",), f"cursor={cursor_of({'d': 'n', 'o': ['id'], 'k': [key]})}")[0]
    assert len(ids) == (0 if key > 0 else 50)
