"""The report: every run gives a page that stands alone, escapes what it is told, and says what it must."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from support import report_data

from tasks.core import Drop, Estimate, Runtime
from tasks.core.number_format import unit_of
from tasks.kernels.statistics.metrics import METRICS
from tasks.report.charts.scales import scale_of
from tasks.report.figures import ReportFigures
from tasks.report.html import render_report, verdict
from tasks.report.report_data import BranchSearchReport, ReportData

ALL = (
    report_data.sample,
    report_data.unmet,
    report_data.bare,
    report_data.regression,
    report_data.crowded,
    report_data.tradeoff,
    report_data.grouped,
)
VOID = {"meta", "br", "line", "circle", "rect", "path"}


class Balance(HTMLParser):
    """Notes tags that close in the wrong order, ids that repeat, and places that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "src" or (tag == "link" and name == "href"):
                self.fetched.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


def read(page: str) -> Balance:
    parser = Balance()
    parser.feed(page)
    return parser


def words(page: str) -> str:
    """What the page says, on one line, with plain spaces."""
    return re.sub(r"\s+", " ", " ".join(read(page).words))


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_page_is_whole_and_stands_alone(make: Callable[[], ReportData]) -> None:
    page = render_report(make())
    found = read(page)
    assert found.wrong == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert found.fetched == []
    assert "url(" not in page
    assert "@import" not in page
    assert not re.search(r"\b(nan|None|inf|Undefined)\b", words(page))
    assert len(page.encode()) < 150_000


def test_sections_come_in_order() -> None:
    ids = [part for part in read(render_report(report_data.sample())).ids if not part.endswith("-title")]
    sections = ["front", "table", "test", "steps", "curves", "search", "parity", "recipe", "host", "method"]
    assert [part for part in ids if part in sections] == sections


def test_headline_is_the_chosen_one_on_test() -> None:
    said = words(render_report(report_data.sample()))
    head = said[: said.index("The Pareto front")]
    assert "Goal met; drop on test: proven within" in head
    for figure in ("3.51×", "12.1×", "0.0049", "[0.0013, 0.0085]", "0.9168", "n = 10 000"):
        assert figure in head


def test_groups_have_a_table_of_their_own() -> None:
    said = words(render_report(report_data.grouped()))
    table = said[said.index("narrow on test, group by group") : said.index("The drop of every candidate")]
    assert "for all 3 groups together: each is at 98.33 %" in table
    assert "Goal met; drop on test: proven within, but 1 group beyond the margin" in said
    assert "sex=<F> 412 0.9100 [0.8800, 0.9400] 0.8800 [0.8500, 0.9100] 0.0300 [0.0100, 0.0500]" in table
    assert "beyond the margin sex=M" in table
    assert "sex=missing 3 too few to judge" in table
    assert "int8 0.0200 [0.0000, 0.0400] 0.0000 [" in said
    assert "group by group" not in words(render_report(report_data.sample()))


def test_no_interval_of_an_accuracy_is_drawn_beyond_one() -> None:
    near = report_data.card("near", 0.9972, 0.0, 1.0, 1000, spread=0.0131)
    drawn = ReportFigures(unit_of(True, 0.01), report_data.sample().goal, METRICS["accuracy"])
    svg = drawn.stages([("baseline", near), ("int8", near)])[0]
    whiskers = [float(x) for x in re.findall(r'<line x1="[^"]*" y1="[^"]*" x2="([^"]*)"[^>]*class="whisker"', svg)]
    values = [0.9841, 1.0, 0.9972, 0.9872]
    scale = scale_of(values, 8.0, 322.0)
    assert whiskers == [pytest.approx(scale(1.0), abs=0.1)] * 2


def test_the_best_epoch_is_the_recorded_one() -> None:
    curve = tuple({"number": number, "validation_score": 0.9, "validation_loss": 1.0 / number} for number in (1, 2, 3))
    figures = ReportFigures(unit_of(True, 0.01), report_data.sample().goal, METRICS["accuracy"])
    drawn = [figures.curves("fit", curve, best)[1] for best in (1, 3)]
    marked = [re.findall(r'<line x1="([^"]*)"[^>]*class="mark"', svg) for svg in drawn]
    assert len(marked[0]) == len(marked[1]) == 1
    assert float(marked[0][0]) < float(marked[1][0])
    assert not re.findall('class="mark"', figures.curves("fit", curve, None)[1])


def test_what_is_not_proven_says_so_with_its_count() -> None:
    estimate = Estimate(0.005, -0.001, 0.011, 270)
    drop = Drop(estimate, 0.01, "within, not proven", 6717)
    assert verdict(drop) == "within, not proven (needs 6\N{NARROW NO-BREAK SPACE}717 examples)"
    assert verdict(Drop(estimate, 0.01, "within, not proven", None)) == "within, not proven"
    assert verdict(Drop(estimate, 0.01, "beyond", None)) == "beyond the margin"
    said = words(render_report(report_data.sample()))
    unproven = [e for e in report_data.entries() if e.card and e.card.drop.verdict == "within, not proven"]
    assert len(unproven) == 2
    assert said.count("within, not proven (needs") == len(unproven)


def test_every_entry_stands_with_its_reason() -> None:
    said = words(render_report(report_data.sample()))
    for entry in report_data.entries():
        assert entry.name in said
        assert entry.reason in said
    assert "low rank refused" in said
    assert "not measured" in said


def test_exit_3_says_that_the_product_is_the_baseline() -> None:
    said = words(render_report(report_data.unmet()))
    assert "No candidate meets the goal: the product is the baseline" in said
    assert "Goal met" not in said
    assert "6 tried; none meets the goal" in said


def test_beyond_on_test_is_not_called_met() -> None:
    report = report_data.sample()
    beyond = dataclasses.replace(report.test[1], drop=Drop(Estimate(0.02, 0.015, 0.025, 10_000), 0.01, "beyond", None))
    said = words(render_report(dataclasses.replace(report, test=(report.test[0], beyond))))
    assert "Chosen on validation, but on test: beyond the margin" in said
    assert "Goal met" not in said


def test_times_that_were_taken_beside_other_work_say_so() -> None:
    report = report_data.sample()
    busy = tuple(
        dataclasses.replace(card, latency=dataclasses.replace(card.latency, quiet=False)) for card in report.test
    )
    said = words(render_report(dataclasses.replace(report, test=busy)))
    head = said[: said.index("The Pareto front")]
    assert "faster, measured while other work ran" in head
    assert "measured while other work ran" not in words(render_report(report))


def test_what_is_missing_is_said_plainly() -> None:
    said = words(render_report(report_data.bare()))
    for sentence in (
        "The test split was not opened.",
        "Nothing was searched",
        "Nothing was trained",
        "No hops",
    ):
        assert sentence in said


def test_nothing_measured_gives_a_page_still() -> None:
    refused = report_data.entry("low rank", None, "Refused: layer conv1.")
    said = words(render_report(dataclasses.replace(report_data.bare(), entries=(refused,))))
    assert "Nothing was measured" in said
    assert "Refused: layer conv1." in said


def test_texts_are_escaped_and_scripts_are_not_linked() -> None:
    bad = '"><script>alert(1)</script>'
    report = report_data.sample()
    entries = (
        *report.entries,
        report_data.entry(bad, report_data.NARROW, bad, curves={bad: report_data.epochs(2, 1, 0.5, 0.9)}),
    )
    links = {"run": "https://example.org/run", "evil": "javascript:alert(1)"}
    page = render_report(dataclasses.replace(report, name=bad, answer=bad, recipe=bad, entries=entries, links=links))
    assert page.count("<script>") == 1
    assert 'href="https://example.org/run"' in page
    assert 'href="javascript' not in page
    assert read(page).wrong == []


def test_a_failed_hop_is_shown_open() -> None:
    report = report_data.sample()
    card = report.entries[2].card
    assert card
    failed = dataclasses.replace(card, parity=(dataclasses.replace(card.parity[0], passed=False),))
    entries = (*report.entries[:2], dataclasses.replace(report.entries[2], card=failed), *report.entries[3:])
    assert "1 failed" in words(render_report(dataclasses.replace(report, entries=entries)))
    assert "every hop passed" in words(render_report(report))


def test_records_without_times_or_rates_are_drawn() -> None:
    bare = ({"number": 1, "train_loss": 1.0, "validation_loss": None, "validation_score": 0.9},)
    step = report_data.step("cut", "channels", 0.0) | {"minutes": None}
    rows = (report_data.entry("a", report_data.NARROW, "Why.", curves={"train": bare}, steps=(step,)),)
    assert "a · train 1 epoch" in words(render_report(dataclasses.replace(report_data.bare(), entries=rows)))


def test_trials_that_all_failed_have_no_best() -> None:
    lost = tuple(trial | {"score": None, "state": "failed"} for trial in report_data.trials(3))
    said = words(render_report(dataclasses.replace(report_data.sample(), trials=lost)))
    assert "3 failed" in said
    assert "The best is" not in said


def test_best_trial_follows_the_metric() -> None:
    rows = [row | {"score": score} for row, score in zip(report_data.trials(2), (5.0, 4.0), strict=True)]
    rows = [row | {"state": "finished"} for row in rows]
    assert "The best is trial 1" in words(
        render_report(dataclasses.replace(report_data.regression(), trials=tuple(rows)))
    )
    assert "The best is trial 0" in words(render_report(dataclasses.replace(report_data.sample(), trials=tuple(rows))))


def test_trials_with_two_objectives_show_their_front_and_what_was_taken() -> None:
    page = render_report(report_data.tradeoff())
    said = words(page)
    assert "Trial 4 is taken, <as> told." in said
    assert "The best is" not in said
    assert said.count("finished, on the front") + said.count("stopped early, on the front") == 4
    assert "latency, ms" in said
    drawn = ElementTree.fromstring(
        re.findall(r"<svg[^>]*aria-label=\"Drop of accuracy against latency.*?</svg>", page)[0]
    )
    named = [node.text for node in drawn.iter("text") if "name" in (node.get("class") or "")]
    assert sorted(named) == ["trial 0", "trial 14", "trial 4", "trial 6"]
    hints = {node.text for node in drawn.iter("title")}
    assert "trial 4: finished; 0.9241, 3.92×" in hints, "0.094 ms of the best one over 0.024"


def test_stages_of_a_population_say_whose_values_they_show() -> None:
    alone = report_data.trials(3)
    stages = tuple(row | {"is_stage": True} for row in alone)
    said = [words(render_report(dataclasses.replace(report_data.sample(), trials=rows))) for rows in (alone, stages)]
    assert ["at the end of the stage" in each for each in said] == [False, True]


def test_trials_that_were_not_trained_are_in_the_table_alone() -> None:
    report = report_data.tradeoff()
    beyond = tuple(row | {"score": None, "reason": "beyond the limits by 20%"} for row in report.trials)
    page = render_report(dataclasses.replace(report, trials=beyond))
    assert "beyond the limits by 20%" in words(page)
    assert "Drop of accuracy against latency" not in page


def section(report: ReportData) -> str:
    """The words of the section Search."""
    said = words(render_report(report))
    return said[said.index("Which branches are tried") : said.index("Parity of each hop")]


def test_the_search_for_branches_shows_every_trial_and_how_it_ended() -> None:
    report = report_data.sample()
    said = section(report)
    assert report_data.FOUND in said
    assert "All 24 trials and the recipe's own branches" in said
    for each in report_data.tried():
        assert f"{each.name} {each.branch}" in said
        assert each.reason in said
    narrow = "narrow channels sparsity 0.5 → recover epochs 12 → int8 0.0056 3.51× 91.2 kB 0.715 – – the recipe's own"
    assert narrow in said
    assert "– – – – 0 1.0 s failed RuntimeError: <no> memory" in said
    assert "share of latency that is saved" in said
    drawn = ElementTree.fromstring(re.findall(r"<svg[^>]*aria-label=\"Drop of.*?</svg>", render_report(report))[0])
    classes = [node.get("class") for node in drawn.iter() if node.tag in ("rect", "circle")]
    assert (classes.count("own"), classes.count("trial best"), classes.count("trial")) == (2, 1, 10)


def test_a_search_that_found_no_file_has_a_table_and_no_picture() -> None:
    lost = tuple(each for each in report_data.tried() if each.state in ("given up", "failed", "stopped early"))
    report = dataclasses.replace(
        report_data.sample(), trials=(), branch_search=BranchSearchReport("None came to a file.", lost)
    )
    said = section(report)
    assert "None came to a file." in said
    assert "All 13 trials" in said
    assert "recipe's own" not in said
    assert "Drop of accuracy against" not in render_report(report)
    empty = dataclasses.replace(report, branch_search=BranchSearchReport("The search ran no trial.", ()))
    assert "The search ran no trial." in section(empty)
    assert "Nothing was searched" not in words(render_report(empty))


def test_what_is_wanted_small_is_drawn_by_its_size() -> None:
    page = render_report(
        dataclasses.replace(report_data.regression(), branch_search=BranchSearchReport("Done.", report_data.tried()))
    )
    assert "Drop of MAE against size, baseline ÷ this" in page
    assert "share of bytes that is saved" in words(page)


def test_what_the_same_model_costs_in_python() -> None:
    page = render_report(dataclasses.replace(report_data.sample(), library=report_data.in_python()))
    part = page[page.index('<section id="library"') :]
    said = " ".join(re.sub(r"<[^>]*>", " ", part[: part.index("</section>")]).split())
    said = said.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("&#8239;", " ").replace("&nbsp;", " ")
    assert "the product in ONNX Runtime 1 0.0251 ms the reference" in said
    assert "pipeline.predict of &lt;scikit-learn&gt; 1 6.01 ms 240× [231, 249]" in said
    assert "1 000 12.0 ms 3.87× [3.60, 4.10]" in said
    assert f"3 processes, 9 450 timed calls · host {report_data.HOST}." in said
    failed = dataclasses.replace(report_data.in_python(), times=(), failure="no <way>")
    page = render_report(dataclasses.replace(report_data.sample(), library=failed))
    assert "It could not be measured: no &lt;way&gt;." in page
    assert '<section id="library"' not in render_report(report_data.sample())


def test_batches_first_runs_and_memory() -> None:
    page = render_report(dataclasses.replace(report_data.sample(), profile=report_data.run_profile()))
    part = page[page.index('<section id="profile"') :]
    part = part[: part.index("</section>")]
    said = " ".join(re.sub(r"<[^>]*>", " ", part).split()).replace("\N{NARROW NO-BREAK SPACE}", " ")
    said = said.replace("&#8239;", " ").replace("&nbsp;", " ")
    assert "8 16.0 ms 5.00 ms 3.20× [2.88, 3.52]" in said
    assert "narrow &lt;b&gt; 9.00 ms [8.10, 9.90] 1.40 ms [1.26, 1.54] 7.00 MiB [6.30, 7.70]" in said
    assert "3 processes, in turns; the runtime was imported before." in said
    assert "milliseconds by batch" in part
    alone = dataclasses.replace(report_data.run_profile(), batches=(), starts=report_data.run_profile().starts[:1])
    page = render_report(dataclasses.replace(report_data.sample(), profile=alone))
    assert "No other batch was timed" in page
    failed = dataclasses.replace(report_data.run_profile(), failure="no <way>")
    page = render_report(dataclasses.replace(report_data.sample(), profile=failed))
    assert "It could not be measured: no &lt;way&gt;." in page
    assert '<section id="profile"' not in render_report(report_data.sample())


def test_the_report_says_when_the_timing_ended() -> None:
    report = report_data.sample()
    assert "The timing ended when" not in words(render_report(report))
    longer = dataclasses.replace(report, runtime=Runtime(processes=5))
    said = words(render_report(longer))
    assert "at least 3, at most 5" in said
    assert "The timing ended when the verdicts on the candidates and the choice between them were decided" in said
