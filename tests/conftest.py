import os
import shutil
from collections.abc import Iterator

import pytest

from stack.program import StackError
from tests.settings import OWN_SERVERS, SERVER_DIR, SERVER_DIR_PREFIX


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session: pytest.Session) -> Iterator[None]:
    """Start PostgreSQL and Valkey before pytest-xdist starts its workers."""
    if not session.config.option.collectonly:
        try:
            start_servers()
        except (StackError, OSError) as error:
            pytest.exit(f"The tests' servers don't start. {error}", returncode=1)
    return (yield)


def start_servers() -> None:
    if OWN_SERVERS:
        delete_what_killed_runs_left()
        SERVER_DIR.mkdir(mode=0o700)
    for server in OWN_SERVERS:
        server.start()


def delete_what_killed_runs_left() -> None:
    for folder in SERVER_DIR.parent.glob(f"{SERVER_DIR_PREFIX}*"):
        try:
            os.kill(int(folder.name.removeprefix(SERVER_DIR_PREFIX)), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (PermissionError, ValueError):
            pass  # somebody else's


def pytest_unconfigure(config: pytest.Config) -> None:
    for server in OWN_SERVERS:
        server.stop()
    if OWN_SERVERS:
        shutil.rmtree(SERVER_DIR, ignore_errors=True)
