"""Ensembles are fitted, joined into one file and proven; students learn from a teacher's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support import runs
from support.prepared_tables import ROWS, prepared_table

from tasks.compression.simple_fit import FitInputs, run_fit
from tasks.core import Candidate, Context, PlainRunner, Prepared, Refusal
from tasks.data import input_layout
from tasks.kernels.estimators.combination import Combination
from tasks.kernels.onnx import sessions
from tasks.models.estimators import ensemble_weights
from tasks.training.simple.ensemble_spec import Ensemble
from tasks.training.simple.fit_spec import Fit

SMALL = {"n_estimators": 12}
MEMBERS = [
    {"family": "linear"},
    {"family": "lightgbm", "arguments": SMALL},
    {"family": "random_forest", "arguments": SMALL},
]


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return runs.context_of(runs.workspace(tmp_path).store)


def made(prepared: Prepared, context: Context, spec: Fit | Ensemble, teacher: Candidate | None = None) -> Candidate:
    return run_fit(spec, FitInputs(prepared, (), context, PlainRunner()), "fit", teacher)


def answers(candidate: Candidate, prepared: Prepared, context: Context) -> np.ndarray:
    inputs = input_layout.product_inputs(prepared, "test", context.store)
    return sessions.predict(context.store.path(candidate.content), inputs)


def loss(candidate: Candidate, prepared: Prepared, context: Context) -> float:
    found = answers(candidate, prepared, context)
    targets = context.store.get_array(prepared.dataset.splits["test"].targets)
    if prepared.dataset.classes:
        return float(-found[np.arange(len(targets)), targets].mean())
    return float(((found[:, 0] - targets) ** 2).mean())


KINDS: tuple[dict[str, Any], ...] = ({"kind": "average"}, {"weights": "fitted"}, {"kind": "stacking"})


@pytest.mark.parametrize("knobs", KINDS)
@pytest.mark.parametrize("classes", [3, 2, 0])
def test_an_ensemble_is_one_proven_file(classes: int, knobs: dict[str, Any], context: Context) -> None:
    prepared = prepared_table(context.store, classes)
    spec = Ensemble.model_validate({"members": MEMBERS, **knobs})
    candidate = made(prepared, context, spec)
    assert candidate.lineage[0].technique == "ensemble"
    record = context.store.get_json(str(candidate.lineage[0].record))
    assert [hop["n"] for hop in record["parity"]] == [300, 300]
    weights = [member["weight"] for member in record["members"]]
    if spec.kind == "average":
        assert sum(weights) == pytest.approx(1)
        assert min(weights) >= 0
    if knobs != {"kind": "average"}:  # as good as the best member, which is the boosted one
        best = made(prepared, context, Fit.model_validate(MEMBERS[1]))
        assert loss(candidate, prepared, context) < loss(best, prepared, context) * 1.02
    assert made(prepared, context, spec).content == candidate.content


def test_a_member_without_weight_is_not_in_the_file(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepared_table(context.store, 3)
    weights = Combination(np.array([0.0, 1.0]))
    monkeypatch.setattr(ensemble_weights, "fit_average", lambda *given: weights)
    spec = Ensemble.model_validate({"members": [{"family": "random_forest"}, MEMBERS[1]], "weights": "fitted"})
    candidate, alone = (made(prepared, context, each) for each in (spec, Fit.model_validate(MEMBERS[1])))
    np.testing.assert_allclose(answers(candidate, prepared, context), answers(alone, prepared, context), atol=1e-5)
    sizes = [context.store.path(each.content).stat().st_size for each in (candidate, alone)]
    assert sizes[0] < 1.1 * sizes[1]
    members = context.store.get_json(str(candidate.lineage[0].record))["members"]
    assert [(each["family"], each["weight"], each["seconds"] > 0) for each in members] == [
        ("random_forest", 0.0, False),
        ("lightgbm", 1.0, True),
    ]


def test_a_quantile_is_averaged(context: Context) -> None:
    prepared = prepared_table(context.store, 0)
    members = [{"family": "lightgbm"}, {"family": "hist_boosting"}]
    low = made(prepared, context, Ensemble.model_validate({"members": members, "quantile": 0.1}))
    high = made(prepared, context, Ensemble.model_validate({"members": members, "quantile": 0.9}))
    assert answers(low, prepared, context).mean() + 0.5 < answers(high, prepared, context).mean()


@pytest.mark.parametrize("classes", [3, 0])
@pytest.mark.parametrize("kind", ["fit", "ensemble"])
def test_a_student_learns_what_its_teacher_answers(kind: str, classes: int, context: Context) -> None:
    prepared = prepared_table(context.store, classes)
    many = {"family": "lightgbm", "arguments": {"n_estimators": 100}}
    chosen: Fit | Ensemble = Fit.model_validate(many)
    if kind == "ensemble":
        chosen = Ensemble.model_validate({"members": [many, MEMBERS[2]], "weights": "fitted"})
    teacher = made(prepared, context, chosen)
    few = {"family": "lightgbm", "arguments": {"n_estimators": 20, "num_leaves": 6}, "taught": True, "synthetic": 2}
    student = made(prepared, context, Fit.model_validate(few), teacher)
    step = student.lineage[0]
    assert (step.technique, step.knobs["taught"], step.knobs["teacher"]) == ("fit", True, teacher.digest)
    assert context.store.get_json(str(step.record))["lessons"] == 900
    said, told = (answers(each, prepared, context) for each in (teacher, student))
    if classes:
        assert (said.argmax(axis=1) == told.argmax(axis=1)).mean() > 0.65
    else:
        assert np.corrcoef(said[:, 0], told[:, 0])[0, 1] > 0.9
    assert context.store.path(student.content).stat().st_size < context.store.path(teacher.content).stat().st_size
    assert made(prepared, context, Fit.model_validate(few), teacher).content == student.content


def test_what_cannot_teach_says_so(context: Context) -> None:
    prepared = prepared_table(context.store, 0)
    student = Fit.model_validate({"family": "lightgbm", "arguments": SMALL, "taught": True})
    network = Candidate("baseline", "torch", "a:b", {}, made(prepared, context, Fit(family="linear")).lineage, "")
    other = Candidate(
        "baseline", "onnx", "", {}, (network.lineage[0].__class__("import", 1, {}, None, None, None),), ""
    )
    with pytest.raises(Refusal, match="no simple model of the recipe"):
        made(prepared, context, student, other)
    quantile = made(prepared, context, Fit.model_validate({"family": "lightgbm", "quantile": 0.5}))
    with pytest.raises(Refusal, match="predicts a quantile cannot teach"):
        made(prepared, context, student, quantile)


def test_too_few_rows_to_fold_are_a_refusal(context: Context) -> None:
    prepared = prepared_table(context.store, 3, dict.fromkeys(ROWS, 60))
    spec = Ensemble.model_validate({"members": MEMBERS, "kind": "stacking", "folds": 50})
    with pytest.raises(Refusal, match="needs at least 50 rows of class"):
        made(prepared, context, spec)


@pytest.mark.parametrize(
    ("knobs", "law"),
    [
        ({"members": MEMBERS[:1]}, "at least 2 items"),
        ({"members": [MEMBERS[0], MEMBERS[0]]}, "must differ from the members before it"),
        ({"members": MEMBERS, "kind": "stacking", "quantile": 0.5}, "must be average where a quantile is predicted"),
        ({"members": MEMBERS, "weights": "fitted", "quantile": 0.5}, "must be equal where a quantile is predicted"),
        ({"members": MEMBERS, "kind": "stacking", "weights": "fitted"}, "suits kind: average only"),
        (
            {"members": MEMBERS, "kind": "stacking", "monotone": {"a_b": 1}},
            "must be average where columns are monotone",
        ),
    ],
)
def test_ensembles_that_are_none(knobs: dict[str, Any], law: str) -> None:
    with pytest.raises(ValidationError, match=law):
        Ensemble.model_validate(knobs)


@pytest.mark.parametrize(
    ("knobs", "law"),
    [
        ({"synthetic": 2}, "suits taught: true only"),
        ({"taught": True, "balanced": True}, "must be left out where the model is taught"),
        ({"taught": True, "quantile": 0.5}, "must be left out where the model is taught"),
    ],
)
def test_students_that_are_none(knobs: dict[str, Any], law: str) -> None:
    with pytest.raises(ValidationError, match=law):
        Fit.model_validate({"family": "lightgbm", **knobs})
