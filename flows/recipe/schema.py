"""Recipe: the Specs of every verb, composed; read from YAML, with every mistake answered in one message."""

from __future__ import annotations

from pydantic import Field, model_validator

from tasks.compression.branch import Compress, form_of
from tasks.conversion.onnx_export import Export
from tasks.core import Goal, InputError, Runtime, Spec
from tasks.data.augmentation import AugmentStep
from tasks.data.data_spec import DataSpec
from tasks.data.preprocessing import PreprocessStep
from tasks.models.model_spec import ModelSpec
from tasks.search.search_spec import Search
from tasks.techniques import TAGS
from tasks.training.train_spec import TrainSpec


class Recipe(Spec):
    """Data, a model and a goal; everything else has a default."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)
    """Names the product, its MLflow experiment and its registered model."""
    data: DataSpec
    """Where the examples come from and how they are split."""
    preprocess: tuple[PreprocessStep, ...] = ()
    """Fitted on train only, and part of the product's graph. Absent: the defaults for the kind of data."""
    augment: tuple[AugmentStep, ...] = ()
    """Random changes of the training images."""
    model: ModelSpec = ModelSpec()
    """The network, trained already or not."""
    train: TrainSpec = TrainSpec()
    """How the baseline is trained; not used when the model brings its weights."""
    search: Search | None = None
    """A search over any `train`, `model` or `augment` value before the baseline is trained."""
    compress: Compress | None = None
    """The branches to try. Absent: pruning, low rank and int8, alone and together."""
    export: Export = Export()
    """How the ONNX file is made and proven."""
    goal: Goal = Goal()
    """How good the product must be, and what it should have least of."""
    runtime: Runtime = Runtime()
    """Where the product will run; latency is measured in this way."""

    @model_validator(mode="after")
    def _file_is_not_trained(self) -> Recipe:
        if self.model.file is not None:
            check_for_file(self)
        return self


def check_for_file(recipe: Recipe) -> None:
    """Whether a recipe whose model is an ONNX file asks only for what can be done with one.

    Raises:
        ValueError: around the InputError, as pydantic wants it; it names the section, or the branch and its step.
    """
    for name in ("train", "search", "augment"):
        if getattr(recipe, name) != Recipe.model_fields[name].default:
            law = "must be left out: model.file is an ONNX file, which is never trained"
            raise ValueError(InputError(law, path=name))
    possible = ", ".join(tag for tag, kind in TAGS.items() if kind.form == "onnx")
    for place, branch in enumerate(recipe.compress.branches if recipe.compress else ()):
        for index, step in enumerate(branch.steps):
            if form_of(step) != "onnx":
                law = f"needs a torch network, but branch {branch.name!r} begins with the ONNX file of model.file"
                path = f"compress.branches.{place}.steps.{index}"
                raise ValueError(
                    InputError(law, path=path, value=step.model_dump()["step"], nearest=f"one of {possible}")
                )
