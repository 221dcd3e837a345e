import io
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from stack import supervisor as supervisor_module
from stack.program import Program, StackError
from stack.supervisor import StopRequested, Supervisor
from tests.stack.processes import is_alive

NAMES = ["one", "longname"]


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path, out, monkeypatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor_module, "BACKOFF_SECONDS", 0.01)
    with Supervisor(names=NAMES, pid_dir=tmp_path, out=out) as running:
        yield running


def python(code: str, name: str = "one") -> Program:
    return Program(name=name, argv=[sys.executable, "-uc", code])


def sleeper(name: str = "one") -> Program:
    return python("import time; print('up'); time.sleep(60)", name)


def wait_for(supervisor: Supervisor, out: io.StringIO, text: str) -> None:
    supervisor.wait_for(lambda: text in out.getvalue(), seconds=20, what=text)


def test_each_line_stands_behind_its_padded_name(supervisor, out):
    supervisor.run_once(python("print('a'); print('b', end='')"))
    assert out.getvalue() == "one      | a\none      | b\n"


def test_a_program_that_fails_is_an_error(supervisor):
    with pytest.raises(StackError, match="`one` failed"):
        supervisor.run_once(python("raise SystemExit(3)"))


def test_a_program_that_dies_is_started_again_and_says_so(supervisor, out, tmp_path):
    supervisor.start(sleeper())
    wait_for(supervisor, out, "up")
    first = int((tmp_path / "one.pid").read_text())
    supervisor.kill("one")
    wait_for(supervisor, out, "ended (SIGKILL), starts again")
    supervisor.wait_for((tmp_path / "one.pid").exists, seconds=20, what="restart")
    assert int((tmp_path / "one.pid").read_text()) != first


def test_quick_deaths_before_the_stack_is_ready_end_it(supervisor):
    supervisor.start(python("raise SystemExit(3)"))
    with pytest.raises(StackError, match="one ended 5 times right after its start"):
        supervisor.wait_for(lambda: False, seconds=20, what="never")


def test_quick_deaths_later_do_not(supervisor, out):
    supervisor.settled = True
    supervisor.start(python("raise SystemExit(3)"))
    supervisor.wait_for(
        lambda: supervisor.children["one"].quick_deaths > 5, seconds=20, what="deaths"
    )


def test_a_stopped_program_stays_down_until_it_is_started(supervisor, out, tmp_path):
    supervisor.start(sleeper())
    wait_for(supervisor, out, "up")
    supervisor.stop("one")
    for _ in range(5):
        supervisor.pump(0.02)
    assert not (tmp_path / "one.pid").exists()
    supervisor.restart("one")
    assert supervisor.children["one"].pid


def test_a_name_that_is_not_there_is_an_error_with_those_that_are(supervisor):
    supervisor.start(sleeper("longname"))
    with pytest.raises(StackError, match="no 'two'; there are longname"):
        supervisor.stop("two")


def test_a_program_that_ignores_its_signal_is_killed_after_a_while(supervisor, out, monkeypatch):
    monkeypatch.setattr(supervisor_module, "STOP_SECONDS", 0.3)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"
    supervisor.start(python(deaf))
    wait_for(supervisor, out, "up")
    started = time.monotonic()
    supervisor.stop("one")
    assert time.monotonic() - started < 10
    assert "does not end, is killed" in out.getvalue()


def test_what_a_program_started_goes_with_it(supervisor, out):
    supervisor.start(
        python(
            "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid); time.sleep(60)"
        )
    )
    wait_for(supervisor, out, "\n")
    grandchild = int(out.getvalue().split("|")[1])
    supervisor.stop("one")
    supervisor.wait_for(lambda: not is_alive(grandchild), seconds=5, what="end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_the_loop_and_then_everything(tmp_path, out, number):
    with Supervisor(names=NAMES, pid_dir=tmp_path, out=out) as supervisor:
        pid = supervisor.start(sleeper()).pid
        wait_for(supervisor, out, "up")
        os.kill(os.getpid(), number)
        with pytest.raises(StopRequested):
            supervisor.serve()
    assert pid
    assert not is_alive(pid)
    assert list(tmp_path.glob("*.pid")) == []
