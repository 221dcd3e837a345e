"""Random requests, made from the published description: no answer that it does not know."""

import pytest

from fuzz.run import ENV, fuzz
from stack.harness import LocalStack

pytestmark = pytest.mark.system

SECONDS = 45


@pytest.mark.timeout(600)
def test_every_answer_is_one_that_the_description_knows(pytestconfig):
    seed = pytestconfig.getoption("randomly_seed", default=1)
    with LocalStack(env=ENV) as stack:  # of its own: staff delete what others need
        reports = fuzz(stack, seconds=SECONDS, seed=seed)
    assert not reports, "\n".join(reports)
