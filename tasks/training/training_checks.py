"""Training checks: whether the settings of `train` suit the data, before anything is trained."""

from __future__ import annotations

from tasks.core import Dataset, InputError, nearest_choice
from tasks.training.train_spec import TrainSpec


def check_training(spec: TrainSpec, dataset: Dataset, *, codes: bool) -> None:
    """Checks that what `train` does with epochs, examples and classes suits the data.

    `codes` says that the network gets numbers that stand for texts or words.

    Raises:
        InputError: it does not; names the setting.
    """
    if spec.warm_up >= spec.epochs:
        law = f"must be below the {spec.epochs} epochs of the training"
        raise InputError(law, path="train.warm_up", value=spec.warm_up, nearest=spec.epochs / 10)
    if dataset.task == "regression":
        check_numbers(spec)
    elif isinstance(spec.class_weights, dict):
        check_class_names(spec.class_weights, dataset)
    check_mixing(spec, dataset, codes=codes)
    if spec.progressive_resizing is not None and dataset.kind != "images":
        law, path = "suits images only: leave it out", "train.progressive_resizing"
        raise InputError(law, path=path, value=spec.progressive_resizing)


def check_numbers(spec: TrainSpec) -> None:
    """Checks that a regression has no setting that acts on classes. Raises InputError if it has one."""
    for name in ("label_smoothing", "mixup", "cutmix", "class_weights"):
        if value := getattr(spec, name):
            law = "acts on classes, and the target is a number: leave it out"
            raise InputError(law, path=f"train.{name}", value=value)
    if spec.sampling == "balanced":
        law = "balances classes, and the target is a number"
        raise InputError(law, path="train.sampling", value="balanced", nearest="shuffled")


def check_class_names(weights: dict[str, float], dataset: Dataset) -> None:
    """Checks that the names are classes of the data. Raises InputError if one is not."""
    for name in weights:
        if name not in dataset.classes:
            nearest = nearest_choice(name, dataset.classes) or ", ".join(dataset.classes[:10])
            raise InputError("is no class of the data", path=f"train.class_weights.{name}", nearest=nearest)


def check_mixing(spec: TrainSpec, dataset: Dataset, *, codes: bool) -> None:
    """Checks that examples of these data can be mixed as asked. Raises InputError if not."""
    if spec.cutmix and dataset.kind != "images":
        raise InputError("suits images only", path="train.cutmix", value=spec.cutmix, nearest="mixup")
    if spec.mixup and codes:
        law = "averages examples, and codes of texts or words have no average: leave it out"
        raise InputError(law, path="train.mixup", value=spec.mixup)
