from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from flights import airports, holds, tasks
from flights.models import Airport, Flight, SeatHold

pytestmark = pytest.mark.django_db


@pytest.fixture
def late_holds(flight: Flight) -> None:
    for _ in range(3):
        holds.hold_seats(
            flight_id=flight.pk,
            reference=uuid4(),
            no_of_seats=2,
            expires_at=timezone.now() + timedelta(minutes=5),
        )
    SeatHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_the_command_releases_expired_holds(
    late_holds: None, flight: Flight, capsys: pytest.CaptureFixture[str]
) -> None:
    for released in (3, 0):
        call_command("release_expired_holds")
        assert capsys.readouterr().out == f"{released} expired holds released.\n"
    flight.refresh_from_db()
    assert flight.remaining_seats == 180


def test_the_task_releases_batch_after_batch(
    late_holds: None, flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_at_a_time = holds.release_expired_holds
    monkeypatch.setattr(holds, "release_expired_holds", lambda: one_at_a_time(limit=1))
    assert tasks.release_expired_holds() == 3
    flight.refresh_from_db()
    assert flight.remaining_seats == 180


def test_the_command_imports_airports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = airports.real_airports()
    two = {"DEL": known["DEL"], "BOM": {**known["BOM"], "tz": "Mars/Olympus"}}
    monkeypatch.setattr(airports, "real_airports", lambda: two)
    call_command("import_airports")
    out, err = capsys.readouterr()
    assert out == "1 airports added, 0 changed, 0 unchanged.\n"
    assert "BOM" in err
    assert Airport.objects.get().code == "DEL"
