"""Construction: an unfitted estimator of a family, out of what is asked and the arguments of its library."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from tasks.core import InputError
from tasks.core.errors import nearest_choice
from tasks.models.estimators.families import FAMILIES, PATIENCE, Family, ModelSetting

_SET = {
    "random_state": "train.seed",
    "seed": "train.seed",
    "n_jobs": "the number of threads of the machine",
    "nthread": "the number of threads of the machine",
    "num_threads": "the number of threads of the machine",
    "categorical_features": "the steps of `preprocess`",
    "categorical_feature": "the steps of `preprocess`",
    "enable_categorical": "the steps of `preprocess`",
    "monotonic_cst": "`model.monotone`",
    "monotone_constraints": "`model.monotone`",
    "linear_tree": "Paredown: leaves of a file are constants",
}
"""Arguments that are no part of `model.arguments` → what sets them."""


def build_estimator(family: Family, setting: ModelSetting, rows: int, stops: bool = False) -> Any:
    """An unfitted estimator, with the seed and threads of the setting; monotone columns are set when it is fitted.

    Args:
        family: its family.
        setting: what is asked.
        rows: the number of rows that it will be fitted on.
        stops: whether validation data will stop its rounds; of a family that nothing stops it changes nothing.

    Raises:
        InputError: the family's library is missing; it lacks an argument, or the argument is set by something else;
            the family has no quantiles, monotone columns or weights of classes, and they are asked for.
    """
    _check_abilities(family, setting)
    make = _class_of(family, setting)
    known = make().get_params()
    arguments = {_known_name(name, known, family): value for name, value in setting.arguments.items()}
    settings = _defaults(family, setting, rows)
    if stops and family.rounds is not None:
        settings |= {family.rounds[0]: family.rounds[1]} | _stopping(family)
    settings |= {name: value for name, value in _fixed(family, setting).items() if name in known}
    return make(**(settings | arguments | _settled_rounds(family, setting)))


def _check_abilities(family: Family, setting: ModelSetting) -> None:
    if setting.quantile is not None:
        if setting.task != "regression":
            raise InputError("only a regression has quantiles", path="model.quantile", value=setting.quantile)
        if not 0 < setting.quantile < 1:
            raise InputError("must lie between 0 and 1", path="model.quantile", value=setting.quantile, nearest=0.5)
        _require(family, family.quantile is not None, "quantile", "predicts no quantiles")
    if setting.monotone:
        _require(family, family.monotone is not None, "monotone", "has no monotone columns")
    if setting.is_balanced and setting.task == "classification" and not family.is_weighed:
        raise InputError(f"{family.label} cannot weigh classes", path="model.family", value=family.name)


def _require(family: Family, is_able: bool, ability: str, lack: str) -> None:
    if not is_able:
        able = ", ".join(name for name, each in FAMILIES.items() if getattr(each, ability) is not None)
        law = f"{family.label} {lack}; of the families, these can: {able}"
        raise InputError(law, path=f"model.{ability}")


def _class_of(family: Family, setting: ModelSetting) -> Any:
    kind = setting.task if setting.quantile is None else "quantile"
    module, _, name = family.classes.get(kind, family.classes[setting.task]).partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        law = f"the family {family.name} needs its extra: pip install 'paredown[{family.name}]'"
        raise InputError(law, path="model.family", value=family.name) from error


def _defaults(family: Family, setting: ModelSetting, rows: int) -> dict[str, Any]:
    if setting.quantile is None or family.quantile is None:
        return dict(family.defaults(setting.task, rows))
    own = {} if "quantile" in family.classes else family.defaults(setting.task, rows)
    return {**own, **family.quantile(setting.quantile)}


def _stopping(family: Family) -> dict[str, Any]:
    """The arguments with which a library looks at validation data; LightGBM takes them when it is fitted."""
    if family.name == "hist_boosting":
        return {"early_stopping": True, "n_iter_no_change": PATIENCE}
    return {"early_stopping_rounds": PATIENCE} if family.name == "xgboost" else {}


def _settled_rounds(family: Family, setting: ModelSetting) -> dict[str, Any]:
    """The arguments of a model whose rounds nothing stops, because their number is known; none where it is not."""
    if setting.rounds is None or family.rounds is None:
        return {}
    return {family.rounds[0]: setting.rounds} | ({"early_stopping": False} if family.name == "hist_boosting" else {})


def _fixed(family: Family, setting: ModelSetting) -> dict[str, Any]:
    threads = {} if family.name == "linear" else {"n_jobs": setting.threads}  # linear models warn, and use none
    return {"random_state": setting.seed, **threads}


def _known_name(name: str, known: Mapping[str, Any], family: Family) -> str:
    """The name of an argument as scikit-learn's interface spells it; LightGBM's own names are known, too.

    Raises:
        InputError: the library has no such argument, or something else sets it.
    """
    path = f"model.arguments.{name}"
    if name in _SET:
        raise InputError(f"`{name}` is set by {_SET[name]}, and is no argument here", path=path)
    if name in known:
        return name
    aliases = _lightgbm_aliases() if family.name == "lightgbm" else {}
    for canonical, names in aliases.items():
        if name == canonical or name in names:
            spelled = next((each for each in (canonical, *names) if each in known), canonical)
            return _known_name(spelled, {**known, spelled: None}, family)
    nearest = nearest_choice(name, sorted({*known, *aliases} - _SET.keys()))
    raise InputError(f"{family.label} has no argument `{name}`", path=path, nearest=nearest)


def _lightgbm_aliases() -> Mapping[str, list[str]]:
    """LightGBM's parameters → their other names."""
    from lightgbm.basic import _ConfigAliases

    found: Mapping[str, list[str]] = _ConfigAliases._get_all_param_aliases()
    return found
