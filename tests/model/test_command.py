from pathlib import Path

import pytest

import model
from model.__main__ import main
from model.configurations import CONFIGURATIONS
from model.properties import PROPERTIES
from model.rules import RULES


def test_check_ends_with_0_when_all_properties_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "calm"]) == 0

    assert capsys.readouterr().out.startswith("calm: holds (")


def test_check_ends_with_1_and_tells_the_way_when_a_property_breaks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "one", "--without", "cancel_waits"]) == 1

    out = capsys.readouterr().out
    assert out.startswith("one, without cancel_waits: BREAKS one-payer in 5 steps (")
    assert "  5. traveller: POST cancel: CANCELLED (USER)" in out


def test_check_leaves_out_several_rules(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--without", "spare_confirmed", "--without", "keep_after_commit"]

    assert main(["check", "one", *arguments]) == 1

    assert "create: give up the hold: DELETE hold -> ok" in capsys.readouterr().out


def test_check_ends_with_2_when_it_did_not_see_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "one", "--limit", "50"]) == 2

    assert "UNFINISHED" in capsys.readouterr().out


def test_an_unknown_rule_is_refused_with_the_rules_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["check", "one", "--without", "nonsense"])

    assert "compare_and_set" in capsys.readouterr().err


def test_list_names_every_rule_and_property(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0

    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in [*RULES, *PROPERTIES])


def test_the_page_about_the_model_names_every_configuration_rule_and_property() -> None:
    page = (Path(model.__file__).parents[1] / "docs" / "model.md").read_text()

    names = {*CONFIGURATIONS, *RULES, *PROPERTIES}
    assert {name for name in names if f"`{name}`" not in page} == set()
