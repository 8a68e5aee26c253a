"""The table of transfer learning: means over seeds, intervals over pictures, and differences on the same pictures."""

from __future__ import annotations

from typing import Any

from benchmarks.transfer_table import counted, table_of

GOOD, POOR = "1" * 90 + "0" * 10, "1" * 60 + "0" * 40


def row(way: str, right: str, **more: Any) -> dict[str, Any]:
    return {"way": way, "right": right, "network": "a", "budget": 2.0, "threads": 1, "host": "here", **more}


def test_ways_are_compared_on_the_same_pictures() -> None:
    rows = [
        {"way": "folds", "network": "a", "accuracy": 0.9, "low": 0.8, "high": 0.95, "n": 50},
        row("scratch", POOR, epochs=7, minutes=1.0),
        row("scratch", POOR, epochs=9, minutes=3.0),
        row("reference", GOOD),
        row("auto", GOOD, chosen="features", minutes=2.0),
    ]
    lines = table_of(rows)
    assert lines[2].startswith("| from scratch | 0.600 [0.5")
    assert lines[2].endswith("| 0.600 to 0.600 | -0.300 [-0.390, -0.210] | 2.0 (at most 3.0) | 2 |")
    assert lines[3].endswith("| 0.900 to 0.900 | – | – | 1 |")
    assert "| +0.000 [+0.000, +0.000] |" in lines[4]
    assert "n = 100 pictures" in lines[6]
    assert "a 0.900 [0.800, 0.950], n = 50" in lines[6]
    assert "took: features 1. Epochs from scratch: 7, 9." in lines[7]


def test_values_are_counted_in_their_order() -> None:
    assert counted(iter(["b", "a", "b"])) == {"b": 2, "a": 1}
