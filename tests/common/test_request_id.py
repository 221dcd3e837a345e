"""One id follows a request through answers, logs, other services and tasks."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.test import Client

from booking_project import celery_app
from common import request_id
from common.request_id import current_request_id
from tests.threads import wait_until

GOOD = ["a", "0", "A-b_c.9", "x" * 100, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]
BAD = [
    "",
    "-",
    ".",
    "x" * 101,
    "a b",
    "a,b",
    "é",
    "a\n",
    "a\r\nSet-Cookie: id=1",
    "a\0",
    "<b>",
    "\u0661",
]


@pytest.fixture(autouse=True)
def no_request() -> Iterator[None]:
    """As it is before the first request; and nothing stays for the next test."""
    token = request_id._current.set("-")
    yield
    request_id._current.reset(token)


@pytest.mark.parametrize("sent", GOOD)
def test_a_well_formed_id_is_taken_and_returned(client: Client, sent: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent


@pytest.mark.parametrize("sent", BAD)
def test_another_id_is_replaced_by_one_of_ours(client: Client, sent: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": sent})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert "Set-Cookie" not in answer.headers


def test_requests_without_an_id_get_different_ones(client: Client) -> None:
    ids = {client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_errors_carry_the_id_in_header_and_body(client: Client) -> None:
    answer = client.get("/nowhere", headers={"X-Request-ID": "mine"})
    assert answer.headers["X-Request-ID"] == answer.json()["requestId"] == "mine"


class Worker:
    """A real worker in a thread, on a broker in memory, with a task that tells its request id."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.app = Celery("tests", broker="memory://", set_as_current=False)
        self.app.conf.update(worker_hijack_root_logger=False, worker_redirect_stdouts=False)

        @self.app.task(name="tests.look", bind=True, shared=False)
        def look(task: Any, again: bool = False) -> None:
            self.seen.append(current_request_id())
            if again and len(self.seen) == 1:
                raise task.retry(countdown=0)

    def ids_seen(self, count: int) -> list[str]:
        wait_until(lambda: len(self.seen) == count)
        return self.seen


@pytest.fixture(scope="module")
def running() -> Iterator[Worker]:
    worker = Worker()
    try:
        with start_worker(worker.app, perform_ping_check=False, shutdown_timeout=30):
            yield worker
    finally:
        celery_app.set_current()  # the worker made its own app everybody's
        celery_app.set_default()


@pytest.fixture
def worker(running: Worker) -> Worker:
    running.seen.clear()
    return running


def test_a_task_works_under_the_id_of_the_request_that_sent_it(worker: Worker) -> None:
    request_id.start("mine")
    worker.app.send_task("tests.look", kwargs={"again": True})
    assert worker.ids_seen(2) == ["mine", "mine"]


def test_tasks_that_no_request_sent_get_ids_of_their_own(worker: Worker) -> None:
    worker.app.send_task("tests.look")
    worker.app.send_task("tests.look")
    seen = worker.ids_seen(2)
    assert len(set(seen)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in seen)
