"""Low-rank factorization: one layer becomes two or three thin ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from tasks.artifacts import Refusal
from tasks.techniques.base import Batches, Lowers, Technique
from tasks.techniques.inputs import check_names, example_of, is_under

if TYPE_CHECKING:
    from torch import nn

    from tasks.kernels.factorization import Positions


class LowRank(Technique):
    """Replaces layers by thin factors that keep most of the energy of their weights.

    How: a linear layer becomes two, a 1x1 convolution two 1x1 convolutions (truncated singular value
    decomposition), a larger convolution three: 1x1, k x k, 1x1 (Tucker-2 by higher-order SVD). The rank is
    the smallest that keeps `energy`. A layer whose factors would not save enough stays as it is, and the plan
    says so. Convolutions in groups, layers that share weights and the insides of torch's composite layers are
    left alone.

    Papers: Denton et al. 2014 "Exploiting Linear Structure within Convolutional Networks"; Kim et al. 2016
    "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications".

    More, thinner layers do not always take less time: each is one more operator for the runtime. `recover`
    after it is the usual next step.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")

    step: Literal["low_rank"] = "low_rank"
    energy: float = Field(default=0.9, gt=0, lt=1)
    """Share of the squared singular values that each factor keeps: nearer to 1 is closer and larger."""
    minimum_saving: float = Field(default=0.1, ge=0, lt=1)
    """Share of a layer's multiply-accumulates that must be saved, or the layer stays as it is."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay as they are."""

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Which layers get which ranks: `{"layers": [{"name", "kind", "ranks"}], "left_alone": {name: why}}`.

        `kind` is `linear` or `pointwise` (one rank), or `tucker` (rank of the inputs, rank of the outputs).

        Raises:
            InputError: `ignore` names what is not there, or there are no batches.
            Refusal: no layer can be factorized with a saving, or a layer's weights are not finite.
        """
        from tasks.kernels import factorization, layers

        check_names(model, self.ignore)
        measured = factorization.positions(model, example_of(batches))
        shared = layers.shared(model)
        chosen: list[dict[str, Any]] = []
        left_alone: dict[str, str] = {}
        for name, layer in layers.weighted(model):
            ignored = "ignored" if is_under(name, self.ignore) else None
            reason = ignored or shared.get(name) or _unfit(model, name, measured)
            ranks: list[int] = []
            if not reason:
                ranks, reason = self._ranks(name, layer, measured[name])
            if reason:
                left_alone[name] = reason
            else:
                chosen.append({"name": name, "kind": factorization.kind_of(layer), "ranks": ranks})
        if not chosen:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_alone.items())[:5])
            raise Refusal(f"low_rank: there is nothing to factorize: {reasons or 'no layer with a weight matrix'}")
        return {"layers": chosen, "left_alone": left_alone}

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """The model with the planned layers as factors of its own weights."""
        from tasks.kernels import factorization

        return factorization.factorize(model, {layer["name"]: layer["ranks"] for layer in plan["layers"]})

    def _ranks(self, name: str, layer: Any, at: Positions) -> tuple[list[int], str | None]:
        """The ranks, and why the layer should stay whole (None when it should not)."""
        from tasks.kernels import factorization

        if not layer.weight.isfinite().all():
            raise Refusal(f"low_rank: the weights of layer {name} are not finite")
        ranks = factorization.choose_ranks(layer, self.energy)
        saved = factorization.saving(layer, ranks, at)
        if saved > 0 and saved >= self.minimum_saving:
            return ranks, None
        shown = " and ".join(str(rank) for rank in ranks)
        return ranks, f"at rank {shown} it would save {saved:.0%} of its multiply-accumulates"


def _unfit(model: nn.Module, name: str, measured: dict[str, Positions]) -> str | None:
    from tasks.kernels import layers

    layer: Any = model.get_submodule(name)
    if not layers.is_factorizable(layer):
        return f"a {type(layer).__name__} in {getattr(layer, 'groups', 1)} groups is not factorized"
    if layers.within_torch(model, name):
        return "it is part of a composite layer of torch"
    if name not in measured:
        return "the network did not call it"
    return None
