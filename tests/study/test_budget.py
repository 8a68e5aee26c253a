"""Budget: which table is measured next."""

from __future__ import annotations

from tasks.study.budget import TableState, next_table


def test_the_cheapest_table_is_first_and_is_finished_before_the_next() -> None:
    cheap, dear = TableState("cheap", 0, 2, 10.0), TableState("dear", 0, 2, 20.0)
    assert next_table([dear, cheap], 1000, 3, 8) == "cheap"
    assert next_table([dear, TableState("cheap", 1, 2, 50.0)], 1000, 3, 8) == "cheap"
    assert next_table([dear, TableState("cheap", 3, 2, 10.0)], 1000, 3, 8) == "dear"


def test_a_table_that_fits_whole_comes_before_one_that_does_not() -> None:
    partial, whole = TableState("a", 0, 2, 30.0), TableState("b", 0, 2, 25.0)
    assert next_table([partial, whole], 80, 3, 8) == "b"
    assert next_table([partial], 80, 3, 8) == "a"  # a wide interval is better than none
    assert next_table([partial], 29, 3, 8) is None


def test_more_seeds_go_where_most_verdicts_are_open_for_their_price() -> None:
    clear, few, many = TableState("clear", 3, 0, 1.0), TableState("few", 3, 1, 10.0), TableState("many", 3, 4, 10.0)
    assert next_table([clear, few, many], 1000, 3, 8) == "many"
    assert next_table([clear, few, TableState("many", 3, 4, 100.0)], 1000, 3, 8) == "few"
    assert next_table([clear, few, TableState("many", 8, 4, 10.0)], 1000, 3, 8) == "few"
    assert next_table([clear], 1000, 3, 8) is None
    assert next_table([few, many], 9, 3, 8) is None
