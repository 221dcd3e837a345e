"""The pools that the stack puts before its database."""

import configparser
from pathlib import Path

import pytest

from stack.pgbouncer import POOLS, PgBouncer
from stack.program import StackError


def pools(folder: Path) -> PgBouncer:
    url = "postgresql://seathold:o'clock@127.0.0.1:5433/seathold"
    return PgBouncer(folder / "pgbouncer", database_url=url, password="secret")


@pytest.fixture
def binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    binary = tmp_path / "pgbouncer"
    binary.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return binary


@pytest.mark.usefixtures("binary")
def test_each_service_has_a_pool_of_the_same_database(tmp_path: Path) -> None:
    made = pools(tmp_path / "data")
    made.prepare()
    written = configparser.ConfigParser(interpolation=None)
    written.read(made.directory / "pgbouncer.ini")
    assert set(written["databases"]) == set(POOLS)
    assert written["databases"]["flights"] == (
        "user='seathold' password='o''clock' dbname='seathold' host='127.0.0.1' port='5433'"
        " pool_size=8"
    )
    assert written["pgbouncer"]["pool_mode"] == "transaction"
    assert made.url_of("flights").endswith(f"@127.0.0.1:{made.port}/flights")


@pytest.mark.usefixtures("binary")
def test_nobody_else_can_read_its_passwords(tmp_path: Path) -> None:
    made = pools(tmp_path / "data")
    made.prepare()
    for name in ("pgbouncer.ini", "users.txt"):
        assert (made.directory / name).stat().st_mode & 0o077 == 0


def test_without_the_program_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.pgbouncer.shutil.which", lambda *names, **more: None)
    with pytest.raises(StackError, match="PgBouncer is missing"):
        pools(tmp_path).prepare()
