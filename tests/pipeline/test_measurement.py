"""What each step of an augmentation gains: trainings with and without it, paired, with the noise of the seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import datasets, runs
from support.prepared_tables import prepared_table

from flows.pipeline.measurement import TWIN_SEEDS, kind_of_fit, mean_of_seeds
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.run_context import Job
from flows.pipeline.step_count import count_steps
from flows.recipe.loading import validate_recipe
from flows.results.answer_text import describe_augmentation
from tasks.core import Candidate, Context, Estimate, PlainRunner, Step, Store


class Counting(PlainRunner):
    """Keeps the labels of the steps."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def run(self, label, verb, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.labels.append(label)
        return super().run(label, verb, *args, **kwargs)


def test_the_interval_has_the_noise_of_the_examples_and_of_the_seeds() -> None:
    alike = [Estimate(0.02, 0.01, 0.04, 300)] * TWIN_SEEDS
    assert mean_of_seeds(alike) == Estimate(pytest.approx(0.02), pytest.approx(0.01), pytest.approx(0.04), 300)
    values = (0.0, 0.01, 0.02, 0.03, 0.04)
    exact = mean_of_seeds([Estimate(value, value, value, 300) for value in values])
    half = 2.776 * 0.0158114 / 5**0.5  # the t interval of five values
    assert (exact.low, exact.high) == (pytest.approx(0.02 - half, rel=1e-4), pytest.approx(0.02 + half, rel=1e-4))


@pytest.mark.parametrize(
    ("steps", "of_pictures", "of_a_table"),
    [
        ({"train": {}, "export": {}}, "network", "network of a table"),
        ({"features": {}, "fine_tune": {}, "transfer": {}, "export": {}}, "network", "network of a table"),
        ({"features": {}, "transfer": {}, "export": {}}, "last layer", "last layer"),
        ({"fit": {"family": "lightgbm"}}, None, "boosting"),
        ({"fit": {"family": "linear"}}, None, "linear"),
        ({"fit": {"family": "random_forest"}}, None, None),
        ({"ensemble": {}}, None, None),
        ({"load": {}, "export": {}}, None, None),
        ({"import": {}}, None, None),
    ],
)
def test_train_and_validation_are_compared_where_a_gap_means_something(
    steps: dict[str, dict[str, str]], of_pictures: str | None, of_a_table: str | None, tmp_path: Path
) -> None:
    lineage = tuple(Step(technique, 1, knobs, None, None, None) for technique, knobs in steps.items())
    model = Candidate("baseline", "onnx", "", {}, lineage, "")
    assert kind_of_fit(model, prepared_table(Store(tmp_path)).dataset) == of_a_table
    if of_pictures:
        assert kind_of_fit(model, datasets.unread_pictures().dataset) == of_pictures


@pytest.mark.e2e
@pytest.mark.usefixtures("short_timing")
def test_a_step_that_destroys_images_is_named(tmp_path: Path) -> None:
    content = {
        "name": "digits",
        "data": {"source": "sklearn:digits"},
        "model": {"factory": "tasks.architectures:mlp", "arguments": {"width": 8, "depth": 1}},
        "augment": [{"step": "flip", "probability": 0.0}, {"step": "cutout", "size": 64}],
        "train": {"epochs": 4, "learning_rate": 0.01},
        "compress": {"branches": [{"name": "half", "steps": [{"step": "fp16"}]}]},
        "goal": {"max_drop": 0.5, "minimize": "bytes"},
        "report": {"augmentations": True},
    }
    recipe, runner = validate_recipe(content), Counting()
    findings = run_pipeline(Job(recipe, Context(runs.workspace(tmp_path)), runner))
    assert len(runner.labels) == count_steps(recipe)
    assert [label for label in runner.labels if label.startswith("train: seed 1")] == [
        "train: seed 1",
        "train: seed 1 without flip",
        "train: seed 1 without cutout",
    ]
    nothing, worse = (each.gain for each in findings.augmentation)
    assert worse.high < 0
    assert nothing.low < 0 < nothing.high
    [named] = describe_augmentation(findings, lowering=True)
    assert named.startswith(f"augment: cutout lowers accuracy by {-worse.value:.4f} [{-worse.high:.4f}, ")
    assert named.endswith(f"on {worse.n} validation examples and 5 seeds: leave it out.")
    [other] = describe_augmentation(findings, lowering=False)
    assert "flip" in other
    assert other.endswith("which may be chance.")
