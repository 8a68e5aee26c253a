"""The main job without Prefect: what it finds, in which order it looks, and what it does when nothing suits."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import runs

from flows.pipeline import measurement, pipeline, step_count
from flows.pipeline.findings import BranchResult, Stage
from flows.pipeline.run_context import Job, RunContext
from flows.recipe.points import value_at, with_point
from flows.recipe.schema import Recipe
from flows.trials.training_trial import TrainingObjective
from tasks.core import Candidate, Context, Goal, InputError, Limits, PlainRunner, Runner
from tasks.data import input_layout
from tasks.evaluation.evaluate import run_file
from tasks.kernels.host.machine import host_name
from tasks.search.results import SearchResult, SearchStart, Trial
from tasks.steps.definitions import STEPS
from tasks.training.recovery import Recover

if TYPE_CHECKING:
    from support.plain_run import PlainRun


pytestmark = pytest.mark.usefixtures("short_timing")


def named(plain: PlainRun, step: str) -> list[Any]:
    return [arguments for _, name, arguments in plain.runner.calls if name == step]


def test_the_baseline_comes_first_then_the_branches_then_the_controls(plain: PlainRun) -> None:
    assert [(line.name, line.role) for line in plain.findings.results] == [
        ("baseline", "baseline"),
        ("narrow", "candidate"),
        ("narrow-int8", "candidate"),
        ("backwards", "candidate"),
        ("dense control", "control"),
    ]
    assert plain.findings.tuned is None


def test_a_branch_that_refuses_is_a_row_with_a_reason_and_the_others_go_on(plain: PlainRun) -> None:
    lines = {line.name: line for line in plain.findings.results}
    refused = lines["backwards"]
    assert refused.refusal is not None
    assert refused.refusal.startswith("channels sparsity 0.5 acts on torch models")
    assert refused.product is None
    assert [stage.label for stage in refused.stages] == ["baseline", "int8"]
    assert all(line.product is not None for name, line in lines.items() if name != "backwards")


def test_prefixes_that_branches_share_are_computed_once(plain: PlainRun) -> None:
    cuts = [arguments for arguments in named(plain, "compress") if arguments["technique"].step == "channels"]
    assert len(cuts) == 3, "asked for by every branch"
    assert "narrow: channels sparsity 0.5" in plain.runner.worked
    assert plain.runner.remembered == [
        "narrow-int8: channels sparsity 0.5",
        "narrow-int8: channels sparsity 0.5 → ONNX",
        "narrow-int8: recover epochs 1",
        "narrow-int8: recover epochs 1 → ONNX",
    ]
    lines = {line.name: line for line in plain.findings.results}
    assert [stage.model for stage in lines["narrow"].stages] == [
        stage.model for stage in lines["narrow-int8"].stages[:3]
    ]


def test_the_dense_control_recovers_the_baseline_with_the_same_budget(plain: PlainRun) -> None:
    control = plain.findings.results[-1]
    assert [stage.label for stage in control.stages] == ["baseline", "recover epochs 1"]
    assert control.stages[1].model.lineage[-1].parent == plain.findings.results[0].stages[0].model.digest
    assert control.product is not None
    assert control.product.digest in plain.findings.cards, "measured"
    assert control.product.digest not in plain.findings.choice.reasons, "but never to be chosen"


def test_every_stage_that_is_a_file_has_a_validation_card(plain: PlainRun) -> None:
    stages = {stage.exported.digest for line in plain.findings.results for stage in line.stages}
    assert plain.findings.cards.keys() == stages
    assert {card.split for card in plain.findings.cards.values()} == {"validation"}
    assert len({card.host for card in plain.findings.cards.values()}) == 1
    names = [card.name for card in plain.findings.cards.values()]
    assert len(set(names)) == len(names)
    assert {"baseline", "narrow", "narrow-int8", "dense control", "backwards: int8"} <= set(names)


def test_the_test_split_is_opened_once_after_the_choice_for_the_two_that_matter(plain: PlainRun) -> None:
    # The files of the test split were out of reach until then: see `Sealed`.
    asked = [(arguments["spec"].split, list(arguments["candidates"])) for arguments in named(plain, "evaluate")]
    assert [split for split, _ in asked] == ["validation", "test"]
    assert [verb for _, verb, _ in plain.runner.calls[-2:]] == ["evaluate", "profile_product"]
    chosen = plain.findings.choice.chosen
    baseline = plain.findings.results[0].stages[0].exported.digest
    assert plain.findings.test.keys() == {baseline, chosen}
    assert {card.split for card in plain.findings.test.values()} == {"test"}
    for digest, card in plain.findings.test.items():
        assert card.latency == plain.findings.cards[digest].latency, "measured once, on validation"
        assert card.score.n == plain.findings.prepared.dataset.splits["test"].count


def test_the_product_is_the_chosen_file_and_takes_raw_digits(plain: PlainRun) -> None:
    findings, store = plain.findings, plain.workspace.store
    expected = findings.choice.chosen if findings.meets_goal else findings.results[0].stages[0].exported.digest
    assert findings.product.digest == expected
    assert findings.product.form == "onnx"
    inputs = input_layout.product_inputs(findings.prepared, "test", store)
    outputs, _ = run_file(store.path(findings.product.content), inputs, findings.recipe.runtime)
    targets = store.get_array(findings.prepared.dataset.splits["test"].targets)
    card = findings.test[findings.product.digest]
    assert card.score.value == pytest.approx(np.mean(outputs.argmax(axis=1) == targets))


def test_steps_are_counted_beforehand(plain: PlainRun) -> None:
    after_the_refusal = 1  # the export that the refused step would have been followed by
    assert step_count.count_steps(plain.recipe) - after_the_refusal == len(plain.runner.calls)


def test_a_run_again_is_answered_from_memory_with_the_same_findings(plain: PlainRun) -> None:
    worked = len(plain.runner.worked)
    again = pipeline.run_pipeline(plain.job)
    assert plain.runner.worked[worked:] == ["backwards: channels sparsity 0.5"], "a refusal is no answer to remember"
    assert again == plain.findings


# --- what is not met ------------------------------------------------------------------------------------------


def test_an_impossible_goal_keeps_the_baseline(plain: PlainRun) -> None:
    worked = len(plain.runner.worked)
    goal = Goal(max_drop=1.0, minimize="bytes", limits=Limits(speedup=1000))
    found = pipeline.run_pipeline(dataclasses.replace(plain.job, recipe=plain.recipe.model_copy(update={"goal": goal})))
    baseline = found.results[0].stages[0].exported
    assert (found.meets_goal, found.choice.meets_goal) == (False, False)
    assert found.product == baseline
    assert found.choice.chosen == baseline.digest
    assert found.test.keys() == {baseline.digest}
    assert found.choice.reasons[baseline.digest] == "kept: no candidate meets the goal"
    others = [told for digest, told in found.choice.reasons.items() if digest != baseline.digest]
    assert len(others) == 2
    assert all(told.endswith("below the limit 1000") for told in others)
    # Another goal asks for another evaluation, not for other models.
    assert plain.runner.worked[worked:] == [
        "backwards: channels sparsity 0.5",
        "evaluate on validation",
        "test once",
        "measure batches and first runs",
    ]


def test_a_choice_that_the_test_refutes_is_not_the_product(plain: PlainRun) -> None:
    class Refuting:
        """A `Runner` whose test goes against all candidates."""

        def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
            answer = plain.runner.run(label, verb, *args, **kwargs)
            if label != "test once":
                return answer
            return {
                digest: dataclasses.replace(card, drop=dataclasses.replace(card.drop, verdict="beyond"))
                for digest, card in answer.items()
            }

    assert plain.findings.meets_goal
    found = pipeline.run_pipeline(dataclasses.replace(plain.job, runner=Refuting()))
    assert found.choice.meets_goal
    assert not found.meets_goal
    assert found.product == found.results[0].stages[0].exported


def test_a_mistake_is_found_before_anything_is_trained(plain: PlainRun, tmp_path: Path) -> None:
    called: list[str] = []

    class Naming(PlainRunner):
        def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
            called.append(verb.__name__)
            return super().run(label, verb, *args, **kwargs)

    recipe = plain.recipe.model_copy(update={"goal": Goal(metric="rmse")})
    with pytest.raises(InputError, match=r"goal\.metric: must be one of accuracy.*'rmse'"):
        pipeline.run_pipeline(Job(recipe, Context(runs.workspace(tmp_path)), Naming()))
    assert called == ["ingest", "preprocess"]


# --- search ---------------------------------------------------------------------------------------------------

SPACE = {"train.learning_rate": {"loguniform": [1e-3, 1e-1]}, "model.arguments.width": {"choice": [8, 16]}}


class Answering:
    """A `Runner` that hands out one answer and keeps what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[tuple[Any, ...]]()

    def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
        assert not kwargs
        self.asked.append((label, STEPS[verb].name, *args))
        return self.answer


def tune(plain: PlainRun, recipe: Recipe, runner: Runner) -> tuple[Recipe, SearchResult | None]:
    """The recipe after its search, and what was found."""
    job = Job(recipe, Context(plain.workspace), runner)
    settled, tuned = pipeline.tune_training(job, plain.findings.prepared)
    assert settled == dataclasses.replace(job, recipe=settled.recipe), "nothing else changes"
    return settled.recipe, tuned


def test_the_best_point_of_a_search_goes_into_the_recipe(plain: PlainRun) -> None:
    recipe = runs.tiny_recipe(search={"space": SPACE, "epochs": 9, "warm_start": False})
    point = {"train.learning_rate": 0.02, "model.arguments.width": 8}
    tuned = SearchResult(point, (Trial(0, point, 0.9, ((1, 0.9),), "finished", 1.0),))
    runner = Answering(tuned)
    settled, found = tune(plain, recipe, runner)
    assert found == tuned
    assert settled.train.learning_rate == 0.02
    assert settled.model.arguments == {"width": 8, "depth": 2}
    assert settled.search is None, "saved and run alone, it does not search again"
    ((label, step, objective, search, start, epochs, host, context),) = runner.asked
    assert (label, step, search, start.known, host) == ("search", "tune", recipe.search, (), "")
    assert start.first == ({"train.learning_rate": 0.01, "model.arguments.width": 16},), "the recipe's own values"
    assert context == Context(plain.workspace)
    assert epochs == 2, "no trial trains longer than the recipe"
    assert isinstance(objective, TrainingObjective)
    assert objective.prepared == plain.findings.prepared


def test_with_a_cost_the_least_of_it_within_the_margin_goes_into_the_recipe(plain: PlainRun) -> None:
    search = {"space": SPACE, "minimize": "latency", "warm_start": False}
    recipe = runs.tiny_recipe(search=search, goal={"max_drop": 0.2})
    points = [{"train.learning_rate": rate, "model.arguments.width": 8} for rate in (0.01, 0.02, 0.03)]
    outcomes = zip(points, (0.9, 0.8, 0.6), (3.0, 2.0, 1.0), strict=True)
    trials = [Trial(0, point, score, (), "finished", 1.0, {"latency_ms": cost}) for point, score, cost in outcomes]
    runner = Answering(SearchResult(points[0], tuple(trials), cost="latency_ms"))
    settled, found = tune(plain, recipe, runner)
    assert settled.train.learning_rate == 0.02
    assert found is not None
    assert found.best == points[1], "what MLflow is told"
    assert runner.asked[0][6] == host_name(), "a latency is measured"


def test_a_search_without_a_result_leaves_the_recipe_as_it_is(plain: PlainRun) -> None:
    recipe = runs.tiny_recipe(search={"space": SPACE, "warm_start": False})
    settled, found = tune(plain, recipe, Answering(SearchResult({}, ())))
    assert found == SearchResult({}, ())
    assert settled == runs.tiny_recipe(), "its own values, and no search that would run again"


def test_no_first_point_where_the_recipe_says_nothing(plain: PlainRun) -> None:
    recipe = runs.tiny_recipe(search={"space": {"train.minutes": {"uniform": [1, 2]}}, "warm_start": False})
    runner = Answering(SearchResult({}, ()))
    tune(plain, recipe, runner)
    assert runner.asked[0][4] == SearchStart()


def test_there_is_nothing_to_search_without_a_search_or_with_weights(plain: PlainRun) -> None:
    runner = Answering(None)
    assert tune(plain, plain.recipe, runner) == (plain.recipe, None)
    adopted = runs.tiny_recipe(search={"space": SPACE}, model={"weights": "net.pt"})
    assert tune(plain, adopted, runner) == (adopted, None)
    assert runner.asked == []


# --- the recipe as a function of a point ----------------------------------------------------------------------


def test_a_point_is_laid_over_a_recipe() -> None:
    recipe = runs.tiny_recipe()
    point = {"train.epochs": 7, "compress.branches.0.steps.1.epochs": 4, "model.arguments.extra": "x"}
    changed = with_point(recipe, point)
    assert changed.train.epochs == 7
    assert changed.compress is not None
    step = changed.compress.branches[0].steps[1]
    assert isinstance(step, Recover)
    assert step.epochs == 4
    assert changed.model.arguments == {"width": 16, "depth": 2, "extra": "x"}
    assert recipe.train.epochs == 2, "the recipe itself stays"
    assert {path: value_at(changed, path) for path in point} == point


def test_values_at_paths() -> None:
    recipe = runs.tiny_recipe()
    assert value_at(recipe, "train.epochs") == 2
    assert value_at(recipe, "compress.branches.1.name") == "narrow-int8"
    assert value_at(recipe, "train.minutes") is None
    assert value_at(recipe, "model.arguments.depth") == 2
    for nowhere in ("search.trials", "compress.branches.9.name", "train.epochs.deeper", "nothing"):
        assert value_at(recipe, nowhere) is None


def test_every_label_of_a_run_is_its_own(plain: PlainRun) -> None:
    labels = Counter(label for label, _, _ in plain.runner.calls[: step_count.count_steps(plain.recipe) - 1])
    assert max(labels.values()) == 1


def test_candidates_know_their_whole_way(plain: PlainRun) -> None:
    product: Candidate | None = plain.findings.results[2].product
    assert product is not None
    assert [step.technique for step in product.lineage] == ["train", "channels", "recover", "export", "int8"]
    assert product.name == "narrow-int8"


def test_stages_of_the_same_words_are_measured_both(plain: PlainRun) -> None:
    """A branch that recovers twice in the same way has two stages with one label."""
    first, second = (dataclasses.replace(plain.findings.results[0].stages[0].exported, content=f"{n}") for n in (1, 2))
    stages = [Stage("recover", first, first), Stage("recover", second, second)]
    baseline = plain.findings.results[0].stages[0]
    lines = (
        BranchResult("baseline", "baseline", (baseline,)),
        BranchResult("a", "candidate", (baseline, *stages), "refused"),
    )
    runner = Answering({})
    job = dataclasses.replace(plain.job, runner=runner)
    measurement.measure_stages("evaluate", lines, RunContext(job, plain.findings.prepared, baseline, "here"))
    assert list(runner.asked[0][2]) == ["baseline", "a: recover", "a: recover (2)"]
