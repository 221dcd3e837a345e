"""What clients asked and were told, kept in memory and line by line in a file."""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Told:
    """One request, and the answer that its client got: `status` is None where none came.

    `op` is one of create, pay, quote, cancel, read, list, search. `code` is the problem's, or the
    name of the network's error. `body` is the answer, without flights and long lists. Times are
    seconds since the epoch.
    """

    client: str
    user: int
    op: str
    asked: dict[str, Any]
    sent: float
    received: float
    status: int | None
    code: str
    body: dict[str, Any]
    replayed: bool = False

    @property
    def booking(self) -> dict[str, Any] | None:
        """The booking in the answer, if that is one."""
        return self.body if "reference" in self.body else None

    @property
    def definite(self) -> bool:
        """Whether the client knows what became of the request, and need not repeat it."""
        unsure = self.status is None or self.status >= 500
        return not unsure and self.code not in ("request_in_flight", "payment_in_progress")


class Log:
    """All that happened in a run. With a file, each line of it is `{"<kind>": {...}}`.

    Kinds are run, told, fault, recovery; in the end booking, hold, payment, flight, audit, and
    violation, if there is any.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.told: list[Told] = []
        self._lock = threading.Lock()
        self._file = path.open("w") if path else None

    def tell(self, told: Told) -> None:
        """Keep what a client was told."""
        with self._lock:
            self.told.append(told)
        self.write("told", asdict(told))

    def write(self, kind: str, row: Mapping[str, Any]) -> None:
        """Keep a line of another kind, in the file alone."""
        if self._file:
            line = json.dumps({kind: row}, separators=(",", ":")) + "\n"
            with self._lock:
                self._file.write(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file:
            self._file.close()


def read_log(path: Path) -> dict[str, list[Any]]:
    """The rows of a log by their kind; those of kind told as `Told`."""
    rows: dict[str, list[Any]] = {}
    with path.open() as lines:
        for line in lines:
            for kind, row in json.loads(line).items():
                rows.setdefault(kind, []).append(Told(**row) if kind == "told" else row)
    return rows
