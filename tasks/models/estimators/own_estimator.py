"""Own estimator: the scikit-learn estimator or Pipeline that a user's factory gives, and what its columns must be."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tasks.core import InputError, canonical_json, digest_of, nearest_choice
from tasks.core.errors import in_one_line
from tasks.core.import_path import module_stamp, resolve
from tasks.models.estimators.booster_files import FILE, READER, kind_of_booster

FACTORY = "model.factory"
"""The recipe's path that names the factory, for error messages."""
_BOOSTED = ("BaseHistGradientBoosting", "LGBMModel", "XGBModel", "BoosterModel")
_TREES = ("BaseForest", "BaseDecisionTree", "BaseGradientBoosting")
"""Classes from which trees are derived: boosted ones, which take missing numbers as they are, and others."""


@dataclass(frozen=True)
class OwnNeeds:
    """What an estimator needs of its features, as a family of its kind would."""

    encoding: Literal["one_hot", "ordinal"]
    scaled: bool
    imputed: bool


def build_own(factory: str, arguments: Mapping[str, Any], path: str = FACTORY) -> Any:
    """The estimator that a factory gives, as it is.

    Args:
        factory: `module:callable`, a function or an estimator's class.
        arguments: its keyword arguments.
        path: the factory's path in the recipe, for messages.

    Raises:
        InputError: the factory does not exist, does not take an argument or fails, or gives something else.
    """
    make = resolve(factory, path)
    _check_arguments(make, factory, arguments, path)
    try:
        found = make(**arguments)
    except InputError:
        raise
    except Exception as error:  # the user's factory may fail in any way; the cause is in the message
        raise InputError(
            f"{factory} fails with the arguments {dict(arguments)} ({in_one_line(error)})", path=path
        ) from error
    if not is_estimator(found):
        law = f"{factory} must give a scikit-learn estimator or Pipeline, which has fit and predict"
        raise InputError(law, path=path, value=type(found).__name__)
    return found


def _check_arguments(make: Any, factory: str, arguments: Mapping[str, Any], path: str) -> None:
    try:
        parameters = inspect.signature(make).parameters
    except (TypeError, ValueError):  # compiled code has no signature
        return
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    for name in arguments:
        if name not in parameters:
            place = f"{path.rpartition('.')[0]}.arguments.{name}"
            near = nearest_choice(name, parameters) or ", ".join(parameters) or None
            raise InputError(f"is not an argument of {factory}", path=place, nearest=near)


def is_estimator(found: Any) -> bool:
    """Whether an object has `fit` and `predict` and is no torch module, nor a class of estimators."""
    is_torch = any(each.__module__.partition(".")[0] == "torch" for each in type(found).__mro__)
    # What predicts only once it is fitted, such as a stack, has the method in its class alone.
    verbs = all(hasattr(type(found), verb) or hasattr(found, verb) for verb in ("fit", "predict"))
    return verbs and not is_torch and not isinstance(found, type)


def is_fitted(estimator: Any) -> bool:
    """Whether an estimator has been fitted."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except TypeError:  # it follows another protocol than scikit-learn's
        return bool([name for name in vars(estimator) if name.endswith("_") and not name.startswith("__")])
    return True


def stamp_of(factory: str, arguments: Mapping[str, Any]) -> str:
    """Digest of what a factory gives: its module's file, its arguments, and the content of the estimator.

    So an estimator that the factory loads from a file is another one when the file is.

    Raises:
        InputError: as `build_own`.
    """
    key = (factory, canonical_json(dict(arguments)), module_stamp(factory))
    if key not in _stamps:
        _stamps[key] = digest_of([*key, _content(build_own(factory, arguments))])
    return _stamps[key]


_stamps: dict[tuple[str, str, str], str] = {}


def _content(estimator: Any) -> str:
    import joblib  # type: ignore[import-untyped]

    try:
        return str(joblib.hash(estimator))
    except Exception:  # what cannot be pickled, such as a lambda, is known by its parameters
        return repr(estimator)


def takes_columns(estimator: Any) -> bool:
    """Whether it is a Pipeline, which prepares the raw columns itself."""
    return hasattr(estimator, "steps")


def needs_of(estimator: Any) -> OwnNeeds:
    """What a bare estimator needs of its features. An ensemble with trees among others gets unscaled numbers."""
    kinds = [_kind(each) for each in (estimator, *members_of(estimator))]
    if kinds[0] != "other":
        return OwnNeeds("ordinal", scaled=False, imputed=kinds[0] == "tree")
    return OwnNeeds("one_hot", scaled=not {*kinds} & {"tree", "boosted"}, imputed=True)


def members_of(estimator: Any) -> Iterator[Any]:
    """The estimators and transformers among the parameters of an estimator, at any depth."""
    for value in estimator.get_params(deep=True).values() if hasattr(estimator, "get_params") else ():
        if hasattr(value, "fit") and not isinstance(value, type):
            yield value


def _kind(estimator: Any) -> Literal["boosted", "tree", "other"]:
    names = {each.__name__ for each in type(estimator).__mro__}
    return "boosted" if names & {*_BOOSTED} else "tree" if names & {*_TREES} else "other"


def has_trees(estimator: Any) -> bool:
    """Whether the last step is one ensemble of trees."""
    return _kind(estimator.steps[-1][1] if takes_columns(estimator) else estimator) != "other"


def settle_parameters(estimator: Any, seed: int, classes: Sequence[str]) -> None:
    """Sets in place what makes every fit the same: seeds that were left open, and one thread.

    Weights of classes by name become those of their numbers.
    """
    known = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    changes: dict[str, Any] = {}
    for name, value in known.items():
        parent, _, last = name.rpartition("__")
        owner = known[parent] if parent else estimator
        if last == "random_state" and value is None:
            changes[name] = seed
        elif last in ("n_jobs", "nthread", "thread_count") and _is_many(value, owner):
            changes[name] = 1
        elif last == "class_weight" and isinstance(value, dict) and {*map(str, value)} <= {*classes}:
            changes[name] = {classes.index(str(key)): weight for key, weight in value.items()}
    for each in (estimator, *members_of(estimator)):
        if any(kind.__name__ == "LGBMModel" for kind in type(each).__mro__):
            usual = {"deterministic": True, "force_row_wise": True, "verbosity": -1}
            each.set_params(**{name: value for name, value in usual.items() if name not in each.get_params()})
    if changes:
        estimator.set_params(**changes)


def _is_many(value: Any, owner: Any) -> bool:
    """Whether a number of threads is more than one; boosting libraries take None for all cores."""
    return value not in (None, 1) or (value is None and _kind(owner) == "boosted")


@contextmanager
def said_of_file(factory: str | None, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Moves what is wrong with a factory to the file, where the factory is the reader of `model.file`."""
    try:
        yield
    except InputError as error:
        if factory != READER or error.path != FACTORY:
            raise
        law = error.law.replace("gives a model", "is a model").replace("gives an estimator that", "is a model that")
        moved = InputError(law, value=error.value, nearest=error.nearest)
        raise moved.at(path=FILE, file=str(arguments["file"])) from error


def describe_own(factory: str, arguments: Mapping[str, Any], estimator: Any) -> str:
    """What the factory gives, in words: `my.models:make (Pipeline: columns → LogisticRegression)`."""
    if factory == READER:
        return f"{arguments['file']} ({kind_of_booster(str(arguments['file']))}, as it is)"
    kind = type(estimator).__name__
    if takes_columns(estimator):
        names = ["columns" if hasattr(step, "transformers") else type(step).__name__ for _, step in estimator.steps]
        kind = f"{kind}: {' → '.join(names)}"
    return f"{factory} ({kind}{', fitted' if is_fitted(estimator) else ''})"
