"""Fake quantization: the arithmetic by hand, its gradients, and the integers that are stored."""

from __future__ import annotations

import math

import pytest
import torch
from support import networks
from torch import Tensor, fx, nn

from tasks.kernels.graph import tracing
from tasks.kernels.onnx import description, sessions, torch_export
from tasks.kernels.onnx_passes.saturation import saturates
from tasks.kernels.quantization import fake_quantization, quantizer_placement
from tasks.kernels.quantization.fake_quantization import Quantizer


def quantized(model: nn.Module, inputs: Tensor, bits: int = 8) -> fx.GraphModule:
    traced = quantizer_placement.fold_batch_norms(tracing.trace(model, inputs))
    names = quantizer_placement.quantizable_layers(traced)
    sites = quantizer_placement.quantizer_sites(traced, names)
    return quantizer_placement.place_quantizers(
        traced, names, sites, quantizer_placement.observe_ranges(traced, sites, [inputs]), bits
    )


def test_a_quantizer_worked_by_hand() -> None:
    quantizer = Quantizer((-10.0, 245.0))  # a scale of 1, and zero is the level 10
    values = torch.tensor([-12.0, -10.2, 0.4, 0.5, 1.5, 244.6, 300.0], requires_grad=True)
    rounded = quantizer(values)
    assert quantizer.zero == 10
    assert rounded.tolist() == [-10.0, -10.0, 0.0, 0.0, 2.0, 245.0, 245.0], "half to even, clipped at both ends"
    rounded.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 1, 1, 1, 1, 1, 0]
    # To the logarithm of the scale: the error inside, the end of the range outside.
    moved = -10 + 0.2 - 0.4 - 0.5 + 0.5 + 0.4 + 245
    assert quantizer.log_scale.grad is not None
    assert float(quantizer.log_scale.grad) == pytest.approx(moved / math.sqrt(7 * 255), rel=1e-5)


@pytest.mark.parametrize("limits", [(0.5, 3.0), (-2.0, -1.0), (0.0, 0.0), (-0.3, 7.7)])
def test_zero_stays_zero(limits: tuple[float, float]) -> None:
    quantizer = Quantizer(limits)
    assert 0 <= quantizer.zero <= 255
    assert quantizer(torch.zeros(1)).tolist() == [0.0]
    with torch.no_grad():
        quantizer.log_scale.add_(0.37)
    assert quantizer(torch.zeros(1)).tolist() == [0.0]


@pytest.mark.parametrize(("bits", "limit"), [(7, 64), (8, 127)])
def test_weights_have_a_grid_for_each_output_channel(bits: int, limit: int) -> None:
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[limit * 0.5, 1.2], [-limit * 2.0, 3.0], [0.0, 0.0]]))
    fake_quantization.quantize_layer(layer, bits)
    integers, scales = layer.integers()  # type: ignore[operator]
    assert scales[:2].tolist() == pytest.approx([0.5, 2.0])
    assert integers.tolist() == [[limit, 2], [-limit, 2], [0, 0]]
    assert scales[2] > 0, "a channel without weights must not divide by zero"


def test_gradients_go_straight_through_a_layer() -> None:
    exact, layer = nn.Linear(4, 3), nn.Linear(4, 3)
    layer.load_state_dict(exact.state_dict())
    fake_quantization.quantize_layer(layer, 8)
    values = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    layer(values, torch.tensor(-3.0)).sum().backward()
    exact(values).sum().backward()
    for name, parameter in layer.named_parameters():
        assert torch.equal(parameter.grad, exact.get_parameter(name).grad), name  # type: ignore[arg-type]


@pytest.mark.parametrize("network", [networks.residual_padded, networks.attention], ids=["residual", "attention"])
def test_torch_and_the_runtime_answer_the_same(network: networks.Network) -> None:
    model, inputs = network(0)
    net = quantized(model, inputs)
    with torch.no_grad():
        for parameter in net.parameters():  # as if trained: scales that are no longer the ranges'
            parameter.mul_(1.02)
        wanted, still = net(inputs), fake_quantization.to_integer_graph(net)(inputs)
    assert torch.allclose(still, wanted, atol=1e-4)
    data = torch_export.convert(net, tuple(inputs.shape[1:])).SerializeToString()
    for optimized in (False, True):
        got = sessions.predict(data, {"input": inputs.numpy()}, optimized=optimized)
        assert got == pytest.approx(wanted.numpy(), abs=0.02 * float(wanted.std()))


def test_the_file_is_in_eight_bits() -> None:
    model, inputs = networks.residual(0)
    proto = torch_export.convert(quantized(model, inputs, bits=7), tuple(inputs.shape[1:]))
    kinds = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    weights = {name: kind for name, kind in kinds.items() if name.endswith(".weight")}
    assert len(weights) == 6
    assert set(weights.values()) == {3}, "ONNX's number of int8"
    floats = [node.op_type for node in proto.graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(floats) == 6
    fused = description.describe(proto.SerializeToString())
    assert fused.parameters == sum(
        p.numel() for p in quantizer_placement.fold_batch_norms(tracing.trace(model, inputs)).parameters()
    )


class Twice(nn.Module):
    """One layer at two places, where it reads values of different size."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, rows: Tensor) -> Tensor:
        answer: Tensor = self.head(self.layer(8 * self.layer(rows).relu()))
        return answer


def test_a_layer_at_two_places_has_two_biases() -> None:
    inputs = networks.mlp(0)[1]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = quantized(Twice().eval(), inputs)
    still = fake_quantization.to_integer_graph(net)
    biases = [tensor for name, tensor in still.named_buffers() if name.endswith(".bias") and "head" not in name]
    assert len(biases) == 2
    assert not torch.equal(*biases)
    with torch.no_grad():
        assert torch.allclose(still(inputs), net(inputs), atol=1e-5)


def test_saturation_has_one_answer() -> None:
    """What the host answers is its own matter; 7 bits never saturate, whatever it is."""
    from tasks.kernels.onnx.sessions import open_session
    from tasks.kernels.onnx_passes import saturation

    image = torch.full((1, saturation.CHANNELS, saturation.SIZE, saturation.SIZE), 255.0).numpy()
    [sums] = open_session(saturation._convolution(64)).run(None, {"image": image})
    assert sums == pytest.approx(255 * 64 * 9 * saturation.CHANNELS)
    assert saturates() in (True, False)


def test_a_wrapped_network_is_not_converted() -> None:
    model, inputs = networks.mlp(0)
    with pytest.raises(TypeError, match="Sequential around a fake-quantized network"):
        torch_export.convert(nn.Sequential(quantized(model, inputs)), tuple(inputs.shape[1:]))
