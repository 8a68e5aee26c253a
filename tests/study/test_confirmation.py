"""What is said of the products of the given and of the recommended recipe, and when another model is withdrawn."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from support.report_data import card

from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from flows.study import confirmation
from flows.study.confirmation import GIVEN, RECOMMENDED, JudgedSplit, Settled, judge_products
from flows.study.study_outcome import Confirmation, Recommendation
from tasks.core import Candidate, Context, PlainRunner, Workspace
from tasks.study.verdicts import MetricUnit

RECIPE = validate_recipe(
    {
        "name": "small",
        "data": {"source": "sklearn:digits"},
        "model": {"factory": "tasks.architectures:convnet"},
        "train": {"epochs": 1},
        "goal": {"metric": "accuracy", "max_drop": 0.01},
    }
)


def judged(drop: float, ms: float, content: str = "b") -> Confirmation:
    """A recommended product with this drop and latency beside a given one with 2 ms."""
    contents = {GIVEN: "a", RECOMMENDED: content}
    files = {name: Candidate(name, "onnx", "m:f", {}, (), digest) for name, digest in contents.items()}
    cards = {
        files[RECOMMENDED].digest: card("r", 0.9 - drop, drop, ms, 1000, base=(2.0, 1000), split="test"),
        files[GIVEN].digest: card("g", 0.9, 0.0, 2.0, 1000, base=(2.0, 1000), spread=0.0, split="test"),
    }
    return judge_products(cards, files, RECIPE, "test", MetricUnit(100.0, "points"))


def test_a_faster_product_within_the_margin() -> None:
    found = judged(0.002, 1.0)
    assert (found.within, found.not_slower) == (True, True)
    assert found.sentence == (
        "on test (n = 5,000), the recommended recipe's product scores -0.2 points [-0.62, +0.22] beside the given "
        "one's, and takes 0.5 of its time [0.476, 0.521]"
    )


def test_what_is_lost_or_slower_is_said() -> None:
    lost = judged(0.02, 1.0)
    assert not lost.within
    assert lost.sentence.endswith(": it loses more than the margin of 1 points, so keep the given recipe")
    slower = judged(0.0, 4.0)
    assert not slower.not_slower
    assert slower.sentence.endswith(": it is slower, so keep the given recipe unless the score matters more")


def test_recipes_that_come_to_one_product() -> None:
    found = judged(0.0, 2.0, content="a")
    assert (found.within, found.not_slower) == (True, True)
    assert found.sentence == "both recipes come to the same product, with 0.9 on test (n = 5,000)"


# --- withdrawing another model --------------------------------------------------------------------------------

WIDER = Recommendation("model.arguments", {"width": 64}, "Architectures: wider")
LONGER = Recommendation("train.epochs", 2, "Early stopping: longer")


def settled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, validation: Confirmation, *changes: Recommendation
) -> tuple[Settled, list[dict[str, Any]], list[tuple[Any, JudgedSplit]]]:
    """What is settled if products compare so on validation; the recipes that were run, and what was compared."""
    ran: list[dict[str, Any]] = []
    compared: list[tuple[Any, JudgedSplit]] = []

    def run(job: Job) -> Any:
        ran.append(job.recipe.model_dump(mode="json", exclude_unset=True))
        return SimpleNamespace(recipe=job.recipe)

    def compare(first: Any, second: Any, split: JudgedSplit, *_: Any) -> Confirmation:
        compared.append((second.recipe.model_dump(mode="json", exclude_unset=True), split))
        return validation if split == "validation" else judged(0.0, 1.0)

    monkeypatch.setattr(confirmation, "run_pipeline", run)
    monkeypatch.setattr(confirmation, "compare_products", compare)
    job = Job(RECIPE, Context(Workspace(tmp_path, "")), PlainRunner())
    return confirmation.settle(RECIPE, changes, job, MetricUnit(100.0, "points")), ran, compared


def test_a_model_whose_product_is_slower_on_validation_is_withdrawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    found, ran, compared = settled(monkeypatch, tmp_path, judged(0.0, 4.0), WIDER, LONGER)
    assert found.changes == (LONGER,)
    assert found.withdrawn.startswith("Another model is not recommended after all: pared down, on ")
    assert [each["train"]["epochs"] for each in ran] == [1, 2, 2]
    assert [each["model"].get("arguments") for each in ran] == [None, {"width": 64}, None]
    assert [split for _, split in compared] == ["validation", "test"], "test is opened once, for what is left"
    assert compared[1][0] == ran[2]
    assert found.confirmation is not None


def test_a_model_that_loses_too_much_leaves_nothing_where_it_was_the_only_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    found, ran, compared = settled(monkeypatch, tmp_path, judged(0.02, 1.0), WIDER)
    assert (found.changes, found.confirmation) == ((), None)
    assert found.withdrawn
    assert (len(ran), [split for _, split in compared]) == (2, ["validation"])


def test_a_model_that_is_as_good_stays_and_other_changes_are_not_judged_on_validation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    found, _, compared = settled(monkeypatch, tmp_path, judged(0.0, 1.0), WIDER, LONGER)
    assert (found.changes, found.withdrawn) == ((WIDER, LONGER), "")
    assert [split for _, split in compared] == ["validation", "test"]
    found, _, compared = settled(monkeypatch, tmp_path, judged(0.0, 4.0), LONGER)
    assert (found.changes, found.withdrawn) == ((LONGER,), "")
    assert [split for _, split in compared] == ["test"]
