"""Importing schedules: what is good comes in once, what is bad is named, or nothing comes in."""

import io
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from flights.imports import HEADER, BadRows, Imported, WrongHeader, import_flights
from flights.models import Airplane, Airport, Flight
from tests.flights.conftest import ZONES

pytestmark = pytest.mark.django_db

GOOD = "UK808,A320,,DEL,BOM,2050-12-24T10:00,2050-12-24T12:10,5000.00,INR,B2"


@pytest.fixture(autouse=True)
def catalogue(airport: Callable[[str], Airport], airplane: Airplane) -> None:
    for code in ZONES:
        airport(code)


def load(*rows: str, skip_bad: bool = False, header: str = HEADER) -> tuple[Imported, dict]:
    """Import rows; the counts, and the faults by line."""
    faults: dict[int, str] = {}

    def report(line: int, fault: str) -> None:
        assert line not in faults
        faults[line] = fault

    lines = [header, *rows]
    try:
        return import_flights(lines, skip_bad=skip_bad, report=report), faults
    except BadRows as error:
        return error.imported, faults


def test_a_row_becomes_a_flight() -> None:
    done, faults = load(GOOD)
    assert (done, faults) == (Imported(rows=1, added=1), {})
    flight = Flight.objects.get()
    assert flight.departure_time == datetime(2050, 12, 24, 4, 30, tzinfo=UTC)
    assert flight.arrival_time == datetime(2050, 12, 24, 6, 40, tzinfo=UTC)
    assert (flight.total_seats, flight.remaining_seats, flight.status) == (180, 180, "SCHEDULED")
    assert (flight.price, flight.currency, flight.boarding_gate) == (Decimal(5000), "INR", "B2")
    assert (flight.airline, flight.airplane.model_number) == ("UK", "A320")


def test_seats_currency_and_gate_may_be_empty() -> None:
    load("UK808,A320,20,DEL,BOM,2050-12-24T10:00,2050-12-24T12:10,5000,,")
    flight = Flight.objects.get()
    assert (flight.total_seats, flight.remaining_seats) == (20, 20)
    assert (flight.currency, flight.boarding_gate) == ("INR", "")


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (GOOD.replace("UK808", "808"), "flight_number '808' is not like UK808"),
        (GOOD.replace("UK808", 'UK"808'), "flight_number"),
        (GOOD.replace("A320", "Zeppelin"), "airplane_model 'Zeppelin' is unknown"),
        (GOOD.replace("A320,", "A320,181"), "total_seats '181' is not 1 to 180"),
        (GOOD.replace("A320,", "A320,0"), "total_seats"),
        (GOOD.replace("A320,", "A320,1e1"), "total_seats"),
        (GOOD.replace("DEL", "QQQ"), "departure_airport 'QQQ' is unknown"),
        (GOOD.replace("BOM", "bom"), "arrival_airport 'bom' is unknown"),
        (GOOD.replace("BOM", "DEL"), "the same"),
        (GOOD.replace("T10:00", " 10:00"), "departure_local"),
        (GOOD.replace("T10:00", "T10:00Z"), "departure_local"),
        (GOOD.replace("T10:00", "T24:00"), "departure_local"),
        (GOOD.replace("12-24T12", "02-30T12"), "arrival_local"),
        (GOOD.replace("T12:10", "T10:00"), "arrives before it departs"),
        (GOOD.replace("5000.00", "0.00"), "price"),
        (GOOD.replace("5000.00", "-1"), "price"),
        (GOOD.replace("5000.00", "5000.001"), "price '5000.001' is no amount of INR"),
        (GOOD.replace("5000.00", "5e3"), "price"),
        (GOOD.replace("INR", "XXX"), "currency 'XXX' is not one of ISO 4217"),
        (GOOD.replace("B2", "B2B2B2B2B2B"), "boarding_gate"),
        (GOOD.replace("B2", "B\0"), "boarding_gate"),
        (GOOD.replace("B2", "\ufffd"), "boarding_gate"),
        (GOOD + ",more", "has 11 fields, not 10"),
        ("UK808", "has 1 fields, not 10"),
        ('"' + GOOD, "not well-formed CSV"),
        (GOOD.replace("A320", '"A320"x'), "not well-formed CSV"),
    ],
)
def test_a_bad_row_is_named_with_its_fault_and_nothing_comes_in(row: str, fault: str) -> None:
    done, faults = load(GOOD.replace("UK808", "UK1"), row, GOOD.replace("UK808", "UK2"))
    assert list(faults) == [3]
    assert fault in faults[3]
    assert (done.rows, done.bad) == (3, 1)
    assert not Flight.objects.exists()


def test_all_faults_of_a_row_are_named() -> None:
    _, faults = load("808,Zeppelin,,QQQ,BOM,today,2050-12-24T12:10,free,XXX,")
    for name in ("flight_number", "airplane_model", "departure_airport", "departure_local"):
        assert name in faults[2]
    assert "price" in faults[2]
    assert "currency" in faults[2]


def test_good_rows_come_in_where_bad_ones_may_be_skipped() -> None:
    rows = [GOOD, "rubbish", "", GOOD.replace("UK808", "UK2"), GOOD.replace("UK808", "UK0")]
    done, faults = load(*rows, skip_bad=True)
    assert done == Imported(rows=4, bad=2, added=2)
    assert sorted(faults) == [3, 6]  # an empty line is no row, but counts as a line
    assert set(Flight.objects.values_list("flight_number", flat=True)) == {"UK808", "UK2"}


def test_a_row_twice_is_bad_the_second_time() -> None:
    done, faults = load(GOOD, GOOD.replace("5000", "4000"), GOOD, skip_bad=True)
    assert faults == {3: "is the same flight as line 2", 4: "is the same flight as line 2"}
    assert (done.added, done.bad) == (1, 2)
    assert Flight.objects.get().price == 5000


def test_the_same_file_again_adds_nothing() -> None:
    rows = [GOOD, GOOD.replace("UK808", "UK1").replace(",B2", ",")]
    load(*rows)
    Flight.objects.filter(flight_number="UK808").update(remaining_seats=3)
    done, faults = load(*rows)
    assert (done, faults) == (Imported(rows=2, standing=2), {})
    assert Flight.objects.get(flight_number="UK808").remaining_seats == 3


@pytest.mark.parametrize(
    "change", [("5000.00", "4000.00"), ("T12:10", "T12:20"), ("B2", ""), ("A320,", "A320,20")]
)
def test_a_row_that_would_change_a_flight_is_bad(change: tuple[str, str]) -> None:
    load(GOOD)
    done, faults = load(GOOD.replace(*change), skip_bad=True)
    assert faults == {2: f"flight {Flight.objects.get().pk} departs with this number then, "
                         "with other details"}  # fmt: skip
    assert (done.bad, done.added, done.standing) == (1, 0, 0)
    assert Flight.objects.get().price == 5000


@pytest.mark.parametrize(
    ("row", "departure", "arrival"),
    [
        # Sydney's clocks fall back at 3:00 in April: 2:30 comes twice, the first is meant.
        ("SYD,DEL,2050-04-03T02:30,2050-04-03T09:00", "04-02T15:30", "04-03T03:30"),
        # New York's fall back at 2:00 in November: a short flight lands in the second 1:30.
        ("LHR,JFK,2050-11-06T05:40,2050-11-06T01:30", "11-06T05:40", "11-06T06:30"),
        # Across the date line: Apia is a day ahead of Honolulu.
        ("HNL,APW,2050-06-01T20:00,2050-06-02T23:00", "06-02T06:00", "06-02T10:00"),
        ("APW,HNL,2050-06-02T10:00,2050-06-01T16:00", "06-01T21:00", "06-02T02:00"),
    ],
)
def test_local_times_are_taken_as_clocks_show_them(row: str, departure: str, arrival: str) -> None:
    _, faults = load(f"UK1,A320,,{row},100,,")
    assert faults == {}
    flight = Flight.objects.get()
    times = [f"{moment:%m-%dT%H:%M}" for moment in (flight.departure_time, flight.arrival_time)]
    assert times == [departure, arrival]


@pytest.mark.parametrize(
    ("airports", "times", "skipped"),
    [
        ("LHR,JFK", "2050-03-27T01:30,2050-03-27T04:00", "departure_local 2050-03-27T01:30"),
        ("LHR,JFK", "2050-03-13T01:00,2050-03-13T02:30", "arrival_local 2050-03-13T02:30"),
        ("SYD,DEL", "2050-10-02T02:00,2050-10-02T12:00", "departure_local 2050-10-02T02:00"),
    ],
)
def test_a_time_that_clocks_skip_is_bad(airports: str, times: str, skipped: str) -> None:
    _, faults = load(f"UK1,A320,,{airports},{times},100,,")
    assert faults == {2: f"{skipped} is skipped by the clocks at {skipped_at(airports, skipped)}"}


def skipped_at(airports: str, skipped: str) -> str:
    return airports.split(",")["arrival" in skipped]


@pytest.mark.parametrize("header", ["", "flight_number,airplane_model", GOOD, HEADER + ",more"])
def test_another_header_is_refused(header: str) -> None:
    with pytest.raises(WrongHeader):
        load(GOOD, header=header)


def made_up_rows(number: str, count: int) -> Iterator[str]:
    """The header and `count` flights, minute by minute."""
    yield HEADER
    for row in range(count):
        day, minute = divmod(row, 1440)
        leaves = f"2050-01-{day + 1:02}T{minute // 60:02}:{minute % 60:02}"
        yield f"{number},A320,,APW,LHR,{leaves},2050-03-01T00:00,100,,"


def test_a_file_of_many_batches_comes_in_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flights.imports.ROWS_PER_BATCH", 10)
    told: list[tuple[str, int]] = []
    done = import_flights(
        made_up_rows("UK1", 95),
        report=lambda line, fault: pytest.fail(fault),
        progress=lambda doing, rows: told.append((doing, rows)),
    )
    assert done.added == Flight.objects.count() == 95
    assert [rows for doing, rows in told if doing == "read"][::9] == [10, 95]
    assert [rows for doing, rows in told if doing == "added"][-1] == 95


def test_memory_stays_the_same_however_long_the_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flights.imports.ROWS_PER_BATCH", 500)

    def peak(number: str, count: int) -> int:
        tracemalloc.start()
        done = import_flights(
            made_up_rows(number, count), report=lambda line, fault: pytest.fail(fault)
        )
        assert done.added == count
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak("UK1", 2_000)  # what is loaded once
    few = peak("UK2", 2_000)
    assert peak("UK3", 12_000) < 1.3 * few


# --- The command ---


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, str]]:
    def run(content: bytes, *options: str) -> tuple[str, str]:
        file = tmp_path / "flights.csv"
        file.write_bytes(content)
        call_command("import_flights", str(file), *options)
        return capsys.readouterr()

    return run


def test_the_command_takes_what_other_systems_write(
    command: Callable[..., tuple[str, str]],
) -> None:
    """A byte order mark, Windows line ends, needless quotes, spaces, no last line end."""
    quoted = ",".join(f'"{value}"' for value in GOOD.replace("UK808", "UK2").split(","))
    spaced = GOOD.replace("UK808", "UK3").replace(",", " , ")
    content = "\r\n".join([HEADER, GOOD, quoted, "", spaced]).encode("utf-8-sig")
    out, err = command(content)
    assert out == "3 rows: 3 flights added, 0 there already, 0 bad rows skipped.\n"
    assert "3 rows read" in err
    assert Flight.objects.count() == 3


def test_the_command_reports_bad_rows_and_fails(
    command: Callable[..., tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    content = f"{HEADER}\n{GOOD}\nrubbish\n".encode()
    with pytest.raises(CommandError, match=r"1 of 2 rows are bad\. Nothing was imported"):
        command(content)
    assert "line 3: has 1 fields, not 10" in capsys.readouterr().err
    out, _ = command(content, "--skip-bad")
    assert out == "2 rows: 1 flights added, 0 there already, 1 bad rows skipped.\n"


def test_the_command_reports_what_is_not_utf_8(
    command: Callable[..., tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    content = f"{HEADER}\n".encode() + GOOD.replace("A320", "Zürich").encode("latin-1")
    with pytest.raises(CommandError):
        command(content)
    assert r"line 2: airplane_model 'Z\ufffdrich' is unknown" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b"\x1f\x8b\x08\x00"])
def test_the_command_refuses_a_file_without_the_header(
    command: Callable[..., tuple[str, str]], content: bytes
) -> None:
    with pytest.raises(CommandError, match="must begin with flight_number"):
        command(content)


def test_the_command_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read"):
        call_command("import_flights", str(tmp_path / "nothing.csv"))


def test_the_command_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{HEADER}\n{GOOD}".encode())))
    call_command("import_flights", "-")
    assert "1 flights added" in capsys.readouterr().out
