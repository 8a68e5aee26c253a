"""Added data: windows that can be read."""

from __future__ import annotations

import pytest

from tasks.core import InputError
from tasks.data.additions.added_data import Window, read_window


@pytest.mark.parametrize(
    ("given", "count", "unit"),
    [
        (1000, 1000, "rows"),
        ("100000 rows", 100_000, "rows"),
        ("100,000 rows", 100_000, "rows"),
        ("1 row", 1, "rows"),
        ("90 days", 90 * 86_400, "seconds"),
        ("1 day", 86_400, "seconds"),
        (" 8 weeks ", 8 * 7 * 86_400, "seconds"),
        ("12hours", 12 * 3600, "seconds"),
    ],
)
def test_rows_and_times(given: str | int, count: int, unit: str) -> None:
    assert read_window(given) == Window(count, unit)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["90", "0 days", "-3 rows", "90 moons", "1.5 days", "", 0, -5])
def test_what_is_no_window(given: str | int) -> None:
    with pytest.raises(InputError, match="must be a number of rows, or a time"):
        read_window(given)
