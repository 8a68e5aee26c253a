"""The report of a run: the words and numbers that people read are those that were measured."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support import report_data

from flows.pipeline.findings import Findings
from flows.recipe.loading import validate_recipe
from flows.results import answer_text, report_builder
from tasks.core import Drop, Estimate, Goal, GroupScore, Reference, Scorecard
from tasks.core.goal import Limits
from tasks.evaluation.selection import select
from tasks.kernels.statistics.metrics import METRICS
from tasks.report.html import render_report
from tasks.report.report_data import ReportData
from tasks.search.results import EXCESS, SearchResult, Trial

if TYPE_CHECKING:
    from support.plain_run import PlainRun


@pytest.fixture(scope="module")
def told(plain: PlainRun) -> ReportData:
    return report_builder.build_report(plain.findings, plain.workspace.store, 12.5, {"MLflow run": "abc"})


def baseline_of(findings: Findings) -> str:
    return findings.results[0].stages[0].exported.digest


def with_test(findings: Findings, **changes: Any) -> Findings:
    """The same findings with another test card of the chosen one."""
    chosen = findings.choice.chosen
    card: Scorecard = dataclasses.replace(findings.test[chosen], **changes)
    return dataclasses.replace(findings, test={**findings.test, chosen: card})


def refuted(findings: Findings) -> Findings:
    card = findings.test[findings.choice.chosen]
    estimate = dataclasses.replace(card.drop.estimate, value=0.0312)
    found = with_test(findings, drop=dataclasses.replace(card.drop, estimate=estimate, verdict="beyond"))
    return dataclasses.replace(found, meets_goal=False, product=found.results[0].stages[0].exported)


def nothing_chosen(findings: Findings) -> Findings:
    """The same findings under a goal that no file can meet."""
    goal = Goal(max_drop=1.0, minimize="latency", limits=Limits(bytes=1))
    products = [line.product.digest for line in findings.results if line.product and line.role != "control"]
    choice = select({digest: findings.cards[digest] for digest in products}, baseline_of(findings), goal)
    recipe = findings.recipe.model_copy(update={"goal": goal})
    return dataclasses.replace(findings, recipe=recipe, choice=choice, meets_goal=False)


def test_the_answer_has_the_numbers_of_the_test(plain: PlainRun) -> None:
    card = plain.findings.test[plain.findings.choice.chosen]
    drop = dataclasses.replace(
        card.drop, verdict="proven within", estimate=dataclasses.replace(card.drop.estimate, value=0.0042, n=1360)
    )
    ratio = dataclasses.replace(card.latency.ratio, value=2.25)
    fast = dataclasses.replace(card.latency, ratio=ratio, verdict="faster")
    found = with_test(plain.findings, name="narrow", drop=drop, latency=fast, size_ratio=3.21)
    assert answer_text.product_answer(found) == (
        "narrow is 2.25× as fast as the baseline and 3.21× smaller; "
        "on 1,360 test examples it loses 0.0042 accuracy: proven within 1."
    )
    gained = dataclasses.replace(
        drop, estimate=dataclasses.replace(drop.estimate, value=-0.01), verdict="within, not proven", needed=4321
    )
    slow = dataclasses.replace(fast, verdict="no measurable change")
    assert answer_text.product_answer(with_test(found, drop=gained, latency=slow)) == (
        "narrow is not measurably faster than the baseline (no measurable change) and 3.21× smaller; on 1,360 test "
        "examples it gains 0.0100 accuracy: within 1, though 1360 examples do not prove it; 4,321 examples would."
    )
    same = dataclasses.replace(drop, estimate=dataclasses.replace(drop.estimate, value=0.0))
    assert "it loses no accuracy:" in answer_text.product_answer(with_test(found, drop=same))


def test_the_answer_when_nothing_suits_or_the_test_refutes(plain: PlainRun) -> None:
    said = answer_text.product_answer(nothing_chosen(plain.findings))
    assert said.startswith(
        "No candidate keeps accuracy within 1 and gains on latency: the product is the baseline. "
        "The nearest miss is narrow"
    )
    assert said.endswith(", above the limit 1.")
    name = plain.findings.test[plain.findings.choice.chosen].name
    assert answer_text.product_answer(refuted(plain.findings)) == (
        f"{name} was chosen on validation, but on test it loses 0.0312 accuracy, beyond 1: the product is the baseline."
    )


def test_a_group_beyond_its_limit_refutes_the_choice(plain: PlainRun) -> None:
    score, lost = Estimate(0.9, 0.8, 1.0, 40), Estimate(0.075, 0.03, 0.12, 40)
    hurt = GroupScore("sex", "F", 40, dataclasses.replace(score, value=0.825), Drop(lost, 0.02, "beyond", None))
    found = with_test(plain.findings, name="narrow", groups=(hurt,))
    baseline = baseline_of(found)
    before = dataclasses.replace(found.test[baseline], groups=(dataclasses.replace(hurt, score=score),))
    found = dataclasses.replace(found, test={**found.test, baseline: before}, meets_goal=False)
    mean = found.test[found.choice.chosen].drop.estimate.value
    assert answer_text.product_answer(found) == (
        "narrow was chosen on validation, but on test accuracy of sex=F (n = 40) falls by 0.0750 [0.0300, 0.1200], "
        f"beyond 0.02, though the mean drop is {mean:.4f}: the product is the baseline."
    )
    kept = dataclasses.replace(found, meets_goal=True)
    said = answer_text.answer_of(kept)
    assert "narrow is " in said
    assert "On test, accuracy of sex=F (n = 40) falls by 0.0750 [0.0300, 0.1200], beyond 0.02, though" in said


def test_one_row_for_every_line_with_its_reason(told: ReportData, plain: PlainRun) -> None:
    assert [(entry.name, entry.role) for entry in told.entries] == [
        (line.name, line.role) for line in plain.findings.results
    ]
    rows = {entry.name: entry for entry in told.entries}
    assert rows["backwards"].card is None
    assert rows["backwards"].reason == plain.findings.results[3].refusal
    assert "never chosen" in rows["dense control"].reason
    chosen = [entry.name for entry in told.entries if entry.chosen]
    assert chosen == [plain.findings.product.name]
    for line, entry in zip(plain.findings.results, told.entries, strict=True):
        if entry.card is not None:
            assert line.product is not None
            assert entry.card == plain.findings.cards[line.product.digest]


def test_a_reason_does_not_repeat_the_name_beside_it(plain: PlainRun) -> None:
    refused = dataclasses.replace(plain.findings.results[3], name="int8", refusal="int8: layer 3 is too small")
    assert report_builder.reason_of(refused, plain.findings) == "layer 3 is too small"
    assert report_builder.reason_of(dataclasses.replace(refused, name="mine"), plain.findings) == refused.refusal


def test_the_baseline_is_the_chosen_row_when_the_test_refutes(plain: PlainRun) -> None:
    found = report_builder.build_report(refuted(plain.findings), plain.workspace.store, 1.0, {})
    assert [entry.name for entry in found.entries if entry.chosen] == ["baseline"]
    rows = {entry.name: entry.reason for entry in found.entries}
    assert rows["baseline"] == "kept: the choice of validation did not hold on test"
    assert rows[plain.findings.product.name] == "chosen on validation, but refuted on test"


def test_a_row_shows_its_stages_steps_and_curves(told: ReportData, plain: PlainRun) -> None:
    row = next(entry for entry in told.entries if entry.name == "narrow-int8")
    labels = ["baseline", "channels sparsity 0.5", "recover epochs 1", "int8"]
    assert [stage.label for stage in row.stages] == labels
    assert [step["label"] for step in row.steps] == labels
    assert [step["technique"] for step in row.steps] == ["train", "channels", "recover", "int8"]
    assert row.steps[0]["summary"].startswith("best epoch ")
    assert "ended by epochs" in row.steps[0]["summary"]
    assert "channels kept in" in row.steps[1]["summary"]
    assert row.steps[3]["summary"].startswith("variant ")
    assert row.steps[0]["minutes"] > 0
    assert row.curves.keys() == {"baseline", "recover epochs 1"}
    assert [epoch["number"] for epoch in row.curves["baseline"]] == [1, 2]
    assert [epoch["number"] for epoch in row.curves["recover epochs 1"]] == [0, 1]
    for label, curve in row.curves.items():
        scores = {epoch["number"]: epoch["validation_score"] for epoch in curve}
        assert scores[row.best_epochs[label]] == max(scores.values())
    assert f"best epoch {row.best_epochs['baseline']} of 2" in row.steps[0]["summary"], "the same in chart and words"


def test_the_test_cards_and_the_frame_are_those_of_the_run(told: ReportData, plain: PlainRun) -> None:
    assert told.test == tuple(plain.findings.test.values())
    assert (told.name, told.metric.name, told.duration_s) == ("tiny", "accuracy", 12.5)
    assert told.links == {"MLflow run": "abc"}
    assert told.data["examples"].startswith("1,079 train")
    assert told.data["one example"] == "8 × 8 × 1 uint8"
    assert told.data["train classes"].startswith("0 106, 1 110, 2 107, 3 109, ")
    assert "Refused on the way: backwards." in told.notes
    assert told.trials == ()
    assert told.branch_search is None


def test_the_recipe_in_the_report_runs_again(told: ReportData, plain: PlainRun) -> None:
    assert validate_recipe(yaml.safe_load(told.recipe)) == plain.recipe
    assert "learning_rate: 0.01" in told.recipe
    assert "weight_decay" not in told.recipe, "only what the user said"


def test_a_report_becomes_a_page_that_names_every_row(told: ReportData, tmp_path: Path) -> None:
    page = render_report(told)
    assert all(entry.name in page for entry in told.entries)
    assert page.count("<html") == 1


@pytest.mark.parametrize(("metric", "score"), [("accuracy", -0.25), ("log_loss", 0.25)])
def test_trials_are_told_in_the_metric_s_own_sign(metric: Any, score: float, plain: PlainRun) -> None:
    trials = (
        Trial(0, {"train.epochs": 1}, -0.25, ((1, -0.5), (2, -0.25)), "stopped early", 3.0),
        Trial(1, {"train.epochs": 2}, None, (), "failed", 1.0, reason="OSError: gone"),
    )
    recipe = plain.recipe.model_copy(update={"goal": Goal(metric=metric)})
    found = dataclasses.replace(plain.findings, recipe=recipe, tuned=SearchResult({"train.epochs": 1}, trials))
    first, failed = report_builder.trial_rows(found)
    assert (first["score"], first["epochs"], first["state"]) == (score, 2, "stopped early")
    assert (failed["score"], failed["epochs"], failed["reason"]) == (None, 0, "OSError: gone")
    assert json.dumps([first, failed])


def test_a_search_that_found_nothing_is_noted(plain: PlainRun) -> None:
    found = dataclasses.replace(plain.findings, tuned=SearchResult({}, ()))
    assert any(note.startswith("No trial of the search finished an epoch") for note in report_builder.notes(found))
    assert not any("No trial" in note for note in report_builder.notes(plain.findings))
    broken = dataclasses.replace(found, tuned=SearchResult({}, (), "RuntimeError: no cluster"))
    (note,) = [note for note in report_builder.notes(broken) if "no cluster" in note]
    assert note == "The search ended before its budget was spent: RuntimeError: no cluster."


def test_what_is_not_proven_on_test_is_noted(plain: PlainRun) -> None:
    card = plain.findings.test[plain.findings.choice.chosen]
    drop = dataclasses.replace(card.drop, verdict="within, not proven", needed=4321)
    (note,) = [note for note in report_builder.notes(with_test(plain.findings, drop=drop)) if "4,321" in note]
    assert note.startswith(f"{card.name} on test: within 1, though ")


def test_a_trial_beyond_the_limits_has_no_score_but_a_reason() -> None:
    beyond = Trial(3, {"a": 1}, -1.2e6, ((1, -1.2e6),), "finished", 1.0, {"bytes": 120.0, EXCESS: 0.2})
    row = report_builder.trial_row(beyond, METRICS["accuracy"], "bytes")
    assert (row["score"], row["cost"], row["epochs"], row["reason"]) == (None, 120.0, 0, "beyond the limits by 20%")
    within = Trial(4, {"a": 1}, -0.25, ((1, -0.25),), "finished", 1.0, {"bytes": 90.0})
    row = report_builder.trial_row(within, METRICS["rmse"], None)
    assert (row["score"], row["cost"], row["epochs"], row["reason"]) == (0.25, None, 1, "")


def compared(*gains: tuple[str, float, float]) -> Scorecard:
    """A baseline of accuracy 0.9 on 500 test examples: names with the gain and half of its interval."""
    references = []
    for name, gain, half in gains:
        verdict: Any = "better" if gain > half else "not proven better" if gain > 0 else "no better"
        score = Estimate(0.9 - gain, 0.9 - gain - half, 0.9 - gain + half, 500)
        references.append(Reference(name, score, Estimate(gain, gain - half, gain + half, 500), verdict))
    card = report_data.card("baseline", 0.9, 0.0, 2.84, 1_102_336, n=500, split="test")
    return dataclasses.replace(card, references=tuple(references))


@pytest.mark.parametrize(
    ("gains", "sentences"),
    [
        ((), []),
        ((("always 'no'", 0.3, 0.02), ("a logistic regression", 0.1, 0.02)), []),
        (
            (("always 'no'", 0.0, 0.02), ("a logistic regression", -0.1, 0.02)),
            [
                "The baseline has learned nothing: on 500 test examples it is no better than to answer always 'no' "
                "(accuracy 0.9000 against 0.9000), so it becomes no champion."
            ],
        ),
        (
            (("always 'no'", 0.01, 0.02), ("always 'yes'", -0.02, 0.01), ("a logistic regression", -0.05, 0.02)),
            [
                "The baseline is not proven better than to answer always 'no': on 500 test examples it gains 0.0100 "
                "[-0.0100, 0.0300].",
                "The baseline is no better than to answer always 'yes' (accuracy 0.9000 against 0.9200, on 500 test "
                "examples).",
                "The baseline is no better than a logistic regression that is fitted in a second (accuracy 0.9000 "
                "against 0.9500, on 500 test examples).",
            ],
        ),
    ],
)
def test_a_baseline_that_a_simpler_answer_equals_comes_first(gains: Any, sentences: list[str]) -> None:
    assert answer_text.baseline_warnings(compared(*gains)) == sentences
