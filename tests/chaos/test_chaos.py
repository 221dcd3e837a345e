"""A minute of chaos."""

from pathlib import Path

import pytest

from chaos.__main__ import main
from chaos.record import read_log


@pytest.mark.system
@pytest.mark.timeout(400)
def test_under_faults_of_every_kind_the_promises_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["--seed", "1", "--minutes", "0.8", "--logs", str(tmp_path)])
    rows = read_log(tmp_path / "seed-1.jsonl")
    assert status == 0, capsys.readouterr().out
    assert {"told", "fault", "booking", "hold", "payment", "flight", "audit"} <= set(rows)
    assert any(each.op == "pay" and each.status == 200 for each in rows["told"])
