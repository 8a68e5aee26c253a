"""Unstructured pruning: sets single weights to zero, anywhere or by a pattern; the layers keep their shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from tasks.core import InputError, Refusal
from tasks.techniques.base import Batches, Lowers, Technique
from tasks.techniques.layer_names import check_names, is_under

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT_SPARSITY = 0.5
"""The sparsity when neither a sparsity nor a pattern is given."""


class Weights(Technique):
    """Sets the weights of the smallest magnitude to zero, in convolutions and linear layers.

    Either a share of them, anywhere or in each layer, or all but N of every M consecutive inputs (pattern N:M).
    Papers: Han et al. 2015 "Learning both Weights and Connections for Efficient Neural Networks"; Mishra et al. 2021
    "Accelerating Sparse Deep Neural Networks" (2:4).

    Makes no network faster; the file gets smaller once `pack` stores it. Leaves alone biases, norms, layers that
    share weights or compute them from other tensors, and layers whose inputs are no multiple of M. Refuses when there
    is nothing to prune or a weight is not finite.

    Card: docs/techniques/weights.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("nonzero",)

    step: Literal["weights"] = "weights"
    sparsity: float | None = Field(default=None, gt=0, lt=1)
    """Share of the weights that become zero: of all layers together (`global`), or of each (`layer`). Absent:
    0.5, unless there is a pattern."""
    spread: Literal["global", "layer"] = "global"
    """global: the smallest anywhere, so layers of many small weights lose more; layer: the same share of each."""
    pattern: str | None = Field(default=None, pattern=r"^[1-9][0-9]?:[1-9][0-9]?$")
    """N:M, such as 2:4 or 1:4, instead of a sparsity: N weights of every M consecutive inputs stay."""
    minimum: float = Field(default=0.01, ge=0, lt=1)
    """Smallest share of non-zero weights that any layer keeps, rounded up to whole weights. Not for patterns."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay as they are."""

    @model_validator(mode="after")
    def _agree(self) -> Weights:
        kept, group = self._kept()
        if self.pattern and self.sparsity is not None:
            law = "excludes a sparsity: N of every M weights stay"
            raise ValueError(InputError(law, path="pattern", value=self.pattern))
        if self.pattern and kept >= group:
            nearest = f"{group - 1}:{group}" if group > 1 else "1:2"
            law = "must keep fewer weights than there are in a group"
            raise ValueError(InputError(law, path="pattern", value=self.pattern, nearest=nearest))
        if self.sparsity is not None and self.sparsity > 1 - self.minimum:
            law = f"must leave every layer its minimum of {self.minimum:g}"
            raise ValueError(InputError(law, path="sparsity", value=self.sparsity, nearest=1 - self.minimum))
        return self

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """How many weights become zero: `{"layers": [{"name", "zeros", "of"}], "pattern", "left_alone": {layer: why}}`.

        Args:
            model: the network, in any mode.
            batches: not used; the weights alone decide.

        Raises:
            InputError: `ignore` names a part that the network does not have, or the sparsity leaves a layer without
                any weight.
            Refusal: there is nothing to prune, or a layer's weights are not finite.
        """
        check_names(model, self.ignore)
        left_alone = self._reasons(model)
        found = {name: weight for name, weight in _weights(model).items() if name not in left_alone}
        if not found:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_alone.items())[:5])
            nothing = f"no convolution or linear layer in {type(model).__name__}"
            raise Refusal(f"weights: there is nothing to prune: {reasons or nothing}")
        for name, weight in found.items():
            if not weight.isfinite().all():
                raise Refusal(f"weights: the weights of layer {name} are not finite")
        rows = [{"name": name, "zeros": zeros, "of": found[name].numel()} for name, zeros in self._zeros(found).items()]
        return {"layers": rows, "pattern": self.pattern, "left_alone": left_alone}

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """A copy of the model in which the planned number of each layer's smallest weights is zero.

        Raises:
            Refusal: the plan was made for another network.
        """
        import copy

        import torch

        from tasks.kernels.pruning import unstructured

        pared = copy.deepcopy(model)
        weights = _weights(pared)
        for layer in plan["layers"]:
            weight = weights.get(layer["name"])
            if weight is None or weight.numel() != layer["of"]:
                raise Refusal(f"weights: the plan was made for another network: layer {layer['name']} is not the same")
            if plan["pattern"]:
                kept, group = _parse(plan["pattern"])
                gone = unstructured.n_m_mask(weight, kept, group)
            else:
                gone = unstructured.smallest(weight, layer["zeros"])
            with torch.no_grad():
                weight.masked_fill_(gone, 0.0)
        return pared

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many weights become zero."""
        layers = plan["layers"]
        zeros, whole = sum(layer["zeros"] for layer in layers), sum(layer["of"] for layer in layers)
        return f"{zeros:,} of {whole:,} weights zero in {len(layers)} layers"

    def _kept(self) -> tuple[int, int]:
        """N and M of the pattern; 0 and 1 without one."""
        return _parse(self.pattern) if self.pattern else (0, 1)

    def _reasons(self, model: nn.Module) -> dict[str, str]:
        """Layers that stay as they are, each with the reason."""
        from tasks.kernels.graph import layers

        group = self._kept()[1]
        found = {}
        shared = layers.shared(model)
        weights = _weights(model)
        for name, _ in layers.weighted_layers(model):
            if is_under(name, self.ignore):
                found[name] = "ignored"
            elif name in shared:
                found[name] = shared[name]
            elif name not in weights:
                found[name] = "its weights are computed from other tensors"
            elif weights[name].shape[1] % group:
                found[name] = f"its {weights[name].shape[1]} inputs are no multiple of {group}"
        return found

    def _zeros(self, weights: Mapping[str, Tensor]) -> dict[str, int]:
        """How many zeros each layer gets, by its name. Raises InputError when a layer would keep no weight."""
        from tasks.kernels.pruning import unstructured

        sizes = [weight.numel() for weight in weights.values()]
        if self.pattern:
            kept, group = self._kept()
            return dict(zip(weights, (size // group * (group - kept) for size in sizes), strict=True))
        share = DEFAULT_SPARSITY if self.sparsity is None else self.sparsity
        most = [size - math.ceil(self.minimum * size) for size in sizes]
        if self.spread == "layer":
            counts = [min(round(share * size), limit) for size, limit in zip(sizes, most, strict=True)]
        else:
            total = min(round(share * sum(sizes)), sum(most))
            counts = unstructured.distribute_sparsity(list(weights.values()), total, most)
        for name, count, size in zip(weights, counts, sizes, strict=True):
            if count == size:
                law = f"must leave every layer a weight, but {name} would keep none of its {size}"
                raise InputError(law, path="sparsity", value=share)
        return dict(zip(weights, counts, strict=True))


def _parse(pattern: str) -> tuple[int, int]:
    """N and M of N:M."""
    kept, group = pattern.split(":")
    return int(kept), int(group)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    """The weight (outputs, inputs, ...) of each linear layer and convolution that has one as a parameter, by name."""
    from tasks.kernels.graph import layers

    own = ((name, layer._parameters.get("weight")) for name, layer in layers.weighted_layers(model))
    return {name: weight for name, weight in own if weight is not None}
