"""Low-rank factorization: replaces one layer by two or three thin ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, cast

from pydantic import Field

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Searched, Technique
from tasks.techniques.layer_names import check_names, example_of, is_under

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tasks.kernels.lowrank.factorization import Positions


class FactorizableLayer(NamedTuple):
    """A linear layer or convolution that can be factorized."""

    layer: Any
    positions: Positions
    """How many positions of one example the layer reads and writes."""
    least_ranks: list[int]
    """The lowest ranks that keep the energy."""


class LowRank(Technique):
    """Replaces layers by two or three thin factors that keep most of the energy of their weights.

    Linear layers and convolutions of kernel 1 become two (truncated SVD), larger convolutions in 1-D and 2-D three
    (Tucker-2). Papers: Denton et al. 2014 "Exploiting Linear Structure within Convolutional Networks"; Kim et al. 2016
    "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications".

    Usually needs `recover` afterwards. Leaves alone layers whose factors would not save enough, convolutions in
    groups, layers that share weights, and the insides of torch's composite layers. Refuses when no layer can be
    factorized with a saving, and, with ranks by time, when the network does not get faster.

    Card: docs/techniques/low_rank.md.
    """

    version: ClassVar[int] = 3
    form: ClassVar[Literal["torch", "onnx"]] = "torch"
    lowers: ClassVar[tuple[Lowers, ...]] = ("macs", "bytes")
    searched: ClassVar[Searched | None] = {"energy": {"uniform": (0.5, 0.95)}}

    step: Literal["low_rank"] = "low_rank"
    energy: float = Field(default=0.9, gt=0, lt=1)
    """Share of the squared singular values that each factor keeps: nearer to 1 is more exact and larger."""
    ranks: Literal["energy", "time"] = "time"
    """energy: the lowest ranks that keep it; time: whole blocks above them where these take no longer, and only
    in layers that are measured to get faster on this host."""
    minimum_gain: float = Field(default=0.1, ge=0, lt=1)
    """With ranks by time: a layer is factorized only if at least this share of its time is saved."""
    minimum_saving: float = Field(default=0.1, ge=0, lt=1)
    """With ranks by energy: a layer is factorized only if at least this share of its multiply-accumulates is saved."""
    ignore: tuple[str, ...] = ()
    """Layers, or parts of the network, that stay as they are."""

    @property
    def asks_host(self) -> bool:  # type: ignore[override]
        """Whether ranks are chosen by time; by energy they follow from the weights alone."""
        return self.ranks == "time"

    def plan(self, model: nn.Module, batches: Batches) -> dict[str, Any]:
        """The layers to factorize: `{"layers": [{"name", "kind", "ranks"}], "left_alone": {layer: why}}`.

        `kind` is `linear` or `pointwise` (one rank), or `tucker` (rank of the inputs, rank of the outputs). With
        ranks by time, each layer also has its milliseconds `before` and `after`, and `measured` is the network's
        speed-up.

        Args:
            model: the network, in any mode.
            batches: pairs of inputs (count, ...) and targets (count, ...); only two examples are used.

        Raises:
            InputError: `ignore` names a part that the network does not have, or there are no batches.
            Refusal: no layer can be factorized with a saving, a layer's weights are not finite, or the network
                does not get faster.
        """
        check_names(model, self.ignore)
        example = example_of(batches)
        found, left_alone = self._factorizable(model, example)
        choose = self._by_time if self.ranks == "time" else self._by_energy
        chosen = choose(model, found, left_alone, example)
        if not chosen:
            law = "no layer gets faster on this host" if self.ranks == "time" else "there is nothing to factorize"
            reasons = "; ".join(f"{name}: {reason}" for name, reason in list(left_alone.items())[:5])
            raise Refusal(f"low_rank: {law}: {reasons or 'no layer with a weight matrix'}")
        plan: dict[str, Any] = {"layers": chosen, "left_alone": left_alone}
        return {**plan, "measured": self._measure_speedup(model, plan, example)} if self.ranks == "time" else plan

    def apply(self, model: nn.Module, plan: dict[str, Any]) -> nn.Module:
        """A copy of the model with each planned layer replaced by the factors of its own weights."""
        from tasks.kernels.lowrank import factorization

        return factorization.factorize(model, {layer["name"]: layer["ranks"] for layer in plan["layers"]})

    def own_words(self, plan: dict[str, Any]) -> str:
        """How many layers are factorized."""
        return f"{len(plan['layers'])} layers factorized"

    def _factorizable(self, model: nn.Module, example: Tensor) -> tuple[dict[str, FactorizableLayer], dict[str, str]]:
        """The layers that can be factorized, by name, and the others, each with the reason."""
        from tasks.kernels.graph import layers
        from tasks.kernels.lowrank import factorization

        measured = factorization.positions(model, example)
        shared = layers.shared(model)
        found: dict[str, FactorizableLayer] = {}
        left_alone: dict[str, str] = {}
        for name, layer in layers.weighted_layers(model):
            ignored = "ignored" if is_under(name, self.ignore) else None
            reason = ignored or shared.get(name) or _unfit(model, name, measured)
            if reason:
                left_alone[name] = reason
                continue
            if not cast("nn.Linear", layer).weight.isfinite().all():
                raise Refusal(f"low_rank: the weights of layer {name} are not finite")
            ranks = factorization.choose_ranks(cast("nn.Linear", layer), self.energy)
            found[name] = FactorizableLayer(layer, measured[name], ranks)
        return found, left_alone

    def _by_energy(
        self, model: nn.Module, candidates: dict[str, FactorizableLayer], left_alone: dict[str, str], example: Tensor
    ) -> list[dict[str, Any]]:
        """The plan's layers at their lowest ranks; those that save too little are added to `left_alone`."""
        from tasks.kernels.lowrank import factorization

        chosen = []
        for name, (layer, at, ranks) in candidates.items():
            saved = factorization.saved_share(layer, ranks, at)
            if saved > 0 and saved >= self.minimum_saving:
                chosen.append({"name": name, "kind": factorization.kind_of(layer), "ranks": ranks})
            else:
                left_alone[name] = f"at rank {_shown(ranks)} it would save {saved:.0%} of its multiply-accumulates"
        return chosen

    def _by_time(
        self, model: nn.Module, candidates: dict[str, FactorizableLayer], left_alone: dict[str, str], example: Tensor
    ) -> list[dict[str, Any]]:
        """The plan's layers at the ranks that are fastest here; those that gain too little go to `left_alone`."""
        from tasks.kernels.latency import layer_costs
        from tasks.kernels.lowrank import factorization, rank_timing

        block, allowed = layer_costs.channel_block(), {}
        for name, (layer, at, least) in candidates.items():
            options = rank_timing.rank_options(least, factorization.full_ranks(layer), block)
            allowed[name] = [each for each in options if factorization.saved_share(layer, each, at) > 0]
            if not allowed[name]:
                reason = f"at rank {_shown(least)} it would save none of its multiply-accumulates"
                left_alone[name] = reason
        timed = rank_timing.measure_ranks(
            layer_costs.layer_calls(model, example), {name: each for name, each in allowed.items() if each}
        )
        chosen = []
        for name, found in timed.items():
            times = {"before": found.whole, "after": found.factors}
            if found.gain > 0 and found.gain >= self.minimum_gain:
                kind = factorization.kind_of(candidates[name].layer)
                chosen.append({"name": name, "kind": kind, "ranks": found.ranks, **times})
            else:
                taken = f"it would take {found.factors:.4f} ms instead of {found.whole:.4f}"
                left_alone[name] = f"at rank {_shown(found.ranks)} {taken}"
        return chosen

    def _measure_speedup(self, model: nn.Module, plan: dict[str, Any], example: Tensor) -> float:
        """How many times as fast the whole network gets. Raises Refusal when it does not get faster."""
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
    """The ranks for a sentence: "8 and 16"."""
    return " and ".join(str(rank) for rank in ranks)


def _unfit(model: nn.Module, name: str, measured: dict[str, Positions]) -> str | None:
    """Why the layer cannot be factorized; None when it can. `measured` holds the layers that the network called."""
    from tasks.kernels.graph import layers

    layer: Any = model.get_submodule(name)
    if not layers.is_factorizable(layer):
        return f"a {type(layer).__name__} in {getattr(layer, 'groups', 1)} groups is not factorized"
    if layers.within_torch(model, name):
        return "it is part of a composite layer of torch"
    if name not in measured:
        return "the network did not call it"
    return None
