"""Studies whole: what `paredown study` says of a recipe, and how long it takes.

    python benchmarks/studies.py digits [--publish] [--picture architectures]
    python benchmarks/studies.py adult --data FOLDER [--publish]
    python benchmarks/studies.py fashion_mnist --data FOLDER [--publish]

The FOLDER of adult holds adult.data and adult.test; that of Fashion-MNIST its IDX files, of which 10,000 images train.
`--set study.minutes=30` changes a setting of the study. With `--publish` the sentences go into docs/benchmarks.md, and
with `--picture` the picture of scores and costs of a table into docs/study.svg.

The home (`PAREDOWN_HOME`) keeps what was measured: a study that was stopped goes on where it was, and then the minutes
of the wall are those of the last start.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path

from publish import BENCHMARKS, lines_of, publish

from flows.services import environment
from flows.study.outputs.study_page_data import page_of_study
from flows.study.outputs.study_text import notes_of
from flows.study.study_outcome import StudyResult
from tasks.report.html import TEMPLATES
from tasks.report.study_pictures import draw_table

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "digits": ("study.minutes=18", "train.epochs=8"),
    "adult": ("study.minutes=15", "model.family=lightgbm", "study.confirm=false"),
    "fashion_mnist": ("study.minutes=45", "train.epochs=3", "data.window=10000 rows", "study.confirm=false"),
}
"""What each study changes in its recipe, so that it ends within an evening on two cores."""
PICTURE = Path("docs/study.svg")


def main() -> None:
    """Runs one study, prints its sentences, and writes them where asked."""
    options = read_options()
    mark = f"study {options.recipe}"
    if options.publish:
        lines_of(BENCHMARKS.read_text(), mark)  # marks that are missing show before the hour, not after
    values = [*SETTINGS[options.recipe], *sources(options.recipe, options.data), *options.values]
    environment.prepare_environment()
    from flows.study.studying import study  # not above: Prefect reads its settings when it is imported

    started = time.monotonic()
    outcome = study(str(Path("conf", f"{options.recipe}.yaml")), values)
    minutes = (time.monotonic() - started) / 60
    lines = lines_of_study(outcome.result, minutes)
    print("\n".join(lines))
    if options.publish:
        publish(mark, lines)
    if options.picture:
        PICTURE.write_text(picture_of(outcome.result, options.picture))


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=[*SETTINGS])
    parser.add_argument("--data", type=Path, help="the folder with the data; digits needs none")
    parser.add_argument("--set", action="append", default=[], dest="values", metavar="KEY=VALUE")
    parser.add_argument("--publish", action="store_true", help="put the sentences into docs/benchmarks.md")
    parser.add_argument("--picture", metavar="TABLE", help="put the picture of this table into docs/study.svg")
    options = parser.parse_args()
    if options.data is None and options.recipe != "digits":
        parser.error(f"{options.recipe} needs --data FOLDER")
    return options


def sources(recipe: str, folder: Path) -> list[str]:
    """Where the data of a recipe are."""
    if recipe == "adult":
        return [f"data.source={folder / 'adult.data'}", f"data.test={folder / 'adult.test'}"]
    return [f"data.source={folder}"] if recipe == "fashion_mnist" else []


def lines_of_study(result: StudyResult, minutes: float) -> list[str]:
    """A table of verdicts, and below it what they rest on."""
    found = ["| table | seeds | verdict |", "|---|---|---|"]
    for table in result.tables:
        seeds = sorted({row.seeds for row in table.rows})
        count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        found.append(f"| {table.design.title} | {count} | {table.verdict.replace('|', '/')} |")
    found += [f"| {each.title} | – | left out: {each.reason} |" for each in result.left_out]
    told = [*notes_of(result), *([f"{result.confirmation.sentence}."] if result.confirmation else [])]
    found += ["", " ".join(told)] if told else []
    found += [
        "",
        f"{result.minutes:.1f} minutes of measuring, {minutes:.1f} in all; n = {result.n:,} validation examples; the "
        f"intervals of a table hold together in 95 % of cases. Host: {result.host}.",
    ]
    return found


def picture_of(result: StudyResult, name: str) -> str:
    """The first picture of a table as an SVG file of its own, with the style of the report. Ends where it has none."""
    page = page_of_study(result)
    table = next((each for each in page["tables"] if each["name"] == name), None)
    drawn = next(iter(draw_table(table, page["metric"]).values()), "") if table else ""
    if not drawn:
        raise SystemExit(f"this study has no picture of {name}")
    head, _, body = drawn.removeprefix("<svg").partition(">")
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return f'<svg xmlns="http://www.w3.org/2000/svg"{head}><style>{style}</style>{body}\n'


if __name__ == "__main__":
    main()
