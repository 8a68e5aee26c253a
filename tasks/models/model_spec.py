"""Model spec: the recipe's section `model`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Spec


class ModelSpec(Spec):
    """The network: a factory with its arguments and, if it is already trained, its weights; or an ONNX file."""

    factory: str | None = None
    """`module:callable`; it gets `input_shape` and `outputs` if it takes them. Absent: a default for the data."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example its width and depth."""
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
        beside = {name: getattr(self, name) for name in ("factory", "arguments", "weights", "key")}
        for name, value in beside.items() if self.file is not None else ():
            if value:
                law = "must be left out beside model.file, which holds the network and its weights"
                raise ValueError(InputError(law, path=name, value=value))
        if self.key is not None and self.weights is None:
            law = "must be left out without model.weights, the file in which it is a path"
            raise ValueError(InputError(law, path="key", value=self.key))
        return self

    @property
    def form(self) -> Literal["torch", "onnx"]:
        """What the model is: a torch network, or an ONNX file that others made."""
        return "torch" if self.file is None else "onnx"

    @property
    def is_trained(self) -> bool:
        """Whether the model is already trained, so that it is neither trained nor searched."""
        return self.weights is not None or self.file is not None
