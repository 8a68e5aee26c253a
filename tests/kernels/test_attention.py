"""Attention that is written out must answer as torch's own, and lose whole heads."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from support import networks
from torch import Tensor, nn

from tasks.kernels.graph.attention import Attention, Encoder, expand_attention, layer_of
from tasks.kernels.onnx import sessions, torch_export
from tasks.kernels.pruning.dependency_groups import find_groups
from tasks.kernels.pruning.surgery import cut_channels


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def _same(got: Any, wanted: Any) -> bool:
    if wanted[1] is None or got[1] is None:
        return wanted[1] is got[1] and torch.allclose(got[0], wanted[0], atol=1e-6)
    return all(torch.allclose(one, other, atol=1e-6) for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("widths", [(12, 12), (7, 5)])
def test_attention_answers_as_torchs_own(batch_first: bool, bias: bool, widths: tuple[int, int]) -> None:
    """With and without weights, of each head and on average, with and without a batch, in another width."""
    theirs: Any = nn.MultiheadAttention(12, 3, bias=bias, batch_first=batch_first, kdim=widths[0], vdim=widths[1])
    ours = Attention(theirs.eval())
    inputs = (torch.randn(2, 4, 12), torch.randn(2, 4, widths[0]), torch.randn(2, 4, widths[1]))
    for knobs in ({}, {"need_weights": False}, {"average_attn_weights": False}):
        for tensors in (inputs, tuple(tensor[0] for tensor in inputs)):
            assert _same(ours(*tensors, **knobs), theirs(*tensors, **knobs))


@pytest.mark.parametrize("norm_first", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_an_encoder_answers_as_torchs_own(norm_first: bool, batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(12, 3, 20, 0.1, "gelu", norm_first=norm_first, batch_first=batch_first)
    theirs = nn.Sequential(nn.TransformerEncoder(layer, 2, nn.LayerNorm(12), enable_nested_tensor=False)).eval()
    ours, inputs = expand_attention(theirs), torch.randn(2, 5, 12)
    assert isinstance(ours[0], Encoder)  # type: ignore[index]
    assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-6)
    with torch.no_grad():  # torch's fast path
        assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-5)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_a_cut_head_answers_as_torchs_own_whose_output_ignores_it() -> None:
    model, inputs = networks.multihead(0)
    groups = find_groups(model, inputs)
    heads = next(group for group in groups if "around.query" in group.layers("out"))
    silent = copy.deepcopy(model)
    with torch.no_grad():
        silent.get_submodule("around").out_proj.weight[:, 4:8] = 0  # type: ignore[operator, union-attr, index]
    narrow = cut_channels(model, groups, {heads.id: [0, 2, 3]})
    assert narrow.get_submodule("around.query").out_features == 12
    assert torch.allclose(narrow(inputs), silent(inputs), atol=1e-6)


def test_only_what_is_wanted_is_written_out() -> None:
    model = nn.ModuleDict({name: nn.TransformerEncoderLayer(8, 2, 8) for name in ("first", "second")})
    assert type(expand_attention(model, ["second.linear1"]).get_submodule("first")) is nn.TransformerEncoderLayer
    assert type(expand_attention(model, ["second.linear1"]).get_submodule("second")).__name__ == "EncoderLayer"
    assert type(expand_attention(model, []).get_submodule("second")) is nn.TransformerEncoderLayer
    wanted = model.get_submodule("first").self_attn.in_proj_weight[8:16]  # type: ignore[union-attr, index]
    assert torch.equal(layer_of(model, "first.self_attn.key").weight, wanted)  # type: ignore[arg-type]


def test_what_is_shared_hooked_or_extended_stays_torchs() -> None:
    shared = nn.ModuleList([nn.MultiheadAttention(8, 2)] * 2)
    tied = nn.ModuleList([nn.MultiheadAttention(8, 2), nn.MultiheadAttention(8, 2)])
    tied[0].in_proj_weight = tied[1].in_proj_weight
    hooked = nn.ModuleList([nn.MultiheadAttention(8, 2)])
    hooked[0].register_forward_hook(lambda *_: None)
    extended = nn.ModuleList(
        [nn.MultiheadAttention(8, 2, add_bias_kv=True), nn.MultiheadAttention(8, 2, add_zero_attn=True)]
    )
    for model in (shared, tied, hooked, extended):
        assert all(type(part) is nn.MultiheadAttention for part in expand_attention(model).children())


def test_masks_are_never_ignored() -> None:
    ours: Any = Attention(nn.MultiheadAttention(8, 2))
    tokens, mask = torch.randn(3, 2, 8), torch.ones(3, 3)
    for knobs in ({"attn_mask": mask}, {"key_padding_mask": mask[:2]}, {"is_causal": True}):
        with pytest.raises(NotImplementedError, match="takes no masks"):
            ours(tokens, tokens, tokens, **knobs)


def test_modes_gradients_and_the_random_state_are_kept() -> None:
    model = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 8)).train()
    model[0].linear1.eval()
    model[0].self_attn.in_proj_weight.requires_grad_(False)
    before = torch.get_rng_state()
    ours: Any = expand_attention(model)
    layer_of(model, "0.self_attn.query")
    assert torch.equal(torch.get_rng_state(), before)
    assert (ours[0].training, ours[0].linear1.training, ours[0].self_attn.training) == (True, False, True)
    assert not ours[0].self_attn.key.weight.requires_grad
    assert ours[0].self_attn.key.bias.requires_grad
    assert (model[0].training, model[0].linear1.training) == (True, False)


def test_the_runtime_runs_what_is_cut() -> None:
    model, inputs = networks.encoder(0)
    groups = find_groups(model, inputs)
    narrow = cut_channels(model, groups, {group.id: range(group.channels // 2) for group in groups if not group.frozen})
    file = torch_export.convert(narrow, tuple(inputs.shape[1:])).SerializeToString()
    answers: Tensor = torch.as_tensor(sessions.predict(file, {"input": inputs.numpy()}))
    assert torch.allclose(answers, narrow(inputs), atol=1e-5)
