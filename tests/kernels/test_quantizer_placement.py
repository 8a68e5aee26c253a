"""Quantizer placement: batch norms are folded, and quantizers stand where the runtime finds whole operators."""

from __future__ import annotations

import pytest
import torch
from support import networks
from torch import nn

from tasks.kernels.graph import tracing
from tasks.kernels.quantization import quantizer_placement


def test_folding_changes_nothing_but_rounding() -> None:
    for network in (networks.residual_padded, networks.mlp, networks.concatenation):
        model, inputs = network(0)
        folded = quantizer_placement.fold_batch_norms(tracing.trace(model, inputs))
        assert torch.allclose(folded(inputs), model(inputs), atol=1e-5)
    left = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert left == ["norm"], "only the norm behind a concatenation stays"


def test_quantizers_stand_as_the_runtime_wants_them() -> None:
    model, inputs = networks.residual_padded(0)
    traced = quantizer_placement.fold_batch_norms(tracing.trace(model, inputs))
    sites = quantizer_placement.quantizer_sites(traced, quantizer_placement.quantizable_layers(traced))
    # Input, the stem behind its ReLU, each block: inside, outside, sum behind its ReLU; the padded way shares.
    assert len(set(sites.values())) == 1 + 1 + 3 + 3 + 1
    shared = {name: owner for name, owner in sites.items() if name != owner}
    assert set(shared) == {"getitem", "pad"}
    assert len(set(shared.values())) == 1, "moving values about needs no range of its own"
    before = {node.all_input_nodes[0].name for node in traced.graph.nodes if "relu" in node.name}
    assert not before & sites.keys(), "none stands between an operator and its ReLU"


def test_a_bounded_relu_leaves_its_bound_to_the_quantizer() -> None:
    inputs = 9 * networks.sequential(0)[1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 5, 1)).eval()
    traced = quantizer_placement.fold_batch_norms(tracing.trace(model, inputs))
    names = quantizer_placement.quantizable_layers(traced)
    sites = quantizer_placement.quantizer_sites(traced, names)
    net = quantizer_placement.place_quantizers(
        traced, names, sites, quantizer_placement.observe_ranges(traced, sites, [inputs]), 8
    )
    with torch.no_grad():
        assert float((net(inputs) - model(inputs)).abs().max()) < 0.1
    assert not any(node.target == "_1" for node in net.graph.nodes)
    top = net.get_parameter("quantizers._1.log_scale")
    assert float(top.detach().exp()) * 255 == pytest.approx(6.0)
