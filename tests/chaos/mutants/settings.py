"""The real settings, and the mutants."""

from booking_project.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.mutants"]  # noqa: F405
