"""Data checks: whether a recipe's goal, model and layer names fit its data, before anything is trained."""

from __future__ import annotations

from flows.recipe.model_checks import check_network
from flows.recipe.points import with_point
from flows.recipe.schema import Recipe
from flows.recipe.search_validation import SIMPLE, check_path, probes, try_points
from tasks.compression.branch import is_training
from tasks.compression.fit_checks import check_fit, check_fits
from tasks.conversion import onnx_import
from tasks.core import Dataset, Goal, InputError, Prepared, Store, nearest_choice
from tasks.core.import_path import is_import_path
from tasks.data.augmentation import check_augmentation
from tasks.data.preprocessing import column_steps
from tasks.data.preprocessing_spec import check_steps
from tasks.evaluation import engines
from tasks.evaluation.metric_choice import metric_of, metric_spec
from tasks.models.estimators.booster_files import kind_of_booster
from tasks.models.factory import seed_all
from tasks.models.family_names import NETWORKS
from tasks.search.search_spec import Search
from tasks.techniques.layer_names import is_under
from tasks.training.ensembles.member_trainings import trainings_of
from tasks.training.simple.fit_spec import fit_of
from tasks.training.simple.own_fit import check_own
from tasks.training.training_checks import check_training


def check_model_file(recipe: Recipe) -> None:
    """Opens the file of `model.file`, if the recipe has one.

    Raises:
        InputError: the file is missing, or it cannot be used with any data.
    """
    if recipe.model.file is not None and not kind_of_booster(recipe.model.file):  # a booster is read as an estimator
        onnx_import.read_onnx(recipe.model.file)


def check_recipe(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Tries the recipe on the data without training: builds the network, or runs the ONNX file on a few examples.

    Raises:
        InputError: the execution provider, the metric, the augmentation, the model, its weights or a layer's name does
            not fit the data or this host.
    """
    engines.check_runtime(recipe.runtime)
    dataset = prepared.dataset
    check_goal_metric(recipe.goal, dataset, store)
    check_augmentations(recipe, prepared, store)
    branches = recipe.compress.branches if recipe.compress else ()
    check_fits(recipe.model, recipe.train.seed, branches, prepared, store)
    if recipe.model.family in NETWORKS:
        check_table(recipe, prepared)
    if recipe.model.is_simple:
        check_family(recipe, prepared, store)
        if recipe.search is not None:
            check_simple_search(recipe, recipe.search, prepared, store)
    elif recipe.model.file is not None:
        asked = bool(recipe.preprocess)
        found = onnx_import.check_onnx_model(recipe.model, prepared, asked, recipe.goal, recipe.runtime, store)
        check_operators(recipe, onnx_import.serialize_product(found, prepared))
    else:
        check_trainings(recipe, prepared, store)
        with seed_all(recipe.train.seed):
            check_network(recipe, prepared, store)


def check_augmentations(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Checks that the steps of `augment` suit the data, at all points of a search, too; and that there are some where
    the report is to compare them. Raises InputError if not."""
    is_raw = bool(store.get_json(prepared.fitted).get("raw"))

    def check(other: Recipe) -> None:
        check_augmentation(other.augment, prepared.dataset, codes=is_raw)

    check(recipe)
    try_points(recipe, check, without=("train.",))
    if recipe.report.augmentations and (not recipe.augment or not recipe.model.is_one_training):
        law = "needs a network that is trained from its beginning with augment"
        raise InputError(law, path="report.augmentations", value=True, nearest=False)


def check_trainings(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Checks that the settings of `train`, and those that a search tries, suit the data.

    Raises:
        InputError: one does not; names the setting, or its path in the search.
    """
    dataset = prepared.dataset
    raw = dataset.input_dtype == "int64" and bool(store.get_json(prepared.fitted).get("raw"))
    texts = recipe.text_encoding == "ordinal" and any(column.kind == "category" for column in dataset.columns)
    check_training(recipe.train, dataset, codes=raw or texts)
    for each in trainings_of(recipe.model, recipe.train) if recipe.model.networks else ():
        check_training(each.train, dataset, codes=raw or texts)
    check_branch_trainings(recipe, dataset, codes=raw or texts)
    space = recipe.search.space if recipe.search else {}
    for point in probes(space) if any(path.startswith("train.") for path in space) else ():
        try:
            check_training(with_point(recipe, point).train, dataset, codes=raw or texts)
        except InputError as error:
            is_searched = any(str(error.path).startswith(path) for path in point)
            raise error.at(path=f"search.space.{error.path}" if is_searched else error.path) from None


def check_branch_trainings(recipe: Recipe, dataset: Dataset, *, codes: bool) -> None:
    """Checks that the settings of the trainings in branches suit the data, as `check_training` does."""
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        for index, step in enumerate(branch.steps):
            if is_training(step):
                try:
                    check_training(step.training(), dataset, codes=codes)
                except InputError as error:
                    path = f"compress.branches.{place}.steps.{index}."
                    raise error.at(path=str(error.path).replace("train.", path)) from None


def check_goal_metric(goal: Goal, dataset: Dataset, store: Store) -> None:
    """Checks that the metric suits the data; the user's own is tried on the answers of a model that knows nothing.

    Raises:
        InputError: as `metric_choice.metric_spec`, or the user's function fails.
    """
    import numpy as np

    metric = metric_of(metric_spec(goal, dataset))
    if is_import_path(metric.name):
        targets = store.get_array(dataset.splits["validation"].targets)
        metric.value(np.zeros((len(targets), dataset.outputs), np.float32), targets)


def check_family(recipe: Recipe, prepared: Prepared, store: Store) -> None:
    """Checks that a simple model suits the data, and its settings the family.

    Raises:
        InputError: the data are no table, or the family has no such argument or ability.
    """
    family = recipe.model.family
    for place, step in enumerate(recipe.preprocess):
        if step.step == "none":
            law = "suits networks only: a simple model gets its columns as its family needs them"
            raise InputError(law, path=f"preprocess.{place}.step", value="none")
    check_table(recipe, prepared)
    if family == "own":
        check_own(prepared, fit_of(recipe.model, recipe.train.seed), column_steps(recipe.preprocess), store)
    elif family is not None and family != "auto":
        check_fit(fit_of(recipe.model, recipe.train.seed), prepared, "model.")


def check_table(recipe: Recipe, prepared: Prepared) -> None:
    """Checks that the data of a family are a table. Raises InputError if not."""
    dataset = prepared.dataset
    if dataset.kind != "table":
        held = "images" if dataset.kind == "images" else "an array"
        law = f"suits tables only, but {dataset.source} holds {held}"
        raise InputError(law, path="model.family", value=recipe.model.family, nearest="model.factory")


def check_simple_search(recipe: Recipe, search: Search, prepared: Prepared, store: Store) -> None:
    """Checks that the search for a simple model asks for nothing that only networks have, and tries its points.

    Raises:
        InputError: it does, or a point's family, arguments or steps do not suit the data or one another.
    """
    from tasks.training.simple.argument_trial import try_arguments

    whole = "a simple model is fitted in one go"
    for name, law in (
        ("scheduler", f"must be none: {whole}, and nothing is there to be stopped early"),
        ("epochs", f"must be left out: {whole}, without epochs"),
        ("minimize", "must be left out: what the file of a simple model costs is measured after the search"),
    ):
        if name in search.model_fields_set and getattr(search, name) not in (None, "none"):
            nearest = "none" if name == "scheduler" else None
            raise InputError(law, path=f"search.{name}", value=getattr(search, name), nearest=nearest)
    for path in search.space:
        check_path(path, search, SIMPLE, None)

    def check(other: Recipe) -> None:
        check_steps(prepared.dataset, other.preprocess)
        check_family(other, prepared, store)
        try_arguments(fit_of(other.model, other.train.seed), prepared.dataset)

    try_points(recipe, check)


def check_operators(recipe: Recipe, product: bytes) -> None:
    """Checks that the names in `ignore` of each branch's first step are layers of the ONNX file.

    Later steps are not checked, since earlier ones may change the layers.

    Args:
        product: bytes of the ONNX file with its preprocessing.

    Raises:
        InputError: the file has no layer of this name.
    """
    from tasks.kernels.onnx_passes import cleanup, static_quantization

    branches = recipe.compress.branches if recipe.compress else ()
    firsts = [getattr(branch.steps[0], "ignore", ()) for branch in branches]
    layers = static_quantization.layer_names(cleanup.clean(product)) if any(firsts) else {}
    known = [*layers, *layers.values()]
    for place, ignored in enumerate(firsts):
        for name in ignored:
            if not any(is_under(each, (name,)) for each in known):
                path = f"compress.branches.{place}.steps.0.ignore"
                choice = nearest_choice(name, known) or ", ".join(list(layers.values())[:10])
                raise InputError("names no layer of the file", path=path, value=name, nearest=choice)
