"""What people read, and the log that a run leaves."""

from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.faults import Fault
from chaos.record import Log, read_log
from chaos.report import report
from chaos.run import Plan, Recovery, Run
from chaos.violations import Violation
from tests.chaos.test_checker import CREATED, GOOD, PAID, told


def a_run() -> Run:
    run = Run(Plan(seed=7, seconds=60), Log())
    run.log.told += [CREATED, PAID, told("pay", 1, status=None, code="TimeoutError")]
    run.faults = [Fault("kill", "database"), Fault("freeze", "flights", 2.0)]
    run.recoveries = [Recovery(run.faults[:1], 3.0), Recovery(run.faults[1:], 4.5)]
    run.snapshot = GOOD
    return run


def test_a_report_counts_faults_and_answers_and_ends_with_the_verdict() -> None:
    lines = list(report(a_run()))
    assert lines[0] == "Seed 7: 60 s, 12 clients, 3 requests, 2 faults"
    assert ["kill", "database", "1"] in [line.split() for line in lines]
    assert ["none", "TimeoutError", "1"] in [line.split() for line in lines]
    assert "Longest time to recover: 4.5 s, after freeze flights for 2.0 s" in lines
    assert lines[-1] == "Verdict: clean. Every promise was kept."


def test_a_report_names_each_broken_promise() -> None:
    run = a_run()
    run.violations = [Violation("money", f"payment {number} is lost") for number in range(30)]
    lines = list(report(run))
    assert "  payment 0 is lost" in lines
    assert "  and 10 more" in lines
    assert lines[-1] == "Verdict: 30 violations."


def test_payments_that_cross_their_deadline_are_counted() -> None:
    run = a_run()
    run.log.told.append(told("pay", 300.2))
    assert "Payments under way when their deadline came: 1" in report(run)


@pytest.mark.parametrize(("answers", "status"), [([CREATED, PAID], 0), ([PAID, PAID], 1)])
def test_a_log_can_be_judged_again(
    tmp_path: Path, answers: list, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "seed-1.jsonl"
    with Log(path) as log:
        for each in answers:
            log.tell(each)
        GOOD.keep(log)
    assert read_log(path)["told"] == answers
    assert main(["--judge", str(path)]) == status
    assert "Verdict" in capsys.readouterr().out
