"""Exactness: which parts of a fitted pipeline cannot be converted, or would answer differently in an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tasks.kernels.estimators.converters import register_converters

WORDS = r"[a-zA-Z0-9_]+"
"""The `token_pattern` with which the runtime finds the same words in a text as scikit-learn."""
_FLAGS = "use the recipe's step `impute` with its indicator"
_WAYS_OUT = {
    "SplineTransformer": "use KBinsDiscretizer",
    "FunctionTransformer": "use a step of `preprocess`, or work the column out before",
    "TransformedTargetRegressor": "transform the target by the recipe, and fit the regressor alone",
    "HashingVectorizer": "use TfidfVectorizer",
    "IterativeImputer": "use SimpleImputer",
    "MissingIndicator": _FLAGS,
    "CatBoostClassifier": "use LGBMClassifier",
    "CatBoostRegressor": "use LGBMRegressor",
}
"""The nearest part that can be converted, for parts that cannot."""


class Unconvertible(ValueError):  # noqa: N818 - it is an answer, not a fault
    """A pipeline cannot become an ONNX graph that answers the same; the message names the part and a way out."""


def check_exact(estimator: Any, inputs: int = 1) -> None:
    """Raises Unconvertible for the first part of a fitted estimator that would fail or answer differently.

    Args:
        estimator: a fitted transformer, model or Pipeline.
        inputs: the number of its raw inputs.
    """
    register_converters()
    for path, part in parts_of(estimator):
        reason = _reason(part)
        if reason:
            raise Unconvertible(f"{path}: {reason}")
    final = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    if inputs > 1 and final is estimator and hasattr(estimator, "estimators_"):
        raise Unconvertible(
            f"{type(estimator).__name__} takes the raw columns into each of its members; "
            "use a Pipeline whose first step prepares the columns for all members"
        )
    if _is_classifier(final) and not hasattr(final, "predict_proba"):
        raise Unconvertible(f"{type(final).__name__} gives no probabilities; use LogisticRegression")


def parts_of(estimator: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, part) for a fitted estimator and everything inside it; `passthrough` and `drop` are left out."""
    if estimator is None or isinstance(estimator, str):
        return
    yield path or type(estimator).__name__, estimator
    for name, member in _members(estimator):
        yield from parts_of(member, f"{path}.{name}" if path else name)


def plain_pipeline(estimator: Any) -> Any:
    """The estimator; of a pipeline with samplers (imbalanced-learn's), scikit-learn's Pipeline of the other steps."""
    from sklearn.pipeline import Pipeline

    if not isinstance(estimator, Pipeline) or type(estimator) is Pipeline:
        return estimator
    return Pipeline(
        [(name, plain_pipeline(step)) for name, step in estimator.steps if not hasattr(step, "fit_resample")]
    )


def _members(estimator: Any) -> list[tuple[str, Any]]:
    """The named estimators directly inside one."""
    if hasattr(estimator, "steps"):
        return list(estimator.steps)
    if hasattr(estimator, "transformers_"):
        return [(name, part) for name, part, _ in estimator.transformers_]
    if hasattr(estimator, "transformer_list"):
        return list(estimator.transformer_list)
    if hasattr(estimator, "named_estimators_"):
        final = getattr(estimator, "final_estimator_", None)
        return [*estimator.named_estimators_.items(), *([("final_estimator", final)] if final is not None else [])]
    if hasattr(estimator, "calibrated_classifiers_"):
        return [("estimator", each.estimator) for each in estimator.calibrated_classifiers_[:1]]
    return [
        (name, each) for name in ("estimator_", "regressor_") if (each := getattr(estimator, name, None)) is not None
    ]


def _reason(part: Any) -> str | None:
    """Why a part cannot be converted exactly, with what to use instead; None where it can."""
    names = [each.__name__ for each in type(part).__mro__]
    reasons = (rule(part) for name in names if (rule := _RULES.get(name)) is not None)
    return next((reason for reason in reasons if reason), None) or _unknown(part)


def _unknown(part: Any) -> str | None:
    """The reason for a part that skl2onnx has no converter for."""
    from skl2onnx._supported_operators import sklearn_operator_name_map

    kind, name = type(part), type(part).__name__
    if kind.__module__.startswith("category_encoders"):
        return f"{name} of category_encoders has no converter; use OneHotEncoder, OrdinalEncoder or TargetEncoder"
    if kind in sklearn_operator_name_map and name not in _WAYS_OUT:
        return None
    if name == "FunctionTransformer" and part.func is None:
        return None
    if hasattr(part, "predict"):
        way = "HistGradientBoostingClassifier" if _is_classifier(part) else "HistGradientBoostingRegressor"
        return f"{name} has no converter; {_WAYS_OUT.get(name, f'the nearest that has one is {way}')}"
    way = "use one of scikit-learn's encoders, imputers or scalers"
    return f"{name} has no converter; {_WAYS_OUT.get(name, way)}"


def _is_classifier(estimator: Any) -> bool:
    from sklearn.base import is_classifier

    return bool(is_classifier(estimator))


def _hist_boosting(part: Any) -> str | None:
    name = type(part).__name__
    if getattr(part, "is_categorical_", None) is not None:
        way = "set categorical_features=None behind an OrdinalEncoder, or use LightGBM"
        return f"{name} with categorical_features answers differently as a graph; {way}"
    if part.loss in ("poisson", "gamma"):
        return f"{name} with loss={part.loss!r} answers differently as a graph; use LightGBM with that objective"
    return None


def _lightgbm(part: Any) -> str | None:
    if not part.get_params().get("linear_tree"):
        return None
    return f"{type(part).__name__} with linear_tree answers differently as a graph; set linear_tree=False"


def _xgboost(part: Any) -> str | None:
    if part.booster in (None, "gbtree"):
        return None
    return f"{type(part).__name__} with booster={part.booster!r} has no converter; use booster='gbtree'"


def _support_vectors(part: Any) -> str | None:
    return f"the label of {type(part).__name__} is not its most probable class; use LogisticRegression or MLPClassifier"


def _calibrated(part: Any) -> str | None:
    if part.method != "sigmoid":
        return f"CalibratedClassifierCV with method={part.method!r} is not exact as a graph; use method='sigmoid'"
    inner = part.calibrated_classifiers_[0].estimator
    if any(type(each).__module__.startswith(("lightgbm", "xgboost")) for _, each in parts_of(inner)):
        name = type(inner).__name__
        return (
            f"CalibratedClassifierCV around {name} answers differently as a graph; "
            f"convert {name} alone, and calibrate the probabilities of the file"
        )
    return None


def _quantile(part: Any) -> str | None:
    if part.output_distribution == "uniform":
        return None
    return "QuantileTransformer to a normal distribution has no converter; use output_distribution='uniform'"


def _imputer(part: Any) -> str | None:
    if not part.add_indicator:
        return None
    return f"{type(part).__name__} with add_indicator has no converter; {_FLAGS}"


def _voting(part: Any) -> str | None:
    if part.voting != "soft":
        return "VotingClassifier gives probabilities only by voting='soft'; set that"
    return (
        "VotingClassifier is converted only with flatten_transform=False; set that" if part.flatten_transform else None
    )


def _text(part: Any) -> str | None:
    name = type(part).__name__
    if part.analyzer != "word" or tuple(part.ngram_range) != (1, 1):
        return f"{name} over more than single words is not exact as a graph; use analyzer='word', ngram_range=(1, 1)"
    if part.token_pattern != WORDS:
        return f"{name} would find other words as a graph; use token_pattern={WORDS!r}"
    return None


_RULES: dict[str, Callable[[Any], str | None]] = {
    "BaseHistGradientBoosting": _hist_boosting,
    "LGBMModel": _lightgbm,
    "XGBModel": _xgboost,
    "SVC": _support_vectors,
    "NuSVC": _support_vectors,
    "CalibratedClassifierCV": _calibrated,
    "QuantileTransformer": _quantile,
    "SimpleImputer": _imputer,
    "KNNImputer": _imputer,
    "VotingClassifier": _voting,
    "CountVectorizer": _text,
}
"""Class name → what makes one of that class, or of one derived from it, inexact."""
