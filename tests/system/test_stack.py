"""The whole local stack as processes: what it serves, and that nothing of it is left behind."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from stack.harness import LocalStack
from stack.processes import NAMES
from tests.stack.processes import is_alive

pytestmark = pytest.mark.system


def pid(stack: LocalStack, name: str) -> int:
    return int((stack.data_dir / f"{name}.pid").read_text())


def new_pid(stack: LocalStack, name: str, old: int) -> int:
    """The process id after the stack has started a process again."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if (new := pid(stack, name)) != old:
                return new
        except (OSError, ValueError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{name} was not started again:\n{stack.logs()}")


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(  # noqa: S603
        ["ps", "-o", "pid=", "--ppid", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    children = [int(word) for word in listed]
    return children + [far for child in children for far in descendants(child)]


def test_the_site_serves_every_service_and_the_others_their_own(stack):
    assert stack.anonymous().get("/readyz").body["services"] == ["flights", "bookings", "payments"]
    assert stack.service("flights").get("/readyz").body["services"] == ["flights"]
    assert stack.service("payments").get("/readyz").body["services"] == ["payments"]


def test_demo_accounts_log_in_and_flight_1_exists(stack):
    traveller = stack.login("traveller")
    assert traveller.get("flights/1/").body["id"] == 1
    assert stack.login("admin").get("bookings/").status == 200


def test_a_second_terminal_finds_the_stack(stack):
    run = stack.manage("check", "--database", "default")
    assert run.returncode == 0, run.stderr


def test_a_stopped_service_is_down_until_it_is_started(stack):
    stack.stop("flights")
    with pytest.raises(ConnectionRefusedError):
        stack.service("flights").get("/healthz")
    stack.start("flights")
    assert stack.service("flights").get("/healthz").status == 200


@pytest.mark.parametrize("name", [*NAMES, "database", "broker"])
def test_a_process_that_is_killed_comes_back(stack, name):
    old = pid(stack, name)
    stack.kill(name)
    assert is_alive(new_pid(stack, name, old))
    for service in ("bookings", "flights", "payments"):
        stack.wait_ready(service)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a parent's end")
def test_nothing_outlives_a_stack_that_was_killed():
    with LocalStack() as stack:
        process = stack._process
        assert process
        everything = descendants(process.pid)
        assert len(everything) > len(NAMES) + 2
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while (left := list(filter(is_alive, everything))) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []
        with (stack.data_dir / "children.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
