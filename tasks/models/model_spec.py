"""Model spec: the recipe's section `model`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

FamilyName = Literal["linear", "random_forest", "extra_trees", "hist_boosting", "lightgbm", "xgboost", "knn"]
AskedFamily = Literal["auto", "linear", "random_forest", "extra_trees", "hist_boosting", "lightgbm", "xgboost", "knn"]


class ModelSpec(Spec):
    """The network: a factory with its arguments and, if it is already trained, its weights; or an ONNX file. Of a table
    also a simple model: its family with its arguments."""

    family: AskedFamily | None = None
    """The kind of a simple model on a table. `auto` fits several, and the best on validation becomes the baseline."""
    factory: str | None = None
    """`module:callable`; it gets `input_shape` and `outputs` if it takes them. Absent: a default for the data."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example its width and depth, or of the family's class."""
    balanced: bool = Field(default=False, exclude_if=lambda balanced: not balanced)
    """Simple models: whether every class counts as much as every other, however rare it is."""
    quantile: float | None = Field(default=None, gt=0, lt=1, exclude_if=lambda share: share is None)
    """Simple models of a regression: the quantile that is predicted in place of the mean."""
    monotone: dict[str, Literal[-1, 1]] = Field(default_factory=dict, exclude_if=lambda columns: not columns)
    """Simple models: number column → 1 where the answer may only rise with it, -1 where it may only fall."""
    weights: str | None = None
    """A file with a trained state dict (tensors only). Absent: the model is trained from the data."""
    key: str | None = Field(default=None, min_length=1)
    """Dotted path of the state dict in the file of weights, as in `state_dict_ema`. Absent: that which fits the network
    best; among equals, the one that is no average."""
    output: int | str | None = Field(default=None, exclude_if=lambda output: output is None)
    """Which output of a model that answers with several: its key in a dictionary, its attribute, its name in an ONNX
    file, or its index. Absent: the only one that fits the data; of an ONNX file the first, if it fits."""
    file: str | None = None
    """An ONNX file made by others, used as the baseline and never trained. It keeps its inputs and outputs. The
    recipe's `preprocess` is put in front of it; without one, or with `none`, it gets the raw values of the data."""

    @model_validator(mode="after")
    def _one_model(self) -> ModelSpec:
        _leave_out(self, ("factory", "arguments", "weights", "key"), "file", "which holds the network and its weights")
        _leave_out(self, ("factory", "weights", "key", "file", "output"), "family", "which is a simple model")
        if self.family == "auto":
            for name in ("arguments", "monotone"):
                if getattr(self, name):
                    raise ValueError(InputError("must be left out: auto fits several families", path=name))
        if self.family is None:
            for name in ("balanced", "quantile", "monotone"):
                if getattr(self, name):
                    law = "suits simple models only, with model.family"
                    raise ValueError(InputError(law, path=name, value=getattr(self, name)))
        if self.key is not None and self.weights is None:
            law = "must be left out without model.weights, the file in which it is a path"
            raise ValueError(InputError(law, path="key", value=self.key))
        return self

    @property
    def form(self) -> Literal["torch", "onnx"]:
        """What the model is: a torch network, or an ONNX file, which others made or a simple model became."""
        return "torch" if self.file is None and self.family is None else "onnx"

    @property
    def is_trained(self) -> bool:
        """Whether no network is trained or searched: it is trained already, or the model is a simple one."""
        return self.weights is not None or self.form == "onnx"


def _leave_out(spec: ModelSpec, names: tuple[str, ...], beside: str, which: str) -> None:
    """Raises ValueError with an InputError where one of `names` is given beside the field `beside`."""
    for name in names if getattr(spec, beside) is not None else ():
        value = getattr(spec, name)
        if value or value == 0:
            law = f"must be left out beside model.{beside}, {which}"
            raise ValueError(InputError(law, path=name, value=value))
