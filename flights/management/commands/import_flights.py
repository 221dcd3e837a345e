import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flights import imports


class Command(BaseCommand):
    help = (
        "Import flights from a CSV file, all or none. Every row is checked, and bad ones are "
        "reported with their line and reasons; --skip-bad imports the others. Running it again "
        f"adds nothing twice. The file is UTF-8 and begins with: {imports.HEADER} - times are "
        "local at each airport (YYYY-MM-DDTHH:MM); seats, currency and gate may be empty."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the file, or - for standard input")
        parser.add_argument(
            "--skip-bad", action="store_true", help="import the good rows though others are bad"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with _opened(options["file"]) as lines:
                done = imports.import_flights(
                    lines,
                    skip_bad=options["skip_bad"],
                    report=lambda line, fault: self.stderr.write(f"line {line}: {fault}"),
                    progress=lambda doing, rows: self.stderr.write(f"{rows:,} rows {doing}"),
                )
        except imports.WrongHeader as error:
            raise CommandError(str(error)) from error
        except imports.BadRows as error:
            raise CommandError(
                f"{error} Nothing was imported; --skip-bad would import the others."
            ) from error
        self.stdout.write(
            f"{done.rows} rows: {done.added} flights added, {done.standing} there already, "
            f"{done.bad} bad rows skipped."
        )


@contextmanager
def _opened(name: str) -> Iterator[TextIO]:
    """The file as text. A byte order mark goes; what is not UTF-8 is left to its row's check."""
    try:
        binary = sys.stdin.buffer if name == "-" else open(name, "rb")  # noqa: SIM115
    except OSError as error:
        raise CommandError(f"{name} can't be read: {error.strerror}.") from error
    with io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace") as lines:
        yield lines
