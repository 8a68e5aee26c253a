"""Argument trial: a fit to a few made-up rows, since libraries look at most of their arguments only when they fit."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.core import Dataset
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import setting_of

ROWS = 64
ROUNDS = ("n_estimators", "max_iter")
"""Arguments by which a fit grows long."""
MOST = 10


def try_arguments(spec: Fit, dataset: Dataset) -> None:
    """Fits the model of a spec to made-up rows of as many columns and classes as the data, in a few rounds.

    An estimator of one's own is built and not fitted: it may need more of its rows.

    Raises:
        InputError: as `build_estimator`, or the library refuses an argument.
    """
    import numpy as np

    from tasks.models.estimators.construction import build_estimator
    from tasks.models.estimators.families import FAMILIES
    from tasks.models.estimators.fit import fit_model

    if spec.family == "own":
        return
    family, setting, draw = FAMILIES[spec.family], setting_of(spec, dataset.task), np.random.default_rng(0)
    model = build_estimator(family, setting, dataset.splits["train"].count)
    for name, value in model.get_params(deep=False).items():
        if name in ROUNDS and isinstance(value, int) and value > MOST:
            model.set_params(**{name: MOST})
    count = ROWS + len(dataset.classes)
    features = draw.normal(size=(count, len(dataset.columns))).astype(np.float32)
    targets = np.arange(count) % len(dataset.classes) if dataset.classes else draw.normal(size=count)
    with warnings.catch_warnings(), quiet_errors():
        warnings.simplefilter("ignore")
        fit_model(model, (features, targets), {}, family, setting)


@contextmanager
def quiet_errors() -> Iterator[None]:
    """Context without the standard error of compiled code: LightGBM writes there what it also raises."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
