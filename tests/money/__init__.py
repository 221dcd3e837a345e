import pytest

pytest.register_assert_rewrite(
    "tests.money.acts", "tests.money.mother", "tests.money.promises", "tests.money.travellers"
)
