"""Member checks: whether the members of an ensemble of networks can be trained as the recipe says."""

from __future__ import annotations

from pydantic import ValidationError

from tasks.core import InputError
from tasks.models.model_spec import ModelSpec
from tasks.search.search_spec import Search
from tasks.training.ensembles.member_trainings import PLACE, member_training, trainings_of
from tasks.training.train_spec import TrainSpec


def check_members(model: ModelSpec, train: TrainSpec, search: Search | None) -> None:
    """Checks the members of a recipe's ensemble of networks; every other recipe passes.

    Raises:
        ValueError: its argument is an InputError, since pydantic passes on only ValueErrors.
    """
    ensemble = model.networks
    if ensemble is None:
        return
    alone = model.model_copy(update={"ensemble": None})
    for place, member in enumerate(ensemble.members or ()):
        try:
            member_training(member, 0, alone, train, "")
        except ValidationError as error:
            raise ValueError(wrong_setting(error, f"{PLACE}.members.{place}.train")) from None
    try:
        trainings_of(model, train)
        check_trials(model, search)
    except InputError as error:
        raise ValueError(error) from None


def wrong_setting(error: ValidationError, path: str) -> InputError:
    """The first mistake in a member's settings of `train`, as one message."""
    first = error.errors(include_url=False)[0]
    said = first.get("ctx", {}).get("error")
    place = ".".join([path, *(str(part) for part in first["loc"])])
    if isinstance(said, ValueError) and said.args and isinstance(said.args[0], InputError):
        inner = said.args[0]
        return inner.at(path=f"{place}.{inner.path}" if inner.path else place)
    if first["type"] == "extra_forbidden":
        return InputError("is no setting of train", path=place)
    return InputError(first["msg"].replace("Input should", "must"), path=place, value=first["input"])


def check_trials(model: ModelSpec, search: Search | None) -> None:
    """Checks that a search gives the members that are asked of it.

    Raises:
        InputError: there is no such search, or members are named beside it.
    """
    assert model.networks is not None
    asked = model.networks.trials
    if search is None:
        if asked:
            law = "needs a search, whose best trials are the members"
            raise InputError(law, path=f"{PLACE}.trials", value=asked, nearest=f"members: {asked}")
        return
    if model.networks.members and not model.networks.is_counted:
        law = "must be left out beside model.ensemble.members, which are given"
        raise InputError(law, path="search", nearest="model.ensemble: {trials: 3}")
    if asked is None:
        return
    if search.algorithm == "pbt":
        law = "finds one training whose values change, and no trials that could be members"
        raise InputError(law, path="search.algorithm", value="pbt", nearest="tpe")
    for path in search.space:
        if path.startswith(("preprocess.", "augment.")) or path == "model.family":
            law = "must be left out beside model.ensemble.trials, whose members get the same inputs"
            raise InputError(law, path=f"search.space.{path}")
    if search.count is not None and search.count < asked:
        law = f"must be at most the trials of the search, which are {search.count}"
        raise InputError(law, path=f"{PLACE}.trials", value=asked, nearest=search.count if search.count > 1 else None)
