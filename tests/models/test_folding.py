"""Folding: what a parametrized layer computes stays, whichever spelling the file has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from tasks.models.folding import fold
from tasks.models.state_fit import Target, compare

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

Wrap = Callable[[nn.Module], nn.Module]


def pruned(layer: nn.Module) -> nn.Module:
    prune.l1_unstructured(layer, "weight", 0.5)
    prune.l1_unstructured(layer, "bias", 0.5)
    return layer


WRAPS: dict[str, Wrap] = {
    "pruned": pruned,
    "weight norm, hook": weight_norm,
    "weight norm of the whole, hook": lambda layer: weight_norm(layer, dim=None),
    "weight norm, second axis": lambda layer: parametrizations.weight_norm(layer, dim=1),
    "weight norm": parametrizations.weight_norm,
    "spectral norm, hook": spectral_norm,
    "spectral norm": parametrizations.spectral_norm,
}
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(4, 3),
    "convolution": lambda: nn.Conv2d(4, 4, 3),
    "transposed convolution": lambda: nn.ConvTranspose2d(4, 4, 3),
}
INPUTS = {"linear": (2, 4), "convolution": (2, 4, 5, 5), "transposed convolution": (2, 4, 5, 5)}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("wrap", WRAPS)
def test_a_plain_layer_computes_the_same(layer: str, wrap: str) -> None:
    torch.manual_seed(0)
    trained, plain = nn.Sequential(WRAPS[wrap](LAYERS[layer]())), nn.Sequential(LAYERS[layer]())
    batch = torch.randn(INPUTS[layer])
    trained(batch)  # in training mode, spectral norms are worked out
    trained.eval()
    plain.eval().load_state_dict(fold(trained.state_dict(), Target.of(plain)))
    with torch.inference_mode():
        assert torch.allclose(trained(batch), plain(batch), atol=1e-6)


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_network_of_the_same_kind_takes_them_as_they_are(wrap: str) -> None:
    state = WRAPS[wrap](nn.Linear(4, 3)).state_dict()
    assert list(fold(state, Target.of(WRAPS[wrap](nn.Linear(4, 3))))) == list(state)


@pytest.mark.parametrize(
    ("old", "new"), [(weight_norm, parametrizations.weight_norm), (spectral_norm, parametrizations.spectral_norm)]
)
def test_the_spelling_is_the_network_s(old: Wrap, new: Wrap) -> None:
    torch.manual_seed(0)
    for file, own in ((old, new), (new, old)):
        trained, network = file(nn.Linear(4, 3)).eval(), own(nn.Linear(4, 3)).eval()
        network.load_state_dict(fold(trained.state_dict(), Target.of(network)))
        batch = torch.randn(2, 4)
        with torch.no_grad():
            assert torch.allclose(trained(batch), network(batch), atol=1e-6)


def test_an_unknown_parametrization_is_left_alone() -> None:
    state = parametrizations.orthogonal(nn.Linear(4, 4)).state_dict()
    target = Target.of(nn.Linear(4, 4))
    assert list(fold(state, target)) == list(state)
    assert compare(fold(state, target), target).missing == ("weight",)


@pytest.mark.parametrize(
    "state",
    [
        {"weight_g": torch.ones(7, 1), "weight_v": torch.ones(3, 4)},
        {"weight_orig": torch.ones(3, 4, dtype=torch.int8), "weight_mask": torch.ones(3, 4)},
        {"weight_mask": torch.ones(3, 4)},
    ],
)
def test_parts_that_make_no_weight_are_left_alone(state: dict[str, torch.Tensor]) -> None:
    assert fold(state, Target.of(nn.Linear(4, 3))) == state


def test_half_precision_is_worked_out_in_single() -> None:
    state = {name: tensor.half() for name, tensor in weight_norm(nn.Linear(4, 3)).state_dict().items()}
    assert fold(state, Target.of(nn.Linear(4, 3)))["weight"].dtype == torch.float32
