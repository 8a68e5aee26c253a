"""One trial of a compression search, without Ray."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from support import runs
from support.trial_context import FakeTrialContext

from flows.recipe.schema import Recipe
from flows.trials.branch_scoring import Reference
from flows.trials.compression_trial import CompressionObjective
from tasks.compression import compress, run_step
from tasks.compression.branch import BASELINE
from tasks.core import Goal, Limits, Refusal
from tasks.core.candidate import candidate_from
from tasks.evaluation import latencies
from tasks.kernels.engines.runtime_record import installed_version, read_runtime
from tasks.kernels.onnx import description

if TYPE_CHECKING:
    from support.plain_run import PlainRun


pytestmark = pytest.mark.usefixtures("short_timing")


@pytest.fixture
def context(plain: PlainRun, tmp_path: Path) -> Any:
    return FakeTrialContext(plain.workspace, tmp_path / "trial", objective_of(plain).arrays(plain.workspace.store))


def objective_of(plain: PlainRun, **changes: Any) -> CompressionObjective:
    """The tiny recipe's: it wants few bytes and may lose anything."""
    findings = plain.findings
    baseline = findings.results[0].stages[0]
    score = findings.cards[baseline.exported.digest].score.value
    recipe = runs.tiny_recipe()
    reference = Reference(recipe, findings.prepared, baseline.model, baseline.exported, score, 0.0, 2)
    return CompressionObjective(dataclasses.replace(reference, **changes))


FILLED = {"branch": "narrow", "narrow.0.sparsity": 0.25}
NARROW = {
    "reduce": "channels",
    "channels.sparsity": 0.5,
    "channels.importance": "magnitude",
    "recover.epochs": 2,
    "recover.learning_rate": 0.003,
    "recover.temperature": 4.0,
    "finish": "int8",
}


def test_a_branch_is_run_recovered_and_ranked(plain: PlainRun, context: Any) -> None:
    objective_of(plain)(NARROW, context)
    assert list(context.curve) == [1, 2, 3], "two epochs, then the file"
    (answer,) = context.answers
    assert [label.partition(" ")[0] for label, _ in answer["stages"]] == ["channels", "recover", "int8"]
    rank, measured = context.curve[3], context.measured[-1]
    assert answer["rank"] == rank
    candidates = [candidate_from(fields) for _, fields in answer["stages"]]
    product = plain.workspace.store.path(candidates[-1].content)
    assert description.describe(product).bytes == measured["bytes"]
    baseline = plain.findings.cards[plain.findings.results[0].stages[0].exported.digest]
    # Bytes are what the goal wants least of: the rank is the share of them that is saved.
    assert rank == pytest.approx(1 - measured["bytes"] / baseline.size.bytes)
    assert {candidate.content for candidate in candidates} <= context.needed
    assert all(plain.workspace.store.holds(digest) for digest in context.needed)
    assert (context.folder / "1.pt").exists(), "the recovery's checkpoint"


@pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
def test_a_file_is_measured_in_the_engine_that_the_recipe_names_first(plain: PlainRun, context: Any) -> None:
    runtime = {"engine": ["openvino"], "precision": ["f32"], "processes": 3}
    recipe = runs.tiny_recipe(goal={"max_drop": 1.0, "minimize": "latency"}, runtime=runtime)
    timed: list[str] = []
    measure = latencies.measure_latency

    def spy(files: Any, baseline: str, *rest: Any) -> Any:
        timed.extend(read_runtime(path).engine for digest, path in files.items() if digest != baseline)
        return measure(files, baseline, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latencies, "measure_latency", spy)
        objective_of(plain, recipe=recipe, bar=-10.0)(FILLED, context)
    assert set(timed) == {"openvino"}
    assert context.answers[0].get("rank") is not None


def test_what_the_recipe_s_own_branch_did_is_not_done_again(plain: PlainRun, context: Any) -> None:
    """The own branch is a cut and a recovery of a search's trial; the other goes on from there."""
    own = {"name": "own", "steps": [{"step": "channels", "sparsity": 0.25}, {"step": "recover", "epochs": 1}]}
    recipe = runs.tiny_recipe(compress={"branches": [own]})
    objective_of(plain, recipe=recipe)({"branch": "own", "own.0.sparsity": 0.25}, context)
    stages = tuple((label, candidate_from(fields)) for label, fields in context.answers[0]["stages"])
    made: list[Any] = []
    run = run_step.run_step

    def spy(step: Any, *rest: Any) -> Any:
        made.append(step)
        return run(step, *rest)

    further = {**NARROW, "start": "own", "recover.epochs": 1}
    objective = objective_of(plain, recipe=recipe, starts={"own": stages})
    assert {stages[-1][1].content} <= set(objective.needs())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_step, "run_step", spy)
        objective(further, context)
    assert len(made) >= 3
    assert not {step for step in made if step in recipe.compress.branches[0].steps}
    titles = [label.partition(" ")[0] for label, _ in context.answers[1]["stages"]]
    assert titles == ["channels", "recover", "channels", "recover", "int8"]
    with pytest.raises(Refusal):
        objective({**further, "reduce": "blocks", "blocks.remove": 1}, context)
    assert context.measured[-1]["refused"] == 0, "the first technique of its own"


def test_epochs_are_ranked_by_what_the_network_loses(plain: PlainRun, context: Any) -> None:
    strict = Recipe.model_validate(
        runs.tiny_recipe().model_dump(mode="json") | {"goal": {"max_drop": 0.0, "minimize": "bytes"}}
    )
    objective = objective_of(plain, recipe=strict, score=2.0)  # nobody reaches twice the best accuracy
    objective(FILLED, context)
    assert list(context.curve) == [2, 3], "one epoch of one stands where the second of two does, then the file"
    measured = context.measured[0]
    assert context.curve[2] == pytest.approx(-measured["drop"] / 2.0)
    assert 1.0 <= measured["drop"] <= 2.0


def test_a_file_beyond_the_limit_of_a_group_does_not_meet_the_goal(plain: PlainRun, context: Any) -> None:
    """The group of what the baseline knows: it can only lose, so that it is beyond a limit of 0."""
    store, prepared = plain.workspace.store, plain.findings.prepared
    split = prepared.dataset.splits["validation"]
    is_right = context.shared[BASELINE].argmax(axis=1) == store.get_array(split.targets)
    frame = pd.DataFrame({"known": pd.Categorical(np.where(is_right, "yes", "no"), ["no", "yes"])})
    splits = {**prepared.dataset.splits, "validation": dataclasses.replace(split, groups=store.put_frame(frame))}
    judged = dataclasses.replace(prepared, dataset=dataclasses.replace(prepared.dataset, splits=splits))
    goal = Goal(max_drop=1.0, minimize="bytes", limits=Limits(group_drop=0.0))
    recipe = runs.tiny_recipe().model_copy(update={"goal": goal})
    point = {"branch": "narrow", "narrow.0.sparsity": 0.9}
    objective_of(plain, recipe=recipe, prepared=judged)(point, context)
    assert context.answers[0]["rank"] < 0
    objective_of(
        plain, recipe=recipe.model_copy(update={"goal": Goal(max_drop=1.0, minimize="bytes")}), prepared=judged
    )(point, context)
    assert context.answers[1]["rank"] > 0


def test_what_cannot_beat_the_best_is_given_up_before_it_trains(plain: PlainRun, context: Any) -> None:
    objective_of(plain, bar=0.99)(FILLED, context)
    (answer,) = context.answers
    assert answer["refusal"].startswith("given up before its recovery: ")
    ((epoch, rank),) = context.curve.items()
    assert epoch == 0, "no scheduler compares it with those that train"
    assert context.measured[0]["bound"] == pytest.approx(rank + 0.99)
    assert -0.99 < rank <= 0, "it stays behind: what meets the goal and saves as much stands above it"
    assert context.measured[0]["speedup"] > 0
    assert not list(context.folder.iterdir()), "nothing was trained"


def test_a_branch_without_training_reports_its_file_alone(plain: PlainRun, context: Any) -> None:
    objective_of(plain)({"reduce": "nothing", "finish": "int8"}, context)
    assert list(context.curve) == [0], "no scheduler compares it with those that train"
    assert "bound" not in context.measured[0]
    assert [label for label, _ in context.answers[0]["stages"]] == ["int8"]


def test_what_cannot_be_finished_ahead_is_recovered_all_the_same(
    plain: PlainRun, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = compress.compress, list[str]()

    def refuse_once(candidate: Any, technique: Any, *others: Any) -> Any:
        asked.append(technique.step)
        if asked.count("int8") == 1 and technique.step == "int8":
            raise Refusal("int8: too many answers change")
        return real(candidate, technique, *others)

    monkeypatch.setattr(run_step, "compress", refuse_once)
    objective_of(plain)(NARROW | {"recover.epochs": 1}, context)
    assert asked == ["channels", "int8", "int8"]
    assert list(context.curve) == [2, 3]
    assert [label.partition(" ")[0] for label, _ in context.answers[0]["stages"]] == ["channels", "recover", "int8"]


def test_a_template_of_the_recipe_is_filled(plain: PlainRun, context: Any) -> None:
    objective_of(plain)(FILLED, context)
    labels = [label for label, _ in context.answers[0]["stages"]]
    assert labels == ["channels sparsity 0.25", "recover epochs 1"]


def test_the_baseline_s_answers_are_those_of_its_file(plain: PlainRun) -> None:
    card = plain.findings.cards[plain.findings.results[0].stages[0].exported.digest]
    (answers,) = objective_of(plain).arrays(plain.workspace.store).values()
    targets = plain.workspace.store.get_array(plain.findings.prepared.dataset.splits["validation"].targets)
    assert (answers.argmax(axis=1) == targets).mean() == pytest.approx(card.score.value)


def test_the_best_so_far_may_be_the_recipe_s_own(plain: PlainRun) -> None:
    objective = objective_of(plain, bar=0.5)
    assert objective.format_score(0.75) == "4.00× smaller"
    assert objective.format_score(0.2) == objective.format_score(-0.1) == "2.00× smaller, the recipe's own"
    assert objective_of(plain, bar=0.0).format_score(-0.012) == "misses the goal by 1.2%"


def test_a_technique_that_refuses_ends_the_trial_with_its_sentence(plain: PlainRun, context: Any) -> None:
    with pytest.raises(Refusal, match="block"):
        objective_of(plain)({**NARROW, "reduce": "channels, blocks", "blocks.share": 0.5}, context)
    assert context.answers == [{"refused": 1}], "the second of its techniques"
    assert context.measured[-1].items() >= {"excess": 1.0, "refused": 1}.items(), "and so the sampler hears it"


def rung(epochs: int) -> dict[str, Any]:
    """The branch NARROW, trained for so many epochs."""
    return {**{path: value for path, value in NARROW.items() if path != "recover.epochs"}, "rung": epochs}


def test_a_rung_goes_on_where_the_one_before_it_ended(
    plain: PlainRun, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()

    def called(step: Any, *others: Any) -> Any:
        asked.append(str(step.step))
        return real(step, *others)

    real = run_step.run_step
    monkeypatch.setattr(run_step, "run_step", called)
    objective = objective_of(plain, longest=3)
    objective(rung(1), context)
    assert asked == ["channels", "int8", "recover", "int8"], "the untrained file is timed, then the epoch"
    assert list(context.curve) == [1, 4]
    asked.clear()
    again = FakeTrialContext(plain.workspace, context.folder.parent / "again", context.shared)
    objective(rung(3), again)
    assert asked == ["recover", "int8"], "neither the cut nor the first epoch, and nothing is timed again"
    assert list(again.curve) == [2, 3, 4], "its own epochs, then the file"
    titles = [label.partition(" ")[0] for label, _ in again.answers[0]["stages"]]
    assert titles == ["channels", "recover", "recover", "int8"]
    first, second = ([stage for _, stage in each.answers[0]["stages"]][1] for each in (context, again))
    assert first == second
    assert again.measured[-1]["ceiling"] == again.curve[4], "it loses nothing that the goal would mind"


def test_what_cannot_beat_the_best_trial_so_far_is_given_up(plain: PlainRun, context: Any) -> None:
    context.best = 0.99
    objective_of(plain)(rung(1), context)
    assert context.answers[0]["refusal"].startswith("given up before its recovery: ")


def test_epochs_are_ranked_with_the_margin_of_the_goal_s_proof(plain: PlainRun, context: Any) -> None:
    strict = Recipe.model_validate(
        runs.tiny_recipe().model_dump(mode="json") | {"goal": {"max_drop": 0.0, "minimize": "bytes"}}
    )
    objective_of(plain, recipe=strict, score=2.0, margin=0.5, longest=3)(rung(1), context)
    assert context.curve[1] == pytest.approx(-(context.measured[0]["drop"] + 0.5) / 2.0)
