"""A program that the local stack runs, started so that it never outlives the one who started it."""

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

PR_SET_PDEATHSIG = 1
# Loaded here and not in the child: between fork and exec as little as possible may happen.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class StackError(Exception):
    """Something foreseeable is in the way; the message is a sentence for the person who started."""


class Account(NamedTuple):
    """The user that a server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and how to end it.

    `stdin` is what it reads; `log` is a file that takes its output, without one it goes to a pipe.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    stdin: str = ""
    log: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # What it gets when we are gone and can't follow up with SIGKILL.
    death_signal: signal.Signals = signal.SIGTERM


def spawn(program: Program, *, keep_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that a Ctrl-C in the terminal is only ours.

    Call it from the main thread: on Linux the child gets its death signal when the *thread* that
    started it ends. Raises StackError when there is nothing to run.
    """
    output = program.log.open("ab") if program.log else None
    account = program.account
    try:
        process = subprocess.Popen(
            program.argv,
            env=program.env,
            cwd=program.cwd,
            stdin=subprocess.PIPE if program.stdin else subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            pass_fds=keep_fds,
            # The last thing before exec: taking on another user clears the death signal.
            preexec_fn=partial(die_with_parent, program.death_signal, os.getpid()),
        )
    except (FileNotFoundError, PermissionError) as error:
        message = f"{program.name} can't be started: {error.strerror}: {error.filename}"
        raise StackError(message) from error
    finally:
        if output:
            output.close()
    if process.stdin:
        # Less than a pipe holds, so this never waits for the reader.
        with contextlib.suppress(BrokenPipeError):  # it has ended already, as its status tells
            process.stdin.write(program.stdin.encode())
            process.stdin.close()
    return process


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Have the kernel signal this process when its parent ends. Only Linux can."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def end(process: subprocess.Popen[bytes], program: Program, *, seconds: float = 10.0) -> None:
    """Stop a program: its own stop signal, and SIGKILL to all of it after `seconds`."""
    if process.poll() is None:
        process.send_signal(program.stop_signal)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_group(process)
            process.wait()
    if process.stdout:
        process.stdout.close()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a program and everything it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def tail(log: Path, lines: int = 10) -> str:
    """The last lines of a log, indented, for the end of an error message."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return "".join(f"\n    {line}" for line in text.splitlines()[-lines:])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment.

    Below the range that outgoing connections are given: while a server is down, one of those could
    take its port, or even connect to itself, and the server could not come back.
    """
    while True:
        port = secrets.choice(range(20000, 32000))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
