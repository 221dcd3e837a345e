"""What is set wrong stops the start, and every reason is told."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from common.checks import check_environment, refuse_broken_settings

ROOT = Path(__file__).resolve().parents[2]
POSTGRES = {"default": {"ENGINE": "django.db.backends.postgresql"}}


def faults() -> list[str | None]:
    return [error.id for error in check_environment()]


def test_the_tests_settings_are_sound() -> None:
    assert faults() == []
    refuse_broken_settings()


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("DATABASES", {}, "common.E001"),
        ("DATABASES", {"default": {}}, "common.E001"),
        ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}}, "common.E001"),
        ("SECRET_KEY", "", "common.E002"),
        ("SERVICE_SECRETS", [], "common.E003"),
        ("SERVICE_SECRETS", ["x" * 15], "common.E004"),
        ("SERVICE_SECRETS", ["x" * 16, "x" * 15], "common.E004"),
        ("SERVICE_SECRETS", ["x" * 16, " " + "x" * 16], "common.E004"),
        ("SERVICE_SECRETS", ["x" * 16 + "\n"], "common.E004"),
        ("SERVICE_SECRETS", ["é" * 16], "common.E004"),
        ("SERVICES", [], "common.E005"),
        ("SERVICES", ["flight"], "common.E005"),
        ("SERVICES", ["flights", "hotels"], "common.E005"),
    ],
)
def test_each_fault_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any, fault: str
) -> None:
    monkeypatch.setattr(settings, name, value)
    assert faults() == [fault]
    with pytest.raises(ImproperlyConfigured):
        refuse_broken_settings()


GOOD_KEY = "0123456789" * 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "0123456789" * 4),
        ("SECRET_KEY", "x" * 50),
        ("SECRET_KEY", "django-insecure-" + GOOD_KEY),
        ("SECRET_KEY_FALLBACKS", [GOOD_KEY, "short"]),
        ("ALLOWED_HOSTS", []),
        ("ALLOWED_HOSTS", ["seathold.example", "*"]),
    ],
)
def test_what_is_good_for_a_trial_does_not_start_in_production(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    sound = {"SECRET_KEY": GOOD_KEY, "SECRET_KEY_FALLBACKS": [GOOD_KEY], "ALLOWED_HOSTS": ["a.b"]}
    for setting, good in sound.items():
        monkeypatch.setattr(settings, setting, good)
    monkeypatch.setattr(settings, "SECURE", True)
    assert faults() == []
    monkeypatch.setattr(settings, name, value)
    assert faults() == ["common.E007"]
    monkeypatch.setattr(settings, "SECURE", False)
    assert faults() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVICE_SECRETS", ["x" * 16]),
        ("SERVICE_SECRETS", ["x" * 16, "!" * 40]),
        ("SERVICES", ["payments"]),
        ("SERVICES", ["bookings", "flights"]),
        ("DATABASES", POSTGRES),
    ],
)
def test_what_is_right_passes(monkeypatch: pytest.MonkeyPatch, name: str, value: Any) -> None:
    monkeypatch.setattr(settings, name, value)
    assert faults() == []


def test_a_refusal_tells_every_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SERVICE_SECRETS", [])
    monkeypatch.setattr(settings, "SERVICES", ["hotels"])
    monkeypatch.setattr(settings, "PAYMENT_WINDOW_SECONDS", 0)
    with pytest.raises(ImproperlyConfigured) as refused:
        refuse_broken_settings()
    for reason in ("SERVICE_SECRETS is not set", "SERVICES names", "PAYMENT_WINDOW_SECONDS"):
        assert reason in str(refused.value)


@pytest.mark.parametrize("program", [["manage.py", "check"], ["-c", "import booking_project.wsgi"]])
def test_with_nothing_set_a_process_says_all_that_is_missing_and_ends(program: list[str]) -> None:
    ours = ("DATABASE_URL", "SECRET_KEY", "SERVICE_SECRETS", "DJANGO_SETTINGS_MODULE")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    ended = subprocess.run(  # noqa: S603
        [sys.executable, *program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    for name in ("DATABASE_URL", "SECRET_KEY", "SERVICE_SECRETS"):
        assert f"{name} is not set" in ended.stderr
