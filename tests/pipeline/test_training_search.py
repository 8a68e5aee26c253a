"""The search of a simple model: its best point is the best whose file can be made."""

from __future__ import annotations

from typing import Any

import pytest
from support import datasets, network_ensembles, runs

from flows.pipeline import search_step, training_search
from flows.pipeline.run_context import Job
from flows.recipe.loading import validate_recipe
from tasks.core import Candidate, Context, PlainRunner, Prepared, Refusal
from tasks.models.model_spec import ModelSpec
from tasks.search.results import SearchResult, Trial
from tasks.search.search_spec import SearchBudget

SPACE = {
    "model.family": {"choice": ["lightgbm", "linear"]},
    "model.arguments.num_leaves": {"integers": [3, 31], "when": {"model.family": "lightgbm"}},
}
POINTS: list[dict[str, Any]] = [
    {"model.family": "linear"},
    {"model.family": "lightgbm", "model.arguments.num_leaves": 31},
    {"model.family": "lightgbm", "model.arguments.num_leaves": 7},
]


def job_of(folder: Any, **model: Any) -> Job:
    content = {"name": "a", "data": {"source": "memory"}, "search": {"space": SPACE}}
    return Job(validate_recipe(content | model), Context(runs.workspace(folder)), PlainRunner())


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the search was asked; it finds three trials, the last one the best."""
    asked: list[Any] = []

    def run_search(objective: Any, spec: SearchBudget, epochs: int, *others: Any) -> SearchResult:
        asked.append((spec.scheduler, epochs, others[-1]))
        trials = tuple(Trial(place, point, 0.7 + place / 10, (), "finished", 1.0) for place, point in enumerate(POINTS))
        return SearchResult(POINTS[-1], trials)

    monkeypatch.setattr(search_step, "run_search", run_search)
    return asked


def refuse(monkeypatch: pytest.MonkeyPatch, *refused: dict[str, Any]) -> None:
    """Lets the fit of a model with these arguments fail."""

    def fit_family(job: Job, prepared: Prepared, settings: ModelSpec) -> Candidate:
        if {"family": settings.family, **settings.arguments} in refused:
            raise Refusal(f"{settings.family} has no file")
        return Candidate("baseline", "onnx", "", {}, (), "content")

    monkeypatch.setattr(training_search, "fit_family", fit_family)


def test_the_best_point_becomes_the_recipe(tmp_path: Any, searched: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch)
    settled, tuned = training_search.tune_training(job_of(tmp_path), datasets.unread_pictures())
    assert settled.recipe.model.model_dump(include={"family", "arguments"}) == {
        "family": "lightgbm",
        "arguments": {"num_leaves": 7},
    }
    assert settled.recipe.search is None
    assert tuned is not None
    assert tuned.best == POINTS[2]
    assert searched == [("none", 1, {"model.family": "lightgbm"})], (
        "the first family, with its defaults, is tried first"
    )


def test_a_model_without_a_file_gives_way_to_the_next_best(
    tmp_path: Any, searched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, {"family": "lightgbm", "num_leaves": 7}, {"family": "lightgbm", "num_leaves": 31})
    settled, tuned = training_search.tune_training(job_of(tmp_path), datasets.unread_pictures())
    assert tuned is not None
    assert settled.recipe.model.family == "linear"
    assert [(trial.state, trial.reason) for trial in tuned.trials] == [
        ("finished", ""),
        ("failed", "lightgbm has no file"),
        ("failed", "lightgbm has no file"),
    ]


def test_without_any_file_the_refusal_is_the_answer(
    tmp_path: Any, searched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [{"family": "lightgbm", "num_leaves": 7}, {"family": "lightgbm", "num_leaves": 31}, {"family": "linear"}]
    refuse(monkeypatch, *found, {"family": "lightgbm"})
    with pytest.raises(Refusal, match="lightgbm has no file"):
        training_search.tune_training(job_of(tmp_path), datasets.unread_pictures())


def test_the_own_arguments_are_of_the_own_family(
    tmp_path: Any, searched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, {"family": "lightgbm", "num_leaves": 7, "n_estimators": 5})
    model = {"family": "lightgbm", "arguments": {"n_estimators": 5}}
    settled, _ = training_search.tune_training(job_of(tmp_path, model=model), datasets.unread_pictures())
    assert settled.recipe.model.arguments == {"n_estimators": 5, "num_leaves": 31}
    assert searched[0][2] == {"model.family": "lightgbm"}


def test_a_family_with_its_defaults_is_tried_first(
    tmp_path: Any, searched: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch)
    space = {"space": {"model.arguments.num_leaves": {"integers": [3, 31]}}}
    job = job_of(tmp_path, model={"family": "lightgbm"}, search=space)
    training_search.tune_training(job, datasets.unread_pictures())
    assert searched[0][2] == {"model.family": "lightgbm"}


RATES = {"train.learning_rate": {"choice": [0.001, 0.01, 0.1]}, "model.arguments.width": {"choice": [4, 8]}}


def trial_of(number: int, rate: float, width: int, score: float | None, state: Any = "finished") -> Trial:
    return Trial(number, {"train.learning_rate": rate, "model.arguments.width": width}, score, (), state, 1.0)


def test_the_best_trials_become_members() -> None:
    recipe = network_ensembles.recipe_of({"trials": 2, "weights": "fitted"}, search={"trials": 4, "space": RATES})
    trials = (
        trial_of(0, 0.001, 4, 0.5),
        trial_of(1, 0.01, 8, 0.9, "stopped early"),
        trial_of(2, 0.1, 8, 0.7),
        trial_of(3, 0.1, 4, 0.6),
        trial_of(4, 0.1, 8, 0.7),
        trial_of(5, 0.01, 4, None, "failed"),
    )
    found = training_search.freeze_trials(recipe, SearchResult(trials[2].point, trials), 2)
    assert found.search is None
    assert found.model.networks is not None
    assert found.model.networks.weights == "fitted"
    members = found.model.networks.members or ()
    assert [(member.train, member.arguments["width"]) for member in members] == [
        ({"learning_rate": 0.1}, 8),
        ({"learning_rate": 0.1}, 4),
    ]
    with pytest.raises(Refusal, match="1 trials of the search have a score, and an ensemble needs 2"):
        training_search.freeze_trials(recipe, SearchResult({}, trials[:1]), 2)


def test_a_trial_trains_one_network(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def run_search(objective: Any, *others: Any) -> SearchResult:
        asked.append(objective.recipe.model)
        return SearchResult({}, (trial_of(0, 0.1, 8, 0.7), trial_of(1, 0.1, 4, 0.6)))

    monkeypatch.setattr(search_step, "run_search", run_search)
    context = Context(runs.workspace(tmp_path))
    recipe = network_ensembles.recipe_of({"trials": 2}, search={"trials": 2, "space": RATES})
    job, _ = training_search.tune_training(
        Job(recipe, context, runs.Remembering()), datasets.prepared_squares(context.store)
    )
    assert asked[0].ensemble is None
    assert job.recipe.model.networks is not None
    assert len(job.recipe.model.networks.members or ()) == 2
