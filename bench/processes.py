"""What the stack's processes spend: CPU and memory by kind, as the kernel counts them."""

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """A process and all that came of it."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        if status := stat(int(folder.name)):
            children.setdefault(int(status[1]), []).append(int(folder.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat behind the name: state, parent, ...; none where it ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU that these processes have used, their children that ended included."""
    return sum(sum(map(int, status[11:15])) for pid in pids if (status := stat(pid))) / TICKS


def memory_mib(pids: Iterable[int]) -> float:
    """Proportional set size: what several processes share is shared out among them."""
    total = 0
    for pid in pids:
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


class Stack:
    """The kinds of processes of one local stack, by the pid files in its DATA_DIR.

    `supervisor` is the process that started them all, and passes on what they print.
    """

    def __init__(self, data_dir: Path, supervisor: int) -> None:
        self.data_dir, self.supervisor = data_dir, supervisor

    def pid(self, kind: str) -> int:
        """The first process of a kind that runs."""
        return int((self.data_dir / f"{kind}.pid").read_text())

    def processes(self) -> dict[str, list[int]]:
        """All that run now, by kind."""
        found = {
            path.stem: descendants(self.pid(path.stem)) for path in self.data_dir.glob("*.pid")
        }
        return dict(sorted(found.items())) | {"supervisor": [self.supervisor]}

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by kind."""
        return {kind: cpu_seconds(pids) for kind, pids in self.processes().items()}

    def memory(self) -> dict[str, float]:
        """MiB in use now, by kind."""
        return {kind: memory_mib(pids) for kind, pids in self.processes().items()}
