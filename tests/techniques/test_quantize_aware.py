"""QuantizeAware: what it plans, what comes out of the chain to the file, and what it and others refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from support import datasets, networks, runs
from torch import Tensor, nn

from tasks.compression import fine_tuning
from tasks.conversion import onnx_export
from tasks.conversion.onnx_export import Export
from tasks.core import Context, InputError, Refusal
from tasks.evaluation import parity
from tasks.kernels.onnx_passes import saturation
from tasks.techniques import Channels, Int8, LowRank, QuantizeAware, Technique, replay
from tasks.training.recovery import Recover
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs


def _batches(inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(inputs, torch.arange(len(inputs)) % 5), (3 * inputs, torch.arange(len(inputs)) % 5)]


def test_the_plan_says_where_and_how() -> None:
    model, inputs = networks.mlp(0)
    plan = QuantizeAware(weight_bits=7).plan(model, _batches(inputs))
    assert plan["weight_bits"] == 7
    assert plan["shape"] == [2, *inputs.shape[1:]]
    assert plan["layers"] == ["0.0", "1", "4"]
    assert plan["ranges"].keys() == {"input_1", "_0_1", "_3"}, "the input and what two ReLUs give"
    tripled = 3 * inputs
    assert plan["ranges"]["input_1"] == [float(tripled.min()), float(tripled.max())], "of all the batches"
    assert plan["ranges"]["_3"][0] == 0
    assert QuantizeAware().plan(model, _batches(inputs))["weight_bits"] == (7 if saturation.saturates() else 8)


def test_an_ignored_layer_stays_float() -> None:
    model, inputs = networks.residual(0)
    technique = QuantizeAware(ignore=("1.inside", "3"))
    plan = technique.plan(model, _batches(inputs))
    assert plan["layers"] == ["0.0", "1.outside.0", "2.inside.0", "2.outside.0"]
    after = technique.apply(model, plan)
    assert type(after.get_submodule("1.inside.0")) is nn.Conv2d
    assert type(after.get_submodule("1.outside.0")) is not nn.Conv2d


@pytest.mark.parametrize("bits", [7, 8])
def test_rounding_changes_little(bits: Literal[7, 8]) -> None:
    model, inputs = networks.residual_padded(0)
    technique = QuantizeAware(weight_bits=bits)
    after = technique.apply(model, technique.plan(model, _batches(inputs)))
    with torch.no_grad():
        wanted = model(inputs)
        assert 0 < float((after(inputs) - wanted).square().mean().sqrt()) < 0.05 * float(wanted.std())


@pytest.mark.parametrize(
    ("technique", "words"),
    [
        (Channels(multiple=4), r"channels: .*0\.0"),
        (LowRank(energy=0.5), r"low_rank: .*0\.0: a QuantizedConv2d"),
        (QuantizeAware(), "GraphModule has quantizers already"),
    ],
)
def test_the_next_structural_step_refuses_by_name(technique: Technique, words: str) -> None:
    model, inputs = networks.residual(0)
    after = QuantizeAware().apply(model, QuantizeAware().plan(model, _batches(inputs)))
    with pytest.raises(Refusal, match=words):
        technique.plan(after, _batches(inputs))


def test_what_it_cannot_handle() -> None:
    inputs = networks.mlp(0)[1]
    with pytest.raises(Refusal, match="network Sequential has no convolution or linear layer"):
        QuantizeAware().plan(nn.Sequential(nn.BatchNorm1d(12)), _batches(inputs))
    with pytest.raises(Refusal, match=r"has no .*, as 0, 1, 4 stay float"):
        QuantizeAware(ignore=("0", "1", "4")).plan(networks.mlp(0)[0], _batches(inputs))
    with pytest.raises(Refusal, match="Undecided could not be traced"):
        QuantizeAware().plan(networks.undecided(0)[0], _batches(inputs))
    with pytest.raises(InputError, match="must name a layer"):
        QuantizeAware(ignore=("5",)).plan(networks.mlp(0)[0], _batches(inputs))
    with pytest.raises(InputError, match="must be finite on calibration data, but input_1 is not"):
        QuantizeAware().plan(networks.mlp(0)[0], [(inputs * float("nan"), inputs)])
    plan = QuantizeAware().plan(networks.residual(0)[0], _batches(networks.residual(0)[1]))
    with pytest.raises(Refusal, match="made for another network"):
        QuantizeAware().apply(networks.sequential(0)[0], plan)


def test_operations_in_place_do_not_spoil_the_training() -> None:
    """`out += shortcut` and activations in place write into what a quantizer gave."""

    class Inplace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 5, 1)
            self.smooth = nn.SiLU(inplace=True)

        def forward(self, images: Tensor) -> Tensor:
            out = self.first(images)
            out += images
            return self.second(self.smooth(out).relu_()).mean((2, 3))

    inputs = networks.residual(0)[1]
    model = Inplace().eval()
    after = QuantizeAware().apply(model, QuantizeAware().plan(model, _batches(inputs)))
    after(inputs).square().sum().backward()
    found = {name: float(parameter.grad.abs().sum()) for name, parameter in after.named_parameters()}  # type: ignore[union-attr]
    assert all(np.isfinite(value) and value > 0 for value in found.values()), found


def test_the_chain_to_the_file(tmp_path: Path) -> None:
    """Plan, recovery with the teacher, export: int8 in the file, the same answers, every hop on record."""
    from tasks.models.model_spec import ModelSpec
    from tasks.training.baseline import fit

    workspace = runs.workspace(tmp_path)
    store = workspace.store
    prepared = datasets.prepared_squares(store)
    inputs, context = TrainingInputs(prepared), Context(workspace)
    spec = TrainSpec(epochs=6, batch_size=16, learning_rate=0.01)
    baseline = fit(ModelSpec(arguments={"width": 16, "depth": 1}), spec, inputs, context)
    rounded = runs.compressed(baseline, QuantizeAware(), prepared, store)
    repaired = fine_tuning.recover(rounded, baseline, Recover(epochs=1), inputs, context)
    scales = [
        {
            name: float(value)
            for name, value in replay.load_network(each, store).state_dict().items()
            if "log_scale" in name
        }
        for each in (rounded, repaired)
    ]
    assert scales[0].keys() == scales[1].keys()
    assert all(scales[0][name] != scales[1][name] for name in scales[0])
    product = onnx_export.export(repaired, prepared, Export(), store)
    hops = parity.parity_of(product, store)
    assert [hop.hop for hop in hops] == [*["trained → loaded"] * 2, "torch → ONNX", "ONNX → fused"]
    assert all(hop.passed for hop in hops)
    assert all("root mean square" in hop.law for hop in hops[2:])
    with pytest.raises(Refusal, match="int8: "):
        runs.compressed(product, Int8(), prepared, store)
    float_file = onnx_export.export(baseline, prepared, Export(), store)
    assert len(store.get(product.content)) < len(store.get(float_file.content))
