"""Booster files: models of LightGBM (text) and XGBoost (JSON, UBJSON) as fitted estimators; nothing is executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasks.core import InputError
from tasks.core.errors import in_one_line

READER = "tasks.models.estimators.booster_files:read_booster"
"""The factory that a booster file becomes."""
FILE = "model.file"
_HEAD = 4096
"""Bytes at the start of a file in which its kind is looked for."""
_PROBABLE = ("binary", "multiclass")
_PLAIN = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie")
"""Objectives of LightGBM: those of classes, and those of numbers."""
_XGBOOST_CLASSES = ("binary:logistic", "multi:softprob")
_XGBOOST_NUMBERS = (
    *("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"),
    *("count:poisson", "reg:gamma", "reg:tweedie"),
)
_WAY_OUT = "an ONNX file of the model, or a factory that gives the estimator (docs/tables.md)"


def kind_of_booster(file: str) -> str | None:
    """`LightGBM` or `XGBoost` by a file's content; None for any other file, also for one that does not exist."""
    path = Path(file)
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if head.replace(b"\r\n", b"\n").lstrip().startswith(b"tree\nversion="):
        return "LightGBM"
    is_json = head.lstrip()[:1] == b"{" and b"learner" in head[:64]
    return "XGBoost" if is_json else None


def read_booster(file: str) -> Any:
    """A fitted estimator of a file, whose classes are numbers from 0 on.

    Raises:
        InputError: it cannot be read, or its answers have no exact form as a graph.
    """
    kind = kind_of_booster(file)
    if kind is None:
        raise InputError("must be a model of LightGBM (text) or XGBoost (JSON, UBJSON)", path=FILE, value=file)
    return _read_lightgbm(file) if kind == "LightGBM" else _read_xgboost(file)


def _refuse(law: str, file: str, value: object = None, nearest: str = _WAY_OUT) -> InputError:
    return InputError(law, file=file, path=FILE, value=value, nearest=nearest)


def _read_lightgbm(file: str) -> Any:
    from lightgbm import Booster
    from lightgbm.basic import LightGBMError

    from tasks.kernels.estimators.booster_models import BoosterClassifier, BoosterRegressor

    text = Path(file).read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
    try:
        booster = Booster(model_str=text)
    except (LightGBMError, ValueError, IndexError) as error:
        raise _refuse(f"is no readable model of LightGBM ({in_one_line(error)})", file) from error
    said = dict(line.partition("=")[::2] for line in text.split("\n\n", 1)[0].splitlines() if "=" in line)
    objective = said.get("objective", "").split()
    kind = objective[0] if objective else ""
    if "average_output" in text.split("\n\n", 1)[0]:
        raise _refuse("is a random forest of LightGBM, whose average has no exact form as a graph", file)
    if "is_linear=1" in text:
        raise _refuse("has linear leaves (linear_tree), and leaves of a graph are constants", file)
    if kind not in (*_PROBABLE, *_PLAIN) or "sqrt" in objective or not {*objective[1:]} <= _usual(booster):
        law = f"must have an objective whose answers a graph gives exactly: {', '.join((*_PROBABLE, *_PLAIN))}"
        raise _refuse(law, file, " ".join(objective) or "none")
    made = BoosterClassifier if kind in _PROBABLE else BoosterRegressor
    return made(booster, _text_categories(booster, said, file))


def _usual(booster: Any) -> set[str]:
    """The words behind an objective that change nothing."""
    return {"sigmoid:1", f"num_class:{booster.num_model_per_iteration()}"}


def _text_categories(booster: Any, said: dict[str, str], file: str) -> dict[str, list[Any]]:
    """Feature → its categories in the order of their codes, of a model that was fitted on pandas' categories."""
    known = booster.pandas_categorical or []
    infos = said.get("feature_infos", "").split()
    features = dict(zip(booster.feature_name(), infos, strict=False))
    never = [name for name, info in features.items() if not info.startswith("[")]  # a constant one says `none`
    split = [name for name in never if features[name] != "none"]
    names = split if len(split) == len(known) else never
    if known and len(known) != len(names):
        law = f"names {len(known)} columns of categories, but {len(names)} of its features are split by category"
        raise _refuse(law, file)
    return dict(zip(names, known, strict=True)) if known else {}


def _read_xgboost(file: str) -> Any:
    try:
        import xgboost
    except ModuleNotFoundError as error:
        law = "needs the extra of XGBoost: pip install 'paredown[xgboost]'"
        raise InputError(law, path=FILE, value=file) from error
    try:
        booster = xgboost.Booster(model_file=file)
        config = json.loads(booster.save_config())["learner"]
    except (xgboost.core.XGBoostError, ValueError, KeyError) as error:
        raise _refuse(f"is no readable model of XGBoost ({in_one_line(error)})", file) from error
    objective = config["objective"]["name"]
    if config["gradient_booster"]["name"] != "gbtree":
        law = "must be a model of trees: booster gbtree"
        raise _refuse(law, file, config["gradient_booster"]["name"])
    if "c" in (booster.feature_types or []):
        raise _refuse("has columns of XGBoost's own categories, which a text model does not keep by name", file)
    if objective not in (*_XGBOOST_CLASSES, *_XGBOOST_NUMBERS):
        law = f"must have an objective of {', '.join((*_XGBOOST_CLASSES, *_XGBOOST_NUMBERS))}"
        raise _refuse(law, file, objective)
    estimator = (xgboost.XGBClassifier if objective in _XGBOOST_CLASSES else xgboost.XGBRegressor)()
    estimator.load_model(file)
    estimator.set_params(n_jobs=1)
    return estimator
