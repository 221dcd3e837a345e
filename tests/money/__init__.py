import pytest

pytest.register_assert_rewrite("tests.money.acts", "tests.money.mother")
