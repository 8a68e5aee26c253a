"""Ensemble fit: the members are fitted, converted, joined into one graph and proven in one step."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import Candidate, Context, OutOfFold, Prepared, Step, Store
from tasks.data.tables.column_steps import ColumnStep
from tasks.kernels.host.measurement_lock import shared_use
from tasks.training.simple.ensemble_spec import Ensemble, fits_of
from tasks.training.simple.estimator_product import convert_fitted, prove_product, serialize_estimator
from tasks.training.simple.fit_spec import Fit, knobs_of_fit
from tasks.training.simple.fit_table import fit_pipeline

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.estimators.combination import Combination

VERSION = 2
"""Raised by one when the same spec gives another model."""


@dataclass(frozen=True)
class AveragedClassifier:
    """Fitted classifiers with one answer, computed by scikit-learn and NumPy."""

    members: tuple[Any, ...]
    combination: Combination

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Probabilities (rows, classes)."""
        from tasks.kernels.estimators.combination import combine

        return combine([member.predict_proba(rows) for member in self.members], self.combination, True)


@dataclass(frozen=True)
class AveragedRegressor:
    """Fitted regressors with one answer, computed by scikit-learn and NumPy."""

    members: tuple[Any, ...]
    combination: Combination

    def predict(self, rows: Any) -> np.ndarray:
        """Predictions (rows,)."""
        from tasks.kernels.estimators.combination import combine

        return combine([member.predict(rows).reshape(-1, 1) for member in self.members], self.combination, False)[:, 0]


@shared_use()
def fit_ensemble(
    prepared: Prepared,
    spec: Ensemble,
    steps: Sequence[ColumnStep],
    answers: Sequence[OutOfFold],
    context: Context,
) -> Candidate:
    """Fits every member on the train split, and joins their files; the validation split stops boosting early.

    Args:
        prepared: a table.
        spec: the members, and how their answers become one.
        steps: the recipe's preprocessing.
        answers: what each member answers for rows of train that it was not fitted on; none where the spec does not
            need them.
        context: its store gets the file.

    Returns:
        An ONNX candidate. Its record has the parity with the estimators, the members with their weights and seconds,
        and the seconds of all.

    Raises:
        InputError: an argument is wrong, or a library refuses it.
        Refusal: the file cannot be made, or answers otherwise than the estimators.
    """
    from tasks.kernels.estimators.ensemble_graph import join_members

    dataset, store, started = prepared.dataset, context.store, time.monotonic()
    combination = combination_of(spec, answers, prepared, store)
    kept = weighty_members(combination, len(spec.members))
    pipelines, seconds = fit_members(prepared, [fits_of(spec)[place] for place in kept], steps, context)
    took = dict(zip(kept, seconds, strict=True))
    shares = combination.weights.tolist() if combination.bias is None else [None] * len(spec.members)
    combination = dataclasses.replace(combination, weights=combination.weights[kept]) if 0 in shares else combination
    graphs = [convert_fitted(each, dataset) for each in pipelines]
    estimator = (AveragedClassifier if dataset.classes else AveragedRegressor)(pipelines, combination)
    product = serialize_estimator(join_members(graphs, combination, dataset.classes), dataset)
    hops = prove_product(estimator, product, prepared, store)
    record: dict[str, Any] = {
        "parity": [vars(hop) for hop in hops],
        "members": members_record(spec, shares, took, answers),
        "seconds": round(time.monotonic() - started, 3),
    }
    knobs = knobs_of_fit(spec, steps, dataset.fingerprint)
    step = Step("ensemble", VERSION, knobs, None, store.put_json(record), None)
    return Candidate("baseline", "onnx", "", {}, (step,), store.put(product))


def members_record(
    spec: Ensemble, shares: Sequence[float | None], took: Mapping[int, float], answers: Sequence[OutOfFold]
) -> list[dict[str, Any]]:
    """The family, weight (None in a stacking) and seconds of each member; one that is not in the file took none."""
    folded = [each.seconds for each in answers] or [0.0] * len(shares)
    return [
        {"family": member.family, "weight": share, "seconds": took.get(place, 0.0), "folds_seconds": seconds}
        for place, (member, share, seconds) in enumerate(zip(spec.members, shares, folded, strict=True))
    ]


def weighty_members(combination: Combination, count: int) -> list[int]:
    """The places of the members that an average needs, those without weight left out; all of a stacking."""
    import numpy as np

    return list(range(count)) if combination.bias is not None else np.flatnonzero(combination.weights).tolist()


def fit_members(
    prepared: Prepared, fits: Sequence[Fit], steps: Sequence[ColumnStep], context: Context
) -> tuple[tuple[Any, ...], list[float]]:
    """The fitted scikit-learn Pipeline of each member, and the seconds that each took."""
    pipelines, seconds = [], []
    for fit in fits:
        started = time.monotonic()
        pipelines.append(fit_pipeline(prepared, fit, steps, context))
        seconds.append(round(time.monotonic() - started, 3))
    return tuple(pipelines), seconds


def combination_of(spec: Ensemble, answers: Sequence[OutOfFold], prepared: Prepared, store: Store) -> Combination:
    """How the members' answers become one, fitted on what they answer for rows that they were not fitted on."""
    from tasks.models.estimators.ensemble_weights import equal_weights, fit_average, fit_stacking

    if not spec.needs_folds:
        return equal_weights(len(spec.members))
    classes = len(prepared.dataset.classes)
    fit = fit_stacking if spec.kind == "stacking" else fit_average
    targets = store.get_array(answers[0].targets)
    return fit(plain_answers(answers, bool(classes), store), targets, classes, spec.balanced)


def plain_answers(answers: Sequence[OutOfFold], is_classifier: bool, store: Store) -> list[np.ndarray]:
    """Probabilities or predictions of each member, float64 (rows, outputs)."""
    import numpy as np

    found = [np.asarray(store.get_array(each.answers), np.float64) for each in answers]
    return [np.exp(each) for each in found] if is_classifier else found
