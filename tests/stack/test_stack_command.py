"""`manage.py stack` as a person meets it. With `--only servers`, to need no other part."""

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest

from stack.datadir import DataDir, parse_env
from stack.harness import NOT_INHERITED
from stack.program import StackError

ROOT = Path(__file__).resolve().parents[2]


def environment(data_dir: Path, **variables: object) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    return inherited | {"DATA_DIR": str(data_dir)} | {k: str(v) for k, v in variables.items()}


def refused(data_dir: Path, *options: str, **variables: object) -> str:
    """Run a stack that must not start; what it says."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "manage.py", "stack", *options],
        cwd=ROOT,
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    return run.stderr


@contextmanager
def servers(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "stack", "--only", "servers"],
        cwd=ROOT,
        env=environment(data_dir),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("Starting")
            assert process.stdout.readline().startswith("Ready")
            yield process
        finally:
            process.terminate()


def stack_env(data_dir: Path) -> dict[str, str]:
    return parse_env((data_dir / "stack.env").read_text())


def anything_left(data_dir: Path) -> bool:
    with (data_dir / "children.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("variable", ["PORT", "FLIGHTS_PORT", "PAYMENTS_PORT"])
def test_a_port_in_use_is_one_sentence(tmp_path, variable):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        others = {"PORT": 65001, "FLIGHTS_PORT": 65002, "PAYMENTS_PORT": 65003}
        said = refused(tmp_path, **(others | {variable: port}))
    assert said == f"Port {port} is in use: stop what runs there, or set {variable}.\n"


def test_a_port_that_is_no_number_is_one_sentence(tmp_path):
    assert refused(tmp_path, PORT="http") == "PORT is no port number: 'http'\n"


def test_two_services_on_one_port_is_one_sentence(tmp_path):
    assert "three different ports" in refused(tmp_path, PORT=65001, FLIGHTS_PORT=65001)


def test_a_data_dir_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    said = refused(tmp_path / "file" / "data", "--only", "servers")
    assert said == f"The stack can't run: Not a directory: {tmp_path}/file/data.\n"


def test_a_missing_binary_is_one_sentence(tmp_path):
    said = refused(tmp_path, "--only", "servers", POSTGRES_BIN_DIR="/nowhere")
    assert said == "POSTGRES_BIN_DIR has no initdb: /nowhere\n"


def test_a_given_database_that_does_not_answer_is_one_sentence(tmp_path):
    url = "postgresql://nobody:nothing@127.0.0.1:1/none"
    said = refused(tmp_path, "--only", "servers", DATABASE_URL=url)
    assert said.startswith("The database of DATABASE_URL does not answer: ")
    assert said.count("\n") == 1


def test_a_second_stack_in_the_same_folder_is_refused(tmp_path):
    with servers(tmp_path):
        said = refused(tmp_path, "--only", "servers")
    assert said == f"A stack already runs in {tmp_path}: stop it, or set DATA_DIR.\n"


def test_secrets_are_for_their_owner_alone(tmp_path):
    data = tmp_path / "data"
    with servers(data):
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in [data, *data.glob("*.env")]
        }
    assert modes == {"data": 0o700, "stack.env": 0o600, "secrets.env": 0o600}


def test_the_next_start_finds_data_and_secrets_again(tmp_path):
    with servers(tmp_path):
        first = stack_env(tmp_path)
        with psycopg2.connect(first["DATABASE_URL"]) as connection:
            connection.cursor().execute("CREATE TABLE kept ()")
        connection.close()
    assert not (tmp_path / "stack.env").exists()
    with servers(tmp_path):
        second = stack_env(tmp_path)
        with psycopg2.connect(second["DATABASE_URL"]) as connection:
            connection.cursor().execute("SELECT * FROM kept")
        connection.close()
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert first["SERVICE_SECRETS"] == second["SERVICE_SECRETS"]


def test_one_interrupt_stops_everything_in_peace(tmp_path):
    with servers(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not anything_left(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a parent's end")
def test_nothing_outlives_a_killed_stack_and_the_next_one_starts(tmp_path):
    with servers(tmp_path) as process:
        process.kill()
    deadline = time.monotonic() + 20
    while anything_left(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not anything_left(tmp_path)
    with servers(tmp_path) as process:
        assert process.poll() is None


def test_a_full_disk_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * 2**20))
    with pytest.raises(StackError, match="has 3 MiB left, and the stack needs 150"):
        DataDir(tmp_path).claim()
