"""How often one may ask: by user, address and cost class, counted in Redis for all processes."""

import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.models import User
from booking_project import urls
from common import throttles
from common.checks import check_environment
from common.errors import ServiceUnavailable
from common.throttles import Counters, LoginThrottle, PayThrottle, Rate, address_of, login_wait
from stack.program import free_port
from tests.threads import run_at_once, wait_until

LIMITS = {"search": "3/h", "create": "2/h", "pay": "1/h", "login": "4/h", "login_name": "2/h"}
SEARCH, SHOP, PAY, LOGIN = "/api/v1/airports/", "/api/v1/shop/", "/api/v1/pay/", "/api/v1/door/"


class Shop(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response({})

    post = get


class Till(Shop):
    throttle_classes = [PayThrottle]


class Door(Shop):
    authentication_classes = []
    throttle_classes = [LoginThrottle]


urlpatterns = [
    path("api/v1/shop/", Shop.as_view()),
    path("api/v1/pay/", Till.as_view()),
    path("api/v1/door/", Door.as_view()),
    *urls.urlpatterns,
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def redis_url(settings: Any) -> Iterator[str]:
    """Throttles on, with small rates, and a database of Redis to ourselves."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    settings.REDIS_URL = f"{settings.REDIS_URL.rpartition('/')[0]}/{worker % 14 + 1}"
    settings.THROTTLES, settings.THROTTLE_RATES = True, LIMITS
    throttles.counters.cache_clear()
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    yield settings.REDIS_URL
    client.flushdb()
    client.close()
    throttles.counters().client.close()
    throttles.counters.cache_clear()


@pytest.fixture
def redis_gone(redis_url: str, settings: Any) -> Counters:
    """Nobody listens where Redis was."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    throttles.counters.cache_clear()
    return throttles.counters()


def statuses(client: Client, method: str, path: str, times: int, **more: Any) -> list[int]:
    return [client.generic(method, path, **more).status_code for _ in range(times)]


def log_in(
    name: str, times: int = 1, address: str = "192.0.2.1", field: str = "username"
) -> list[int]:
    """Try so often; the answers' statuses."""
    body = {field: name, "password": "x"}
    return [
        Client(REMOTE_ADDR=address).post(LOGIN, body, content_type="application/json").status_code
        for _ in range(times)
    ]


# --- Counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("60/min", Rate(60, 60)),
        ("1/s", Rate(1, 1)),
        ("10/15min", Rate(10, 900)),
        ("5/2h", Rate(5, 7200)),
        ("1000/d", Rate(1000, 86400)),
    ],
)
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "60", "0/min", "60/", "60/month", "-1/s", "1/0s", "60 / min"])
def test_no_rate_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        Rate.parse(text)


def test_a_bucket_holds_as_many_as_its_rate_says_and_then_says_how_long_to_wait(
    redis_url: str,
) -> None:
    buckets = {"a": Rate(3, 3600)}
    assert [Counters(redis_url).spend(buckets) for _ in range(3)] == [0, 0, 0]
    assert 1199 < Counters(redis_url).spend(buckets) <= 1200


def test_a_bucket_fills_again(redis_url: str) -> None:
    counters, buckets = Counters(redis_url), {"a": Rate(5, 1)}
    while not counters.spend(buckets):
        pass
    wait_until(lambda: counters.spend(buckets) == 0)
    assert 0 < counters.spend(buckets) <= 0.2


def test_a_full_bucket_is_forgotten(redis_url: str) -> None:
    Counters(redis_url).spend({"a": Rate(10, 1)})
    client = redis.Redis.from_url(redis_url)
    assert 0 < client.pttl("throttle:a") <= 100
    client.close()


def test_who_finds_one_bucket_empty_is_counted_in_none(redis_url: str) -> None:
    counters, small, large = Counters(redis_url), {"small": Rate(1, 3600)}, {"large": Rate(2, 3600)}
    assert counters.spend(small | large) == 0
    assert counters.spend(small | large) > 0
    assert counters.spend(large) == 0
    assert counters.spend(large) > 0


def test_processes_that_ask_at_once_get_no_more_than_the_rate(redis_url: str) -> None:
    def one_process() -> int:
        counters = Counters(redis_url)
        return sum(counters.spend({"a": Rate(50, 3600)}) == 0 for _ in range(20))

    assert sum(run_at_once(*[one_process] * 8)) == 50


def test_counting_is_one_round_trip(redis_url: str) -> None:
    counters, buckets = Counters(redis_url), {"a": Rate(5, 3600), "b": Rate(5, 3600)}
    counters.spend(buckets)  # brings the script
    with redis.Redis.from_url(redis_url) as client, client.monitor() as monitor:
        counters.spend(buckets)
        counters.client.echo("over")
        commands = []
        for seen in monitor.listen():
            if seen["db"] == client.get_connection_kwargs()["db"]:
                commands.append(seen["command"].split()[0])
            if commands[-1:] == ["ECHO"]:
                break
    # Those that the script itself runs are not sent.
    assert [name for name in commands if name not in ("TIME", "GET", "SET")] == ["EVALSHA", "ECHO"]


# --- Whom ----------------------------------------------------------------------------------------


def test_one_who_asks_too_often_is_told_when_to_come_back(client: Client) -> None:
    assert statuses(client, "GET", SEARCH, 3) == [200] * 3
    answer = client.get(SEARCH)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 1200


def test_retry_after_is_never_below_a_second(client: Client, settings: Any) -> None:
    settings.THROTTLE_RATES = {**LIMITS, "search": "50/s"}
    answers = (client.get("/api/v1/shop/") for _ in range(10_000))
    throttled = next(answer for answer in answers if answer.status_code == 429)
    assert throttled.headers["Retry-After"] == "1"


def test_each_cost_class_has_its_own_buckets(client: Client) -> None:
    assert statuses(client, "POST", SHOP, 3) == [200, 200, 429]
    assert statuses(client, "POST", PAY, 2) == [200, 429]
    assert statuses(client, "GET", SHOP, 4) == [200, 200, 200, 429]


def test_users_behind_one_address_are_told_apart(client: Client) -> None:
    for name in ("asha", "ben"):
        client.force_login(User.objects.create_user(name))
        assert statuses(client, "GET", SHOP, 4) == [200, 200, 200, 429]


def test_one_user_at_many_addresses_is_one_user() -> None:
    user, answers = User.objects.create_user("asha"), []
    for number in range(4):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        client.force_login(user)
        answers += statuses(client, "GET", SHOP, 1)
    assert answers == [200, 200, 200, 429]


def test_many_users_of_one_address_share_ten_peoples_rate(client: Client) -> None:
    answers = []
    for number in range(11):
        client.force_login(User.objects.create_user(f"user{number}"))
        answers += statuses(client, "GET", SHOP, 3)
    assert answers == [200] * 30 + [429] * 3


def test_strangers_are_told_apart_by_address() -> None:
    for number in (1, 2):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        assert statuses(client, "GET", SHOP, 4) == [200, 200, 200, 429]


def test_our_own_services_are_never_slowed_down(client: Client) -> None:
    headers = {"Authorization": "Service tests-service-secret"}
    assert statuses(client, "GET", SHOP, 10, headers=headers) == [200] * 10


def test_switched_off_nobody_is_counted(client: Client, settings: Any) -> None:
    settings.THROTTLES = False
    assert statuses(client, "GET", SEARCH, 10) == [200] * 10
    assert log_in("asha", 10) == [200] * 10


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "192.0.2.9"),
        (0, "198.51.100.1", "192.0.2.9"),
        (1, None, "192.0.2.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "forged, 198.51.100.1", "198.51.100.1"),
        (2, "forged, 198.51.100.1, 203.0.113.1", "198.51.100.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        (1, "x" * 5000, "x" * 64),
        (1, "", ""),
    ],
)
def test_an_address_is_believed_from_our_own_proxies_only(
    settings: Any, proxies: int, forwarded: str | None, address: str
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = APIRequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.9")
    assert address_of(request) == address


def test_without_proxies_nobody_gets_round_by_naming_another_address(client: Client) -> None:
    answers = [
        client.get(SHOP, headers={"X-Forwarded-For": f"198.51.100.{number}"}).status_code
        for number in range(4)
    ]
    assert answers == [200, 200, 200, 429]


# --- Logging in ----------------------------------------------------------------------------------


def test_one_name_is_tried_a_few_times_whoever_tries() -> None:
    assert log_in("asha", 2, "192.0.2.1") == [200, 200]
    assert log_in("asha", 1, "192.0.2.2") == [429]
    assert log_in("ben", 1, "192.0.2.2") == [200]


def test_one_address_tries_a_few_names() -> None:
    assert [log_in(f"name{number}")[0] for number in range(5)] == [200] * 4 + [429]


@pytest.mark.parametrize("name", ["ASHA", " asha ", "\uff21sha", "Asha"])
def test_a_name_is_one_however_it_is_written(name: str) -> None:
    assert log_in("asha", 2) + log_in(name) == [200, 200, 429]


def test_an_email_address_is_a_name_too() -> None:
    assert log_in("a@example.com", 3, field="email") == [200, 200, 429]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"username": 1}', b'{"username": ""}'])
def test_a_body_without_a_name_counts_for_its_address(client: Client, body: bytes) -> None:
    more = {"data": body, "content_type": "application/json"}
    assert statuses(client, "POST", LOGIN, 5, **more) == [200] * 4 + [429]


def test_half_a_character_is_part_of_a_name(client: Client) -> None:
    more = {"data": b'{"username": "\\ud800"}', "content_type": "application/json"}
    assert statuses(client, "POST", LOGIN, 3, **more) == [200, 200, 429]


def test_a_body_that_is_not_json_is_a_parse_error(client: Client) -> None:
    answer = client.post(LOGIN, b"{", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_names_can_not_be_read_in_redis(redis_url: str) -> None:
    log_in("asha")
    client = redis.Redis.from_url(redis_url)
    keys = [str(key) for key in client.keys("throttle:login:*")]
    client.close()
    assert len(keys) == 2
    assert not [key for key in keys if "asha" in key]


def test_other_doors_can_count_with_us() -> None:
    assert [login_wait("asha", "192.0.2.1") for _ in range(2)] == [0, 0]
    assert 1 <= login_wait("asha", "192.0.2.1") <= 1800


# --- Without Redis -------------------------------------------------------------------------------


def test_without_redis_one_searches_books_and_pays(client: Client, redis_gone: Counters) -> None:
    for method, where in (("GET", SEARCH), ("POST", SHOP), ("POST", PAY)):
        assert statuses(client, method, where, 5) == [200] * 5


def test_without_redis_nobody_logs_in(client: Client, redis_gone: Counters) -> None:
    answer = client.post(LOGIN, {"username": "asha"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    with pytest.raises(ServiceUnavailable):
        login_wait("asha", "192.0.2.1")


def test_a_redis_that_is_gone_is_not_asked_each_time(
    redis_gone: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    count = redis_gone._count

    def counting(**kwargs: Any) -> Any:
        asked.append(1)
        return count(**kwargs)

    monkeypatch.setattr(redis_gone, "_count", counting)
    for _ in range(50):
        with pytest.raises(throttles.NotCounted):
            redis_gone.spend({"a": Rate(1, 1)})
    assert len(asked) == redis_gone.breaker.failures_to_open


def test_a_redis_that_is_silent_costs_a_moment_only(settings: Any, client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        throttles.counters.cache_clear()
        assert statuses(client, "GET", SHOP, 3) == [200] * 3
        assert not throttles.counters().breaker.allows()


def test_counting_goes_on_when_redis_is_back(redis_url: str) -> None:
    counters, buckets = Counters(redis_url), {"a": Rate(1, 3600)}
    counters.breaker.open_seconds = 0.05
    for _ in range(counters.breaker.failures_to_open):
        counters.breaker.failed()
    with pytest.raises(throttles.NotCounted):
        counters.spend(buckets)
    wait_until(lambda: time.monotonic() > counters.breaker._next_trial)
    assert counters.spend(buckets) == 0
    assert counters.spend(buckets) > 0


def test_a_connection_that_redis_closed_is_made_again(redis_url: str) -> None:
    counters = Counters(redis_url)
    counters.spend({"a": Rate(9, 3600)})
    client = redis.Redis.from_url(redis_url)
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    client.script_flush()
    client.close()
    assert counters.spend({"a": Rate(9, 3600)}) == 0


# --- Settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rates", [{"search": "fast"}, {"find": "1/s"}, {"login": "0/min"}, {"pay": ""}]
)
def test_rates_that_are_none_stop_the_start(settings: Any, rates: dict[str, str]) -> None:
    settings.THROTTLE_RATES = {**LIMITS, **rates}
    assert [error.id for error in check_environment()] == ["common.E006"]
