from decimal import Decimal

import pytest

from common.money import CURRENCIES, MINOR_UNITS, format_amount, is_exact, minor_unit, quantize


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("35000", "INR", "35000.00"),
        ("0", "INR", "0.00"),
        ("-1.5", "USD", "-1.50"),
        ("1.005", "INR", "1.00"),
        ("1.015", "INR", "1.02"),
        ("1.0051", "INR", "1.01"),
        ("1234.5", "JPY", "1234"),
        ("1235.5", "JPY", "1236"),
        ("1", "KWD", "1.000"),
        ("1.0005", "KWD", "1.000"),
        ("1E+3", "INR", "1000.00"),
        ("999999999999.999", "KWD", "999999999999.999"),
    ],
)
def test_an_amount_is_shown_to_its_currencys_minor_unit(
    amount: str, currency: str, shown: str
) -> None:
    assert format_amount(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("amount", "currency", "exact"),
    [
        ("10.01", "INR", True),
        ("10.010", "INR", True),
        ("10.001", "INR", False),
        ("10", "JPY", True),
        ("10.1", "JPY", False),
        ("10.001", "KWD", True),
        ("10.0001", "KWD", False),
    ],
)
def test_digits_below_the_minor_unit_are_inexact(amount: str, currency: str, exact: bool) -> None:
    assert is_exact(Decimal(amount), currency) is exact


def test_halves_go_to_the_even_neighbour() -> None:
    halves = [quantize(Decimal(f"{n}.5"), "JPY") for n in range(4)]
    assert halves == [0, 2, 2, 4]


def test_the_minor_unit_is_two_unless_iso_4217_says_otherwise() -> None:
    assert {code: minor_unit(code) for code in ("INR", "JPY", "BHD")} == {
        "INR": 2,
        "JPY": 0,
        "BHD": 3,
    }


def test_currencies_are_codes_of_iso_4217() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCIES)
    assert set(MINOR_UNITS) <= CURRENCIES
