"""The tables of docs/benchmarks.md, and the few of their rows that README.md shows.

    python benchmarks/publish.py

writes the table of README.md again from those of docs/benchmarks.md. A benchmark that puts its own table into
docs/benchmarks.md does the same afterwards, so that the two pages always agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS, README = Path("docs/benchmarks.md"), Path("README.md")
RESULTS, SUMMARY = "results", "summary"
"""Names of marks: the table of recipes in docs/benchmarks.md, and the one table of README.md."""
SHOWN = (
    ("`digits`", "0.01"),
    ("`fashion_mnist`", "0.01"),
    ("resnet20", "0.005"),
    ("resnet44", "0.005"),
    ("resnet44", "0.01"),
)
"""The rows of README.md in their order: recipe or network, and margin."""
HEAD = ["| case | product | drop in accuracy | speed | size |", "|---|---|---|---|---|"]


@dataclass(frozen=True)
class Row:
    """What README.md shows of one row of docs/benchmarks.md, as text."""

    case: str
    margin: str
    n: str
    """How many test examples there are."""
    product: str
    drop: str
    """With its interval and its verdict."""
    speed: str
    """The baseline's time over the product's, with its interval."""
    size: str
    host: str

    def __str__(self) -> str:
        drop = f"{self.drop} (margin {self.margin})"
        return f"| {self.case}, n = {self.n} | {self.product} | {drop} | {self.speed} | {self.size} smaller |"


def main() -> None:
    """Writes README.md's table again."""
    README.write_text(with_lines(README.read_text(), SUMMARY, summary(BENCHMARKS.read_text())))


def publish(name: str, lines: Sequence[str]) -> None:
    """Puts the lines between the marks of that name in docs/benchmarks.md, and keeps README.md in step."""
    BENCHMARKS.write_text(with_lines(BENCHMARKS.read_text(), name, lines))
    main()


def lines_of(text: str, name: str) -> list[str]:
    """The lines between the marks of that name; it ends the program when the text has no such marks."""
    _, lines, _ = _parts(text, name)
    return lines.strip().splitlines()


def with_lines(text: str, name: str, lines: Sequence[str]) -> str:
    """The text with these lines between the marks of that name; it ends the program when there are no such marks."""
    before, _, after = _parts(text, name)
    return "\n".join([before, *lines, after])


def summary(benchmarks: str) -> list[str]:
    """README.md's table and its hosts, from the text of docs/benchmarks.md."""
    known = {(row.case, row.margin): row for row in (*recipe_rows(benchmarks), *network_rows(benchmarks))}
    if missing := [key for key in SHOWN if key not in known]:
        raise SystemExit(f"{BENCHMARKS} has no row of {missing[0][0]} with the margin {missing[0][1]}")
    rows = [known[key] for key in SHOWN]
    hosts: dict[str, list[str]] = {}
    for row in rows:
        hosts.setdefault(row.host, []).append(row.case)
    told = "; ".join(f"{host} ({', '.join(dict.fromkeys(cases))})" for host, cases in hosts.items())
    return [*HEAD, *map(str, rows), "", f"Host: {told}."]


def recipe_rows(benchmarks: str) -> Iterator[Row]:
    """The rows of the recipes."""
    for recipe, product, score, drop, latency, file, host in _cells(lines_of(benchmarks, RESULTS)):
        found, margin = _taken(r"(.+) \(margin ([\d.]+)\)", drop)
        (n,), (size,) = _taken(r".+, n = ([\d,]+)", score), _taken(r".+, ([\d.]+×) smaller", file)
        (speed,) = _taken(r"(.+×), \d+ processes: .+", latency)
        yield Row(recipe, margin, n, product, found, speed, size, host)


def network_rows(benchmarks: str) -> Iterator[Row]:
    """Paredown's rows of the tables beside other tools."""
    for network in re.findall(r"<!-- compression (\S+): begin -->", benchmarks):
        lines = lines_of(benchmarks, f"compression {network}")
        n, host = _taken(r"n = ([\d,]+) .*Host: (.+)\.", lines[-1])
        for within, tool, product, drop, speed, _, size, _ in _cells(lines):
            if tool == "Paredown" and drop:
                margin = f"{float(within.split()[0]) / 100:g}"
                yield Row(network, margin, n, product, drop, speed, size, host)


def _cells(lines: Sequence[str]) -> Iterator[list[str]]:
    """The cells of a table's rows, without its head."""
    for line in [line for line in lines if line.startswith("|")][2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def _taken(pattern: str, text: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, text)
    if found is None:
        raise SystemExit(f"{BENCHMARKS} has {text!r} where {pattern!r} should match")
    return found.groups()


def _parts(text: str, name: str) -> tuple[str, str, str]:
    """The text up to and with the first mark, what is between the two, and the rest."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    if begin not in text or end not in text:
        raise SystemExit(f"there are no marks {begin} and {end}")
    before, rest = text.split(begin)
    between, after = rest.split(end)
    return before + begin, between, end + after


if __name__ == "__main__":
    main()
