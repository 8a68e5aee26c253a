"""model_spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

if TYPE_CHECKING:
    pass


class ModelSpec(Spec):
    """The network: a factory with its arguments and, when it is already trained, its weights; or an ONNX file."""

    factory: str | None = None
    """`module:callable`; it is given `input_shape` and `outputs` if it takes them. Absent: a default for the data."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, for example its width and depth."""
    weights: str | None = None
    """A file with a trained state dict (tensors only). Absent: the model is trained from the data."""
    file: str | None = None
    """An ONNX file made by others: the baseline as it is, never trained. The recipe's `preprocess` is put in front
    of it; without one it takes the data's own values."""

    @model_validator(mode="after")
    def _one_model(self) -> ModelSpec:
        beside = {"factory": self.factory, "arguments": self.arguments, "weights": self.weights}
        for name, value in beside.items() if self.file is not None else ():
            if value:
                law = "must be left out beside model.file, which holds the network and its weights"
                raise ValueError(InputError(law, path=name, value=value))
        return self

    @property
    def is_trained(self) -> bool:
        """Whether it comes trained, so that there is nothing to train or to search."""
        return self.weights is not None or self.file is not None
