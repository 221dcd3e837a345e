"""Imported by the stack's Celery worker (`--include`): its pool must not outlive it."""

import os
import signal
from typing import Any

from celery import signals

from stack.program import die_with_parent


@signals.worker_process_init.connect
def end_with_the_worker(**kwargs: Any) -> None:
    die_with_parent(signal.SIGKILL, os.getppid())
