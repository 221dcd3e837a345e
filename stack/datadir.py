"""DATA_DIR: where the local stack keeps its servers' files, its secrets and its locks."""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from stack.program import StackError

EARLIER_STACK_SECONDS = 30.0
# A new database takes about 50, and fails in ways hard to read when it gets less.
MIN_FREE_MIB = 150
# What `manage.py check --deploy` knows a key by that is not meant for production.
INSECURE_PREFIX = "django-insecure-"


class DataDir:
    """The folder, and the files in it. Only its owner may look inside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env_file = path / "stack.env"
        self._locks: list[int] = []

    def claim(self) -> int:
        """Make the folder and take it for this process.

        Returns a file descriptor for every child to keep open: it tells a later start that
        something of this stack still runs, even when this process was killed. Raises StackError
        while another stack has the folder, and OSError where it can't be made or written.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self.path).free // 2**20) < MIN_FREE_MIB:
            raise StackError(
                f"The disk of {self.path} has {free} MiB left, and the stack needs "
                f"{MIN_FREE_MIB}: make room, or set DATA_DIR."
            )
        if self.path.stat().st_uid == os.geteuid():
            self.path.chmod(0o700)
        if not self._lock("supervisor.lock"):
            raise StackError(f"A stack already runs in {self.path}: stop it, or set DATA_DIR.")
        deadline = time.monotonic() + EARLIER_STACK_SECONDS
        while not (children := self._lock("children.lock")):
            if time.monotonic() > deadline:
                raise StackError(
                    f"Processes of a stack that was killed still run in {self.path}: end them "
                    f"first. {self._pids()}"
                )
            time.sleep(0.1)
        for stale in self.path.glob("*.pid"):
            stale.unlink()
        return children

    def secrets(self) -> dict[str, str]:
        """The stack's secrets by the names of their variables, made once and kept."""
        path = self.path / "secrets.env"
        if path.exists():
            return parse_env(path.read_text())
        made = {
            "SECRET_KEY": INSECURE_PREFIX + secrets.token_urlsafe(48),
            "SERVICE_SECRETS": secrets.token_urlsafe(32),
            "POSTGRES_PASSWORD": secrets.token_hex(24),
            "REDIS_PASSWORD": secrets.token_hex(24),
        }
        write_env(path, made)
        return made

    def _lock(self, name: str) -> int:
        """A file descriptor that has the lock, or 0 where another process has it."""
        descriptor = os.open(self.path / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return 0
        self._locks.append(descriptor)
        return descriptor

    def release(self) -> None:
        """Give the folder back."""
        while self._locks:
            os.close(self._locks.pop())

    def _pids(self) -> str:
        pids = {path.stem: path.read_text().strip() for path in self.path.glob("*.pid")}
        return ", ".join(f"{name} was process {pid}" for name, pid in sorted(pids.items()))


def write_env(path: Path, variables: Mapping[str, str]) -> None:
    """Write NAME=value lines that only we can read. The file is whole or not there."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())
    draft.rename(path)


def parse_env(text: str) -> dict[str, str]:
    """NAME=value lines as a dict."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
