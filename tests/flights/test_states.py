import pytest

from flights.states import HOLD_MOVES, HoldStatus

HELD, CONFIRMED, RELEASED = HoldStatus.HELD, HoldStatus.CONFIRMED, HoldStatus.RELEASED


def test_the_table_names_every_status() -> None:
    assert set(HOLD_MOVES) == set(HoldStatus)


@pytest.mark.parametrize("source", HoldStatus)
@pytest.mark.parametrize("target", HoldStatus)
def test_a_hold_moves_only_forward(source: HoldStatus, target: HoldStatus) -> None:
    allowed = {(HELD, CONFIRMED), (HELD, RELEASED), (CONFIRMED, RELEASED)}
    assert (target in HOLD_MOVES[source]) == ((source, target) in allowed)
