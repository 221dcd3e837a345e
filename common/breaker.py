"""A circuit breaker: a service that is down costs its callers microseconds, not time-outs.

Our own, because pybreaker holds its lock while the call runs, so that all threads of a process
would queue behind one slow answer.
"""

import threading
import time


class CircuitBreaker:
    """Opens after `failures_to_open` failures in a row; lets one call try every `open_seconds`.

    Thread-safe. State is per process: each finds out by itself, and needs nobody for it.
    """

    def __init__(self, *, failures_to_open: int = 5, open_seconds: float = 2.0) -> None:
        self.failures_to_open = failures_to_open
        self.open_seconds = open_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._next_trial = 0.0

    def allows(self) -> bool:
        """Whether a call may go out now. While open, True once every `open_seconds`."""
        with self._lock:
            if self._failures < self.failures_to_open:
                return True
            now = time.monotonic()
            if now < self._next_trial:
                return False
            self._next_trial = now + self.open_seconds
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._next_trial = time.monotonic() + self.open_seconds
