"""What is worked out from what was measured, and how it is drawn."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from bench.booking import row
from bench.chart import Bar, Panel, draw
from bench.load import Load
from bench.processes import Stack, cpu_seconds, descendants, memory_mib
from bench.report import line
from bench.sql import Limit


def some_load() -> Load:
    load = Load(seconds=2.0, own_cpu=0.01)
    for milliseconds in (10.0, 20.0, 30.0, 40.0):
        load.note("create", 201, milliseconds)
    load.note("create", 409, 5.0)
    return load


def test_cpu_is_shared_out_among_what_was_done() -> None:
    found = row(some_load(), "create", 2, {"bookings": 0.008, "database": 0.004})
    assert (found.done, found.rate, found.median, found.p99) == (4, 2.0, 20.0, 40.0)
    assert found.cpu == {"bookings": 2.0, "database": 1.0}
    assert found.cpu_in_all == 3.0
    assert found.load_generator == 2.5
    assert found.refused == {"create 409": 1}


def test_nothing_done_costs_nothing() -> None:
    assert row(Load(), "create", 2, {"bookings": 1.0}).cpu_in_all == 0


def test_a_line_has_the_limit_beside_it() -> None:
    found = row(some_load(), "create", 2, {"bookings": 0.008, "beat": 0.004})
    assert " - " in line(found)
    found.limit = Limit(2, 1234.0, 0.9)
    assert line(found).split()[:6] == ["2", "2", "1234", "20.0", "40", "3.00"]


def test_cpu_and_memory_of_a_process_and_its_children_are_counted() -> None:
    work = "import subprocess, sys; c = subprocess.Popen(['sleep', '60']); print(1, flush=True);"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", f"{work} sum(range(3_000_000)); print(2, flush=True); c.wait()"],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"1\n"
        family = descendants(process.pid)
        assert len(family) == 2
        assert process.stdout.readline() == b"2\n"
        assert cpu_seconds([process.pid]) > 0
        assert memory_mib(family) > memory_mib([process.pid]) > 1
        for pid in family:
            os.kill(pid, 9)
    assert cpu_seconds([process.pid]) == 0


def test_kinds_of_processes_are_found_by_their_pid_files(tmp_path: Path) -> None:
    (tmp_path / "bookings.pid").write_text(f"{os.getpid()}\n")
    stack = Stack(tmp_path, os.getppid())
    assert os.getpid() in stack.processes()["bookings"]
    assert stack.processes()["supervisor"] == [os.getppid()]
    assert stack.memory()["bookings"] > 1


def boxes(svg: str) -> list[float]:
    root = ElementTree.fromstring(svg)  # noqa: S314
    shapes = root.findall("{http://www.w3.org/2000/svg}rect")[1:]
    return [float(shape.attrib["width"]) for shape in shapes]


def test_bars_are_drawn_to_one_scale() -> None:
    panel = Panel("Rates", [Bar("a", [("", 10.0)], limit=40.0), Bar("b", [("", 20.0)])])
    mine, limit, other = boxes(draw("All", [panel]))
    assert (limit / mine, other / mine) == (4, 2)


def test_parts_of_a_bar_are_named_and_add_up() -> None:
    panel = Panel("CPU", [Bar("a", [("python", 1.0), ("sql", 3.0)], unit=" ms")])
    svg = draw("All", [panel])
    *legend, python, sql = boxes(svg)
    assert len(legend) == 2
    assert round(sql / python, 3) == 3
    assert ">python<" in svg
    assert ">4 ms<" in svg


def test_a_chart_of_nothing_is_still_one() -> None:
    assert boxes(draw("<All>", [Panel("None", [Bar("a", [])])])) == []
