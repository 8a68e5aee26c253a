"""The tables of docs/benchmarks.md and README.md: lines go between their marks, and the two pages agree."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import publish
from benchmarks.publish import lines_of, network_rows, recipe_rows, summary, with_lines

ROOT = Path(publish.__file__).parent.parent
ESTIMATE = {"value": 0.25, "low": -0.5, "high": 1.0, "n": 5000}
RECIPES = """<!-- results: begin -->
| recipe | product | accuracy on test | paired drop on test | latency against the baseline | file | host |
|---|---|---|---|---|---|---|
| `a` | int8 | 0.9 [0.8, 1.0], n = 1,234 | 0.1 [0.0, 0.2]: beyond (margin 0.02) | 2.0 [1.0, 3.0]×, 5 processes: faster | 86 KB, 3.3× smaller | here, 2 cores |
<!-- results: end -->"""  # noqa: E501 - a row of a table is one line


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The benchmarks that make tables, as they are run: with their own folder on the path."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return {name: importlib.import_module(name) for name in ("comparison", "results")}


def test_lines_go_between_the_marks_of_their_name() -> None:
    one, other = (f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->\n" for name in ("one", "other"))
    text = with_lines(f"a\n{one}{other}b", "one", ["| new |"])
    assert text == f"a\n{one.replace('old', '| new |')}{other}b"
    assert with_lines(text, "one", ["| new |"]) == text
    assert lines_of(text, "one") == ["| new |"]
    with pytest.raises(SystemExit, match="no marks"):
        with_lines("a", "one", [])


def test_the_row_of_a_recipe_keeps_count_interval_and_host() -> None:
    (row,) = recipe_rows(RECIPES)
    assert str(row) == (
        "| `a`, n = 1,234 | int8 | 0.1 [0.0, 0.2]: beyond (margin 0.02) | 2.0 [1.0, 3.0]× | 3.3× smaller |"
    )
    assert row.host == "here, 2 cores"


def test_of_a_table_beside_other_tools_the_rows_with_a_file_of_paredown_are_taken(
    scripts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts["comparison"], "host_name", lambda: "there, 1 cores")
    file = {"file": "int8", "drop": ESTIMATE, "verdict": "beyond", "ratio": ESTIMATE, "ratio at batch 32": ESTIMATE}
    rows = [
        {"tool": "all", "file": "int8", "margin": None},
        {"tool": "Paredown", "margin": 0.005, **file, "size_ratio": 3.8, "minutes": 7},
        {"tool": "another", "margin": 0.005, **file, "size_ratio": 3.8, "minutes": 7},
        {"tool": "Paredown", "margin": 0.01, "file": None},
    ]
    lines = scripts["comparison"].table(rows, "resnet8")
    marked = "\n".join(["<!-- compression resnet8: begin -->", *lines, "<!-- compression resnet8: end -->"])
    (row,) = network_rows(marked)
    assert (row.case, row.margin, row.n, row.host) == ("resnet8", "0.005", "5,000", "there, 1 cores")
    assert (row.product, row.drop) == ("int8", "0.2500 [-0.5000, 1.0000]: beyond")
    assert (row.speed, row.size) == ("0.25 [-0.50, 1.00]×", "3.8×")


def test_a_recipe_replaces_its_own_row_only(scripts: dict[str, ModuleType]) -> None:
    lines = [*lines_of(RECIPES, "results"), "| `c` | old |"]
    found = scripts["results"].table(scripts["results"].table(lines, "b", "| `b` | new |"), "c", "| `c` | new |")
    assert found == [*lines[:3], "| `b` | new |", "| `c` | new |"]


def test_the_readme_shows_what_stands_in_the_benchmarks() -> None:
    readme, benchmarks = ((ROOT / page).read_text() for page in (publish.README, publish.BENCHMARKS))
    assert with_lines(readme, publish.SUMMARY, summary(benchmarks)) == readme


def test_a_row_that_is_missing_is_named() -> None:
    with pytest.raises(SystemExit, match="no row of `digits` with the margin 0"):
        summary(RECIPES)
