"""Runs the local stack's processes, in one thread: output, restarts, requests and signals.

It must be one thread: a child's death signal fires when the thread that started it ends.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, TextIO, cast

from stack.program import Program, StackError, kill_group, spawn, tail

BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
# A process that ran this long and then died was no failed start.
SETTLED_SECONDS = 10.0
# So many deaths in a row, before the stack was ever ready, and it is not tried again.
MAX_QUICK_DEATHS = 5
STOP_SECONDS = 15.0
COLOURS = (36, 32, 35, 33, 34, 96, 92, 95)


class StopRequested(Exception):
    """Somebody asked the stack to stop: Ctrl-C, SIGTERM, a closed terminal, or our parent's end."""


class Child:
    """One program, and what became of it so far."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.wanted = True
        self.started_at = 0.0
        self.quick_deaths = 0
        self.restart_at: float | None = None
        self.partial = b""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process else None


class Supervisor:
    """Runs programs, each line of their output behind its program's name.

    A program that dies is started again, after a pause that doubles. `keep_fds` stay open in all
    of them; `pid_dir` holds a `<name>.pid` for each that runs. Use it with `with`: leaving stops
    everything, the last started first.
    """

    def __init__(
        self,
        *,
        names: Iterable[str],
        pid_dir: Path,
        keep_fds: Sequence[int] = (),
        out: TextIO = sys.stdout,
    ) -> None:
        self.children: dict[str, Child] = {}
        self.settled = False
        self._pid_dir = pid_dir
        self._keep_fds = keep_fds
        self._out = out
        self._width = max(map(len, names))
        self._colours: dict[str, int] = {}
        self._selector = selectors.DefaultSelector()
        self._stop_signals = 0
        self._last_stop_signal = 0.0
        self._raise_on_stop = True
        self._wake_in, self._wake_out = socket.socketpair()

    def __enter__(self) -> "Supervisor":
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ, self._drain_wakeups)
        signal.set_wakeup_fd(self._wake_out.fileno(), warn_on_full_buffer=False)
        self._old_handlers = {
            signal.SIGCHLD: signal.signal(signal.SIGCHLD, lambda number, frame: None)
        }
        handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM), self._on_stop_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup leaves it
            handlers[signal.SIGHUP] = self._on_stop_signal
        self._old_handlers |= {
            number: signal.signal(number, handler) for number, handler in handlers.items()
        }
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self.stop_all()
        finally:
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(-1)
            for key in list(self._selector.get_map().values()):
                cast(IO, key.fileobj).close()
            self._selector.close()
            self._wake_out.close()

    # --- What the stack asks for ---------------------------------------------------------------

    def start(self, program: Program) -> Child:
        """Start a program and keep it running."""
        child = self.children[program.name] = Child(program)
        self._spawn(child)
        return child

    def run_once(self, program: Program) -> None:
        """Run a program to its end. Raises StackError when it fails."""
        child = self.start(program)
        child.wanted = False
        process = child.process
        self._pump_until(lambda: child.process is None)
        del self.children[program.name]
        if process and process.returncode:
            raise StackError(f"`{program.name}` failed; its own lines above say why.")

    def wait_for(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Let things run until the condition holds. Raises StackError when it takes longer."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(f"{what} did not happen within {seconds:.0f} seconds.")
            self.pump(0.05)

    def serve(self) -> None:
        """Let things run until somebody asks to stop."""
        self.settled = True
        while True:
            self.pump(1.0)

    def stop(self, name: str) -> None:
        """Stop one program, and leave it stopped. Returns when it has ended."""
        self._stop([self._child(name)])

    def restart(self, name: str) -> None:
        """Start a program that was stopped; one that runs is left alone."""
        child = self._child(name)
        child.wanted, child.quick_deaths = True, 0
        if child.process is None:
            self._spawn(child)

    def kill(self, name: str) -> None:
        """SIGKILL one program, as if it had crashed. Returns when it is gone."""
        child = self._child(name)
        process = child.process
        if process is None:
            raise StackError(f"{name} does not run.")
        process.kill()
        self._pump_until(lambda: child.process is not process)

    def stop_all(self) -> None:
        """Stop everything, servers last, however often a stop was asked for already."""
        self._raise_on_stop = False
        for child in self.children.values():
            child.wanted, child.restart_at = False, None
        running = [child for child in self.children.values() if child.process]
        servers = [child for child in running if child.program.log]
        self._stop([child for child in running if not child.program.log])
        for child in reversed(servers):
            self._stop([child])

    def watch(self, connection: socket.socket, on_readable: Callable[[], None]) -> None:
        """Call back whenever a socket has something to read."""
        self._selector.register(connection, selectors.EVENT_READ, on_readable)

    def unwatch(self, connection: socket.socket) -> None:
        """Stop watching a socket."""
        self._selector.unregister(connection)

    def say(self, name: str, *lines: str) -> None:
        """Print lines, each behind a program's name."""
        label = f"{name:<{self._width}} |"
        if self._out.isatty():
            colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
            label = f"\033[{colour}m{label}\033[0m"
        try:
            print("\n".join(f"{label} {line}" for line in lines), file=self._out, flush=True)
        except OSError:  # the terminal is gone; what runs must still be stopped in order
            self._out = open(os.devnull, "w")  # noqa: SIM115

    # --- The loop -------------------------------------------------------------------------------

    def pump(self, seconds: float) -> None:
        """Handle what there is; wait no longer than `seconds` for it. Raises StopRequested."""
        for key, _ in self._selector.select(self._until_next_restart(seconds)):
            key.data()
        for child in self.children.values():
            self._reap(child)
            if child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._spawn(child)
        if self._stop_signals and self._raise_on_stop:
            raise StopRequested

    def request_stop(self) -> None:
        """Make the loop raise StopRequested."""
        # One wish may come twice at once: from the terminal, and from who started us.
        if time.monotonic() - self._last_stop_signal > 1.0:
            self._stop_signals += 1
        self._last_stop_signal = time.monotonic()

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        self.request_stop()

    def _drain_wakeups(self) -> None:
        try:
            while self._wake_in.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _until_next_restart(self, seconds: float) -> float:
        due = [child.restart_at for child in self.children.values() if child.restart_at]
        return max(0.0, min([seconds, *(moment - time.monotonic() for moment in due)]))

    def _pump_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.pump(0.1)

    # --- One child ------------------------------------------------------------------------------

    def _child(self, name: str) -> Child:
        if name not in self.children:
            raise StackError(f"There is no {name!r}; there are {', '.join(self.children)}.")
        return self.children[name]

    def _pid_file(self, child: Child) -> Path:
        return self._pid_dir / f"{child.program.name}.pid"

    def _spawn(self, child: Child) -> None:
        child.restart_at = None
        child.started_at = time.monotonic()
        process = child.process = spawn(child.program, keep_fds=self._keep_fds)
        self._pid_file(child).write_text(f"{process.pid}\n")
        if process.stdout:
            os.set_blocking(process.stdout.fileno(), False)
            reader = process.stdout
            self._selector.register(
                reader, selectors.EVENT_READ, lambda: self._read(child, process)
            )

    def _read(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None or process.stdout.closed:
            return
        try:
            data = os.read(process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        if not data:
            self._selector.unregister(process.stdout)
            process.stdout.close()
        *lines, child.partial = (child.partial + data).split(b"\n")
        if not data and child.partial:
            lines.append(child.partial)
            child.partial = b""
        if lines:
            self.say(child.program.name, *(line.decode(errors="replace") for line in lines))

    def _reap(self, child: Child) -> None:
        process = child.process
        if process is None or process.poll() is None:
            return
        if process.stdout and not process.stdout.closed:
            self._read(child, process)
        child.process = None
        # Workers of a master that was killed would hold its port; they are told at once.
        kill_group(process)
        self._pid_file(child).unlink(missing_ok=True)
        if child.wanted:
            self._plan_restart(child, process.returncode)

    def _plan_restart(self, child: Child, status: int) -> None:
        program = child.program
        quick = time.monotonic() - child.started_at < SETTLED_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if quick else 1
        if child.quick_deaths >= MAX_QUICK_DEATHS and not self.settled:
            details = f" Its log says:{tail(program.log)}" if program.log else ""
            raise StackError(
                f"{program.name} ended {child.quick_deaths} times right after its start.{details}"
            )
        pause = min(BACKOFF_SECONDS * 2 ** (child.quick_deaths - 1), MAX_BACKOFF_SECONDS)
        child.restart_at = time.monotonic() + pause
        self.say(program.name, f"ended ({_reason(status)}), starts again in {pause:g} s")

    def _stop(self, children: list[Child]) -> None:
        for child in children:
            child.wanted, child.restart_at = False, None
            if child.process and child.process.poll() is None:
                child.process.send_signal(child.program.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        signals_before = self._stop_signals
        while left := [child for child in children if child.process]:
            # A second Ctrl-C means: now.
            if time.monotonic() > deadline or self._stop_signals > signals_before:
                for child in left:
                    if child.process:
                        self.say(child.program.name, "does not end, is killed")
                        kill_group(child.process)
            self.pump(0.1)


def _reason(status: int) -> str:
    if status < 0:
        return signal.Signals(-status).name
    return f"exit status {status}"
