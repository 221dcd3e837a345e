"""The nursery as the tests see it."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from django.conf import settings
from django.db import connection

from tests.money import nursery


@dataclass(frozen=True)
class Life:
    """What became of a child."""

    exit: int
    told: list[tuple[str, Any]]

    @property
    def died(self) -> bool:
        return self.exit == nursery.DIED

    @property
    def points(self) -> list[str]:
        return [what for name, what in self.told if name == "point"]

    @property
    def broker_connections(self) -> int:
        return Counter(name for name, _ in self.told)["connect"]

    @property
    def slept(self) -> float:
        return sum(what for name, what in self.told if name == "sleep")

    @property
    def result(self) -> Any:
        """What its last act returned: [status, body] for a request."""
        return dict(self.told).get("result")


class Mother:
    """A nursery with this run's database, the other services at `url`, and a broker of choice."""

    def __init__(self, url: str, broker: str = "") -> None:
        database = os.environ["TEST_DATABASE_URL"].rsplit("/", 1)[0]
        name = connection.settings_dict["NAME"]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_DATABASE_URL": f"{database}/{name}",
            "TEST_REDIS_URL": broker or os.environ["TEST_REDIS_URL"],
            "FLIGHTS_URL": url,
            "PAYMENTS_URL": url,
        }
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", nursery.__name__],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._read() != nursery.READY:
            self._process.communicate()
            raise AssertionError("the nursery does not start: see its stderr")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.communicate()  # its input ends, and so does it

    def bear(self, *acts: tuple[Any, ...], die_at: int | str = 0) -> Life:
        """Have a new process do `acts`; it dies at its point `die_at`, if it comes to that."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"acts": acts, "die_at": die_at}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._read())
        life = Life(answer["exit"], [tuple(pair) for pair in answer["told"]])
        assert life.exit in (0, nursery.DIED), f"{acts} ended with {life.exit}: see its stderr"
        return life

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
