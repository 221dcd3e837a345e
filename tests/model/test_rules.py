from typing import cast

import pytest

from model.checker import Result, check
from model.configurations import CONFIGURATIONS
from model.report import tell
from model.rules import RULES, Rules, World
from model.table import BELTS_AND_BRACES, NEEDED, Row, is_as_expected, run_row, small_rows


def look_at(configuration: str, *without: str) -> Result:
    return check(World(Rules().without(*without), CONFIGURATIONS[configuration]))


def story_of(result: Result) -> str:
    assert result.counterexample is not None
    return "\n".join(tell(result.counterexample))


@pytest.mark.parametrize("row", [*small_rows()], ids=str)
def test_what_is_said_of_each_rule_is_true(row: Row) -> None:
    _, result = run_row(row)

    assert is_as_expected(row, result), story_of(result)


def test_each_rule_is_either_needed_or_belts_and_braces() -> None:
    assert NEEDED.keys() | BELTS_AND_BRACES.keys() == RULES.keys()
    assert not NEEDED.keys() & BELTS_AND_BRACES.keys()


def test_needed_rules_say_what_breaks_without_them() -> None:
    assert all(row.without == (name,) and row.breaks for name, row in NEEDED.items())


def test_a_counterexample_is_a_shortest_one_told_in_the_words_of_the_code() -> None:
    story = story_of(look_at("one", "reap"))

    assert story.splitlines() == [
        "ends-well: left alone, everything comes to rest, and the three services agree."
        " It is not so after:",
        "  1. traveller: POST bookings",
        "  2. clock: the payment deadline passes",
        "  3. create: SeatsInHand.take: PUT hold -> ok, THE CALLER DIES",
        "       => hold HELD",
        "  4. clock: the hold's expiry passes",
        "     Here everything rests, and nothing will ever put it right.",
    ]


def test_a_circle_of_steps_is_found() -> None:
    story = story_of(look_at("stubborn", "end_refused_capture"))

    assert story.splitlines()[-3:] == [
        "     And this can come back for ever:",
        "  8. relay: capture: capture -> capture_refused",
        "  9. relay: claims CAPTURE",
    ]


def test_of_two_bookings_it_says_whose_step_it_is() -> None:
    story = story_of(look_at("rivals", "confirm_first"))

    assert "A: traveller: POST bookings" in story
    assert "=> A's hold HELD" in story


def test_a_run_that_reaches_its_limit_does_not_hold() -> None:
    result = check(World(Rules(), CONFIGURATIONS["one"]), limit=100)

    assert not result.complete
    assert not result.holds


def test_a_run_tells_how_far_it_is() -> None:
    told: list[int] = []
    result = check(World(Rules(), CONFIGURATIONS["one"]), progress=told.append, tell_every=1000)

    assert told == [1000, 2000, 3000]
    assert result.holds


def test_without_leaves_out_what_is_named_and_nothing_else() -> None:
    rules = Rules().without("reap", "lease")

    left_out = {name for name in RULES if not cast(bool, getattr(rules, name))}
    assert left_out == {"reap", "lease"}
