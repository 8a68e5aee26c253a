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
    file: str | None = None
    """An ONNX file made by others, used unchanged as the baseline and never trained. The recipe's `preprocess` is put
    in front of it; without one it gets the raw values of the data."""

    @model_validator(mode="after")
    def _one_model(self) -> ModelSpec:
        beside = {"factory": self.factory, "arguments": self.arguments, "weights": self.weights, "key": self.key}
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
