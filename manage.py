#!/usr/bin/env python
"""Django's command line, pointed at the local stack when one has been started here."""

import os
import sys
from pathlib import Path


def load_local_stack() -> None:
    """Take the settings that `manage.py stack` wrote, wherever the environment gives none.

    So that `manage.py audit` in a second terminal talks to the running stack. The file lies in
    DATA_DIR (.seathold) and is never shipped; a container keeps its generated secrets in one, too.
    """
    data_dir = os.environ.get("DATA_DIR") or Path(__file__).resolve().parent / ".seathold"
    try:
        lines = (Path(data_dir) / "stack.env").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "booking_project.settings")
    if "DATABASE_URL" not in os.environ and sys.argv[1:2] != ["stack"]:
        load_local_stack()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
