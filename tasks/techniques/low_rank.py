"""Low-rank factorization: one layer becomes two or three thin ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import check_names, example_of, is_under

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.lowrank.factorization import Positions

Fit = tuple[Any, "Positions", list[int]]
"""A layer that can be factorized, where it works, and the lowest ranks that keep the energy."""


class LowRank(Technique):
    """Replaces layers by thin factors that keep most of the energy of their weights.

    How: a linear layer becomes two, a 1x1 convolution two 1x1 convolutions (truncated singular value
    decomposition), a larger convolution three: 1x1, k x k, 1x1 (Tucker-2 by higher-order SVD). The ranks keep
    at least `energy`; by time, they are the highest that take as little time as any on this host, measured
    operator by operator, and at last the whole network is timed. A layer whose factors would not save enough
    stays as it is, and the plan says so, with both times. Convolutions in groups, layers that share weights and
    the insides of torch's composite layers are left alone.

    Papers: Denton et al. 2014 "Exploiting Linear Structure within Convolutional Networks"; Kim et al. 2016
    "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications".

    Measured: ResNet-20, trained, by time (2-core Xeon with AVX-512 VNNI, ONNX Runtime 1.31, one process, while
    other work ran): energy 0.9 leaves 1 of 20 layers that gets faster (1.02 times for the network), 0.8 three
    (1.07), 0.6 eleven (1.46).

    When it did not help: more, thinner layers do not always take less time, and trained thin convolutions have
    nearly full rank. `recover` after it is the usual next step.
    """

    version: ClassVar[int] = 2
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")
    searched: ClassVar[Searched | None] = {"energy": {"uniform": (0.5, 0.95)}}

    step: Literal["low_rank"] = "low_rank"
    energy: float = Field(default=0.9, gt=0, lt=1)
    """Share of the squared singular values that each factor keeps: nearer to 1 is closer and larger."""
    ranks: Literal["energy", "time"] = "time"
    """energy: the lowest ranks that keep it; time: whole blocks above them where these take no longer, and only
    in layers that are measured to get faster on this host."""
    minimum_gain: float = Field(default=0.1, ge=0, lt=1)
    """By time: share of a layer's time that must be saved, or the layer stays as it is."""
    minimum_saving: float = Field(default=0.1, ge=0, lt=1)
    """By energy: share of a layer's multiply-accumulates that must be saved, or the layer stays as it is."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay as they are."""

    @property
    def asks_host(self) -> bool:  # type: ignore[override]
        """Ranks by energy follow from the weights alone."""
        return self.ranks == "time"

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """Which layers get which ranks: `{"layers": [{"name", "kind", "ranks"}], "left_alone": {name: why}}`.

        `kind` is `linear` or `pointwise` (one rank), or `tucker` (rank of the inputs, rank of the outputs). By
        time, each layer has its milliseconds `before` and `after`, too, and `measured` is the network's speed-up.

        Raises:
            InputError: `ignore` names what is not there, or there are no batches.
            Refusal: no layer can be factorized with a saving, a layer's weights are not finite, or the network
                does not get faster.
        """
        check_names(model, self.ignore)
        example = example_of(batches)
        fit, left_alone = self._fit(model, example)
        by_time = self._by_time if self.ranks == "time" else self._by_energy
        chosen = by_time(model, fit, left_alone, example)
        if not chosen:
            law = "no layer gets faster on this host" if self.ranks == "time" else "there is nothing to factorize"
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_alone.items())[:5])
            raise Refusal(f"low_rank: {law}: {reasons or 'no layer with a weight matrix'}")
        plan: dict[str, Any] = {"layers": chosen, "left_alone": left_alone}
        return {**plan, "measured": self._prove(model, plan, example)} if self.ranks == "time" else plan

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """The model with the planned layers as factors of its own weights."""
        from tasks.kernels.lowrank import factorization

        return factorization.factorize(model, {layer["name"]: layer["ranks"] for layer in plan["layers"]})

    def _fit(self, model: nn.Module, example: Tensor) -> tuple[dict[str, Fit], dict[str, str]]:
        """The layers that can be factorized, and why the others cannot."""
        from tasks.kernels.graph import layers
        from tasks.kernels.lowrank import factorization

        measured = factorization.positions(model, example)
        shared = layers.shared(model)
        found: dict[str, Fit] = {}
        left_alone: dict[str, str] = {}
        for name, layer in layers.weighted_layers(model):
            ignored = "ignored" if is_under(name, self.ignore) else None
            reason = ignored or shared.get(name) or _unfit(model, name, measured)
            if reason:
                left_alone[name] = reason
                continue
            if not cast("nn.Linear", layer).weight.isfinite().all():
                raise Refusal(f"low_rank: the weights of layer {name} are not finite")
            found[name] = layer, measured[name], factorization.choose_ranks(cast("nn.Linear", layer), self.energy)
        return found, left_alone

    def _by_energy(
        self, model: nn.Module, fit: dict[str, Fit], left_alone: dict[str, str], example: Tensor
    ) -> list[dict[str, Any]]:
        from tasks.kernels.lowrank import factorization

        chosen = []
        for name, (layer, at, ranks) in fit.items():
            saved = factorization.saved_share(layer, ranks, at)
            if saved > 0 and saved >= self.minimum_saving:
                chosen.append({"name": name, "kind": factorization.kind_of(layer), "ranks": ranks})
            else:
                left_alone[name] = f"at rank {_shown(ranks)} it would save {saved:.0%} of its multiply-accumulates"
        return chosen

    def _by_time(
        self, model: nn.Module, fit: dict[str, Fit], left_alone: dict[str, str], example: Tensor
    ) -> list[dict[str, Any]]:
        from tasks.kernels.latency import layer_costs
        from tasks.kernels.lowrank import factorization, rank_timing

        block, allowed = layer_costs.block(), {}
        for name, (layer, at, least) in fit.items():
            options = rank_timing.rank_options(least, factorization.full_ranks(layer), block)
            allowed[name] = [each for each in options if factorization.saved_share(layer, each, at) > 0]
            if not allowed[name]:
                reason = f"at rank {_shown(least)} it would save none of its multiply-accumulates"
                left_alone[name] = reason
        timed = rank_timing.measure_ranks(
            layer_costs.calls(model, example), {name: each for name, each in allowed.items() if each}
        )
        chosen = []
        for name, found in timed.items():
            times = {"before": found.whole, "after": found.factors}
            if found.gain > 0 and found.gain >= self.minimum_gain:
                kind = factorization.kind_of(fit[name][0])
                chosen.append({"name": name, "kind": kind, "ranks": found.ranks, **times})
            else:
                taken = f"it would take {found.factors:.4f} ms instead of {found.whole:.4f}"
                left_alone[name] = f"at rank {_shown(found.ranks)} {taken}"
        return chosen

    def _prove(self, model: nn.Module, plan: dict[str, Any], example: Tensor) -> float:
        """How many times as fast the network gets as a whole. Raises Refusal where it does not."""
        from tasks.kernels.latency.network_timer import NetworkTimer, NotConvertibleError

        try:
            measured = NetworkTimer(model, example).speedup(self.apply(model, plan))
        except NotConvertibleError as error:
            raise Refusal(f"low_rank: {error}") from error
        if measured <= 1:
            layers = ", ".join(layer["name"] for layer in plan["layers"])
            law = f"with factors of {layers}, {type(model).__name__} does not get faster on this host"
            raise Refusal(f"low_rank: {law} ({measured:.2f} times)")
        return measured


def _shown(ranks: Sequence[int]) -> str:
    return " and ".join(str(rank) for rank in ranks)


def _unfit(model: nn.Module, name: str, measured: dict[str, Positions]) -> str | None:
    from tasks.kernels.graph import layers

    layer: Any = model.get_submodule(name)
    if not layers.is_factorizable(layer):
        return f"a {type(layer).__name__} in {getattr(layer, 'groups', 1)} groups is not factorized"
    if layers.within_torch(model, name):
        return "it is part of a composite layer of torch"
    if name not in measured:
        return "the network did not call it"
    return None
