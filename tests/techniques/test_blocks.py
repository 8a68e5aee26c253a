"""Blocks: how many go, which stay, and what is refused."""

from __future__ import annotations

import onnx
import pytest
import torch
from pydantic import ValidationError
from support import networks
from torch import Tensor, nn

from tasks.architectures import resnet
from tasks.core import InputError, Refusal
from tasks.kernels.engines.timing_engine import open_timed
from tasks.kernels.latency import network_timer
from tasks.kernels.training import loops
from tasks.techniques import Blocks

Data = list[tuple[Tensor, Tensor]]


def _network(outputs: int = 5) -> tuple[nn.Module, Data]:
    """ResNet-26 with 10 blocks that could go; the last scales of layer1.2 are 0, so that it only rectifies again."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = resnet((3, 8, 8), outputs, depth=26, width=8).eval()
        nn.init.zeros_(model.get_parameter("layer1.2.bn2.weight"))
        images = torch.randn(24, 3, 8, 8)
        loops.recalibrate_batch_norm(model, [images])
    return model, [(images[:16], torch.arange(16) % outputs), (images[16:], torch.arange(8) % outputs)]


@pytest.mark.parametrize(
    ("technique", "count"),
    [(Blocks(), 3), (Blocks(remove=2), 2), (Blocks(share=0.01), 1), (Blocks(share=0.99), 10)],
)
def test_how_many_go(technique: Blocks, count: int) -> None:
    model, batches = _network()
    plan = technique.plan(model, batches)
    assert len(plan["removed"]) == len(plan["harm"]) == count
    assert plan["removed"][0] == "layer1.2", "a block that gives nothing goes first"
    assert sorted(plan["removed"] + plan["left"]) == sorted(set(plan["removed"] + plan["left"]))
    assert len(plan["removed"] + plan["left"]) == 10
    compressed = technique.apply(model, plan)
    assert all(isinstance(compressed.get_submodule(name), nn.Identity) for name in plan["removed"])


def test_numbers_are_compared_by_their_squares() -> None:
    model, batches = _network(1)
    batches = [(inputs, torch.zeros(len(inputs))) for inputs, _ in batches]
    plan = Blocks(remove=2, ignore=("layer1.2",)).plan(model, batches)
    assert plan["harm"][-1] > 0


def test_ignored_blocks_stay() -> None:
    model, batches = _network()
    plan = Blocks(share=0.9, ignore=("layer1", "layer2.1")).plan(model, batches)
    assert not any(name.startswith("layer1") or name == "layer2.1" for name in plan["removed"])
    assert plan["left_alone"]["layer2.1"] == plan["left_alone"]["layer1.0"] == "ignored"
    assert "same shape" in plan["left_alone"]["layer3.0"]
    with pytest.raises(InputError, match="must name a layer of the network"):
        Blocks(ignore=("layer9",)).plan(model, batches)


def test_goals_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="speedup and remove exclude each other"):
        Blocks(speedup=2, remove=3)
    with pytest.raises(ValidationError, match="timed: needs speedup: without it nothing is timed, but got 'int8'"):
        Blocks(remove=3, timed="int8")


def test_refusals() -> None:
    model, batches = _network()
    with pytest.raises(Refusal, match=r"11 blocks cannot go, for there are only 10, from layer1\.0 to layer3\.3"):
        Blocks(remove=11).plan(model, batches)
    plain, images = networks.sequential(0)
    with pytest.raises(Refusal, match="the network Sequential has no residual block that could go"):
        Blocks().plan(plain, [(images, torch.arange(4))])
    with torch.no_grad():
        model.get_parameter("linear.weight")[0, 0] = float("nan")
    with pytest.raises(Refusal, match=r"ResNet .* not finite"):
        Blocks().plan(model, batches)


def test_a_goal_of_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the clock says differs from run to run; that it was asked does not."""
    monkeypatch.setattr(network_timer, "SECONDS", 0.1)
    model, images = networks.residual(0)
    batches = [(images, torch.arange(4))]
    plan = Blocks(speedup=1.001).plan(model, batches)
    assert plan["measured"] >= 1.001
    assert set(plan["block_ms"]) == {"1", "2"} == set(plan["removed"] + plan["left"])
    assert plan["block_ms"]["1"] == plan["block_ms"]["2"], "blocks of one kind take the same time"
    saved = plan["block_ms"]["1"] * len(plan["removed"])
    assert plan["predicted"] == pytest.approx(plan["whole_ms"] / (plan["whole_ms"] - saved))
    with pytest.raises(Refusal, match="100 times as fast is out of reach: without all 2 blocks, from 1 to 2"):
        Blocks(speedup=100).plan(model, batches)


def test_a_goal_of_speed_in_eight_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks that are timed are eight-bit files, the whole one and those without blocks."""
    monkeypatch.setattr(network_timer, "SECONDS", 0.05)
    timed: list[bytes] = []

    def watched(model: bytes) -> object:
        timed.append(model)
        return open_timed(model)

    monkeypatch.setattr(network_timer, "open_timed", watched)
    model, images = networks.residual(0)
    plan = Blocks(speedup=1.0001, timed="int8").plan(model, [(images, torch.arange(4))])
    assert plan["whole_ms"] > 0
    assert len(timed) >= 3
    assert all("QuantizeLinear" in {node.op_type for node in onnx.load_from_string(file).graph.node} for file in timed)


def test_the_finest_step_of_the_share_is_one_block() -> None:
    assert Blocks().finest({"removed": ["a"], "left": ["b", "c"]}) == {"share": 1 / 3}
