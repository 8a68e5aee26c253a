"""Cells: numbers as people write them, in one form for a whole column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tasks.data.readers import cells
from tasks.data.readers.cells import PLAIN, NumberForm


def column(*texts: str) -> pd.Series:
    return pd.Series(texts, dtype="str")


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1.234,56", "12,5", "-7"], [1234.56, 12.5, -7]),
        (["1,234.56", "12.5", "1,000"], [1234.56, 12.5, 1000]),
        (["1 234,5", "12\u00a0345,0", "3"], [1234.5, 12345, 3]),
        (["1'234.5", "2’345"], [1234.5, 2345]),
        (["€ 1.200,00", "3,50 €", "-€2"], [1200, 3.5, -2]),
        (["$1,200.50", "($30)", "-$4"], [1200.5, -30, -4]),
        (["EUR 12.5", "7 EUR"], [12.5, 7]),
        (["45%", "7.5 %"], [45, 7.5]),
        (["−3.5", "4.5-", "+1"], [-3.5, -4.5, 1]),
        (["1,5e3", "2,0E-1"], [1500, 0.2]),
        (["12,34,567.5", "1.5"], [1234567.5, 1.5]),
    ],
)
def test_the_only_form_reads_the_numbers(texts: list[str], numbers: list[float]) -> None:
    forms = cells.possible_forms(column(*texts))
    assert cells.read_numbers(column(*texts, ""), forms[0]).fillna(0).tolist() == [*numbers, 0]
    assert len({form.decimal for form in forms}) == 1


def test_a_lone_mark_before_three_digits_has_two_meanings() -> None:
    assert cells.possible_forms(column("1,234", "5")) == (NumberForm(","), NumberForm(".", ","))
    assert cells.possible_forms(column("0,234", "5")) == (NumberForm(","),)
    assert cells.plain_forms(column("1.234", "5")) == (PLAIN, NumberForm(",", "."))
    assert cells.plain_forms(column("1.234", "5.1")) == (PLAIN,)


@pytest.mark.parametrize("texts", [["€1", "$1"], ["45%", "0.45"], ["1,5", "1.5"], ["a", "b"]])
def test_units_that_differ_and_several_marks_have_no_form(texts: list[str]) -> None:
    assert cells.possible_forms(column(*texts)) == ()


def test_what_another_form_writes_is_no_number() -> None:
    found = cells.read_numbers(column("12,5", "12.5", "1.234,5", "1.234"), NumberForm(","))
    np.testing.assert_array_equal(found, [12.5, np.nan, 1234.5, np.nan])
    assert cells.read_numbers(column("0.45", "45%"), NumberForm(unit="%")).tolist()[1] == 45
    assert cells.read_numbers(column("0.45"), NumberForm(unit="%")).isna().all()
    assert cells.read_numbers(column("4", "4 €"), NumberForm(unit="€")).tolist() == [4, 4]


def test_plain_numbers_are_those_that_pandas_reads(tmp_path: object) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=2000) * 10.0 ** generator.integers(-30, 30, 2000)
    texts = pd.Series(map(repr, values.tolist()), dtype="str")
    found = cells.read_numbers(texts, PLAIN)
    assert found.tolist() == pd.read_csv(pd.io.common.StringIO("\n".join(["a", *texts])))["a"].tolist()
    assert cells.plain_numbers(column("1", "", "3")).fillna(-1).tolist() == [1, -1, 3]  # type: ignore[union-attr]
    assert cells.plain_numbers(column("inf", "1")).tolist() == [np.inf, 1]  # type: ignore[union-attr]
    assert cells.plain_numbers(column("1", "x")) is None


def test_leading_zeros_make_a_code() -> None:
    assert cells.are_codes(column("12", "01"))
    assert not cells.are_codes(column("0", "0.5", "10"))
