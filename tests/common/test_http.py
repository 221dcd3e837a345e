"""Calls to other services, against a real server: what is sent, tried again, raised, spared."""

import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from urllib3.util import connection as urllib3_connection

from common import request_id
from common.errors import ServiceUnavailable
from common.http import ServiceSession, longest_call
from tests.common.server import HANG_UP, SILENCE, Answer, LittleServer
from tests.threads import run_at_once


class Unavailable(ServiceUnavailable):
    code = "little_server_unavailable"


@pytest.fixture
def server() -> Iterator[LittleServer]:
    server = LittleServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def service(server: LittleServer) -> Iterator[ServiceSession]:
    session = ServiceSession(server.url + "/", read_timeout=5, unavailable=Unavailable)
    yield session
    session.adapter.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Mock:
    clock = Mock(return_value=1000.0)
    monkeypatch.setattr("common.breaker.time", Mock(monotonic=clock))
    return clock


def problem(status: int) -> Answer:
    return Answer(status, json.dumps({"code": "x"}).encode())


def test_status_and_object_of_the_answer_are_returned(
    server: LittleServer, service: ServiceSession
) -> None:
    server.will(Answer(201, b'{"id": 7}'))
    assert service.call("POST", "/things/", json={"a": 1}) == (201, {"id": 7})
    assert [(one.method, one.path, one.body) for one in server.asked] == [
        ("POST", "/things/", {"a": 1})
    ]


def test_no_content_is_an_empty_object(server: LittleServer, service: ServiceSession) -> None:
    server.will(Answer(204, b""))
    assert service.call("DELETE", "/things/1/") == (204, {})


@pytest.mark.parametrize("status", [400, 401, 402, 404, 409, 422, 429])
def test_a_refusal_is_returned_and_not_tried_again(
    server: LittleServer, service: ServiceSession, status: int
) -> None:
    server.will(problem(status))
    assert service.call("POST", "/") == (status, {"code": "x"})
    assert len(server.asked) == 1


def test_secret_and_request_id_are_sent(
    server: LittleServer, service: ServiceSession, settings: Any
) -> None:
    settings.SERVICE_SECRETS = ["first-secret", "second-secret"]
    token = request_id._current.set("mine")
    try:
        service.call("POST", "/", json={}, headers={"Idempotency-Key": "k"})
    finally:
        request_id._current.reset(token)
    sent = server.asked[0].headers
    assert sent["Authorization"] == "Service first-secret"
    assert sent["X-Request-ID"] == "mine"
    assert sent["Accept"] == "application/json"
    assert sent["Idempotency-Key"] == "k"


def test_neither_proxy_nor_netrc_of_the_environment_is_used(
    server: LittleServer, service: ServiceSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    service.call("GET", "/")
    assert server.asked[0].headers["Authorization"].startswith("Service ")


@pytest.mark.parametrize("trouble", [problem(500), problem(502), problem(504), HANG_UP])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_may_have_been_an_accident_is_tried_once_more(
    server: LittleServer, service: ServiceSession, trouble: Answer | str, method: str
) -> None:
    server.will(trouble)
    assert service.call(method, "/", json={"a": 1}) == (200, {"ok": True})
    assert [one.body for one in server.asked] == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize("trouble", [problem(500), problem(502), problem(504), HANG_UP])
def test_the_second_try_is_the_last(
    server: LittleServer, service: ServiceSession, trouble: Answer | str
) -> None:
    server.will(trouble, trouble, trouble)
    with pytest.raises(Unavailable):
        service.call("POST", "/")
    assert len(server.asked) == 2


def test_tries_of_different_trouble_are_counted_together(
    server: LittleServer, service: ServiceSession
) -> None:
    server.will(HANG_UP, problem(500))
    with pytest.raises(Unavailable):
        service.call("POST", "/")
    assert len(server.asked) == 2


def test_an_overloaded_service_is_not_asked_again(
    server: LittleServer, service: ServiceSession
) -> None:
    server.will(Answer(503, b"{}", {"Retry-After": "1"}))
    with pytest.raises(Unavailable):
        service.call("POST", "/")
    assert len(server.asked) == 1


def test_a_read_that_takes_too_long_is_not_tried_again(
    server: LittleServer, service: ServiceSession
) -> None:
    server.will(SILENCE)
    service.timeout = (1, 0.1)
    with pytest.raises(Unavailable):
        service.call("POST", "/")
    assert len(server.asked) == 1


def test_a_kept_connection_that_the_service_closed_is_replaced(
    server: LittleServer, service: ServiceSession
) -> None:
    server.will(Answer(), HANG_UP)
    service.call("POST", "/first/")
    assert service.call("POST", "/second/") == (200, {"ok": True})
    asked = [(one.path, one.connection) for one in server.asked]
    assert asked == [("/first/", 1), ("/second/", 1), ("/second/", 2)]


def test_a_connection_is_kept_for_the_next_call(
    server: LittleServer, service: ServiceSession
) -> None:
    for _ in range(3):
        service.call("GET", "/")
    assert {one.connection for one in server.asked} == {1}


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What becomes of each try to connect: those that stand here come first."""
    plan: list[str] = []
    connect = urllib3_connection.create_connection

    def planned(*args: Any, **kwargs: Any) -> socket.socket:
        if plan and plan.pop(0) == "refused":
            raise ConnectionRefusedError
        return connect(*args, **kwargs)

    monkeypatch.setattr(urllib3_connection, "create_connection", planned)
    return plan


def test_a_refused_connection_is_tried_once_more(
    server: LittleServer, service: ServiceSession, connects: list[str]
) -> None:
    connects.append("refused")
    assert service.call("POST", "/")[0] == 200
    assert len(server.asked) == 1


def test_a_connection_refused_twice_is_given_up(
    server: LittleServer, service: ServiceSession, connects: list[str]
) -> None:
    connects.extend(["refused", "refused", "refused"])
    with pytest.raises(Unavailable):
        service.call("POST", "/")
    assert connects == ["refused"]
    assert server.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    server: LittleServer, service: ServiceSession, status: int
) -> None:
    server.will(Answer(status, b"{}", {"Location": server.url + "/elsewhere/"}))
    with pytest.raises(Unavailable):
        service.call("GET", "/")
    assert [one.path for one in server.asked] == ["/"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>It works!</html>",
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b'{"a":',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
    ids=lambda body: body[:8].decode(errors="replace"),
)
@pytest.mark.parametrize("status", [200, 201, 404, 409])
def test_an_answer_that_is_no_object_is_none(
    server: LittleServer, service: ServiceSession, body: bytes, status: int
) -> None:
    server.will(Answer(status, body))
    with pytest.raises(Unavailable):
        service.call("GET", "/")
    assert len(server.asked) == 1


def test_an_answer_that_breaks_off_is_none(server: LittleServer, service: ServiceSession) -> None:
    server.will(Answer(200, b'{"ok": tr', {"Content-Length": "100", "Connection": "close"}))
    with pytest.raises(Unavailable):
        service.call("GET", "/")


def fail(service: ServiceSession, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable):
            service.call("GET", "/")


def test_after_five_failures_in_a_row_nothing_is_sent(
    server: LittleServer, service: ServiceSession, clock: Mock
) -> None:
    server.will(*[problem(503)] * 5)
    fail(service, 4)
    assert service.breaker.allows()
    fail(service, 3)
    assert len(server.asked) == 5


@pytest.mark.parametrize("trouble", ["refused", "502"])
def test_refused_connections_and_lost_backends_count_as_failures(
    server: LittleServer, service: ServiceSession, clock: Mock, connects: list[str], trouble: str
) -> None:
    if trouble == "refused":
        connects.extend(["refused"] * 10)
    else:
        server.will(*[problem(502)] * 10)
    fail(service, 5)
    sent = len(server.asked)
    fail(service, 1)
    assert connects == []
    assert len(server.asked) == sent


@pytest.mark.parametrize("answer", [problem(500), problem(404), Answer(200, b"<html>")])
def test_one_broken_request_is_no_service_that_is_down(
    server: LittleServer, service: ServiceSession, clock: Mock, answer: Answer
) -> None:
    server.will(*[problem(503)] * 4, answer, answer, *[problem(503)] * 4)
    fail(service, 4)
    if answer.status == 404:
        service.call("GET", "/")
        service.call("GET", "/")
    else:
        fail(service, 1 if answer.status == 500 else 2)
    fail(service, 4)
    assert len(server.asked) == 10


def test_while_it_is_down_one_call_tries_and_its_success_lets_all_through(
    server: LittleServer, service: ServiceSession, clock: Mock
) -> None:
    server.will(*[problem(503)] * 6)
    fail(service, 5)
    clock.return_value += 2
    fail(service, 3)
    assert len(server.asked) == 6
    clock.return_value += 2
    for _ in range(3):
        service.call("GET", "/")
    assert len(server.asked) == 9


def test_threads_share_a_session(server: LittleServer, service: ServiceSession) -> None:
    def call(number: int) -> list[tuple[int, dict[str, Any]]]:
        return [service.call("POST", f"/{number}/", json={"n": number}) for _ in range(10)]

    works: list[Callable[[], Any]] = [partial(call, number) for number in range(8)]
    assert run_at_once(*works) == [[(200, {"ok": True})] * 10] * 8
    assert len(server.asked) == 80
    assert all(one.path == f"/{one.body['n']}/" for one in server.asked)


def test_two_threads_do_not_wait_for_each_other(
    server: LittleServer, service: ServiceSession
) -> None:
    server.will(SILENCE)
    service.timeout = (1, 0.5)

    def call() -> bool:
        try:
            return service.call("GET", "/")[0] == 200
        except Unavailable:
            return False

    assert sorted(run_at_once(call, call), key=str) == [False, True]


def test_the_longest_call_is_two_connects_and_two_reads(settings: Any) -> None:
    settings.SERVICE_CONNECT_TIMEOUT = 1.5
    assert longest_call(5) == 13
