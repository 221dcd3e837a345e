"""Each service as the only one of its process, on a database of its own."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2 import sql

from stack.processes import ALL_SERVICES, answers, manage, web_server
from stack.program import end, free_port, spawn

pytestmark = pytest.mark.system


@pytest.fixture
def database(service: str) -> Iterator[str]:
    """The address of an empty database that is dropped afterwards."""
    base, _, _ = os.environ["TEST_DATABASE_URL"].rpartition("/")
    name = sql.Identifier(f"alone_{service}_{os.getpid()}")
    connection = psycopg2.connect(f"{base}/postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield f"{base}/{name.strings[0]}"
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    connection.close()


@pytest.mark.parametrize("service", ALL_SERVICES.split(","))
def test_a_service_alone_is_ready_and_describes_itself(service, database, tmp_path):
    port = free_port()
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "booking_project.settings",
        "DATABASE_URL": database,
        "SERVICES": service,
        "STATIC_ROOT": str(tmp_path),
    }
    migrate = manage("migrate", "--verbosity", "0", environ=environ)
    subprocess.run(migrate.argv, cwd=migrate.cwd, env=environ, check=True)  # noqa: S603
    program = web_server(service, port, environ, workers=1, log=tmp_path / "web.log")
    process = spawn(program)
    try:
        deadline = time.monotonic() + 30
        while not answers(port):
            assert process.poll() is None, (tmp_path / "web.log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "web.log").read_text()
            time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/schema/") as response:
            assert f"/api/v1/{service}/" in response.read().decode()
    finally:
        end(process, program)
