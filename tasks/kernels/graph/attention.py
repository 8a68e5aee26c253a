"""Attention layers expanded into plain linear layers: equal results, but their heads can be traced and removed.

`nn.MultiheadAttention` keeps three projections in one parameter and the number of heads in a constant, and
`nn.TransformerEncoderLayer` reads the weights of its parts directly. The layers here hold `nn.Linear` layers and
compute the number of heads from their widths. Parts keep torch's names; the three projections are called `query`,
`key` and `value`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.kernels.graph.layers import shared


class Attention(nn.Module):
    """`nn.MultiheadAttention` without masks; same arguments and results as torch's.

    Takes query, key and value of shape (…, tokens, width), or (tokens, …, width) with `batch_first=False`. Returns
    the output in the query's shape and the attention weights (averaged over heads unless told otherwise), or None
    with `need_weights=False`. A mask raises NotImplementedError.
    """

    def __init__(self, source: nn.MultiheadAttention) -> None:
        super().__init__()
        weights = _thirds(source.in_proj_weight) if source._qkv_same_embed_dim else _projections(source)
        biases = _thirds(source.in_proj_bias)
        self.query, self.key, self.value = (_linear(w, b) for w, b in zip(weights, biases, strict=True))
        self.out_proj = _linear(source.out_proj.weight, source.out_proj.bias)
        self.head_width, self.dropout, self.batch_first = source.head_dim, source.dropout, source.batch_first
        self.train(source.training)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        if key_padding_mask is not None or attn_mask is not None or is_causal:
            _no_masks()
        q, k, v = self._heads(self.query(query)), self._heads(self.key(key)), self._heads(self.value(value))
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            return self._merged(functional.scaled_dot_product_attention(q, k, v, dropout_p=dropout)), None
        scores = (q * self.head_width**-0.5) @ k.transpose(-2, -1)
        weights = functional.dropout(scores.softmax(-1), dropout)
        return self._merged(weights @ v), weights.mean(-3) if average_attn_weights else weights

    def _heads(self, tokens: Tensor) -> Tensor:
        """Splits the width into heads: (…, heads, tokens, head's width)."""
        heads = torch.unflatten(tokens, -1, (-1, self.head_width))
        return heads.transpose(-3, -2) if self.batch_first else heads.movedim(0, -2)

    def _merged(self, heads: Tensor) -> Tensor:
        tokens = heads.transpose(-3, -2) if self.batch_first else heads.movedim(-2, 0)
        merged: Tensor = self.out_proj(tokens.flatten(-2))
        return merged


class EncoderLayer(nn.Module):
    """`nn.TransformerEncoderLayer` without masks; a mask raises NotImplementedError."""

    def __init__(self, source: nn.TransformerEncoderLayer) -> None:
        super().__init__()
        self.self_attn = Attention(source.self_attn)
        self.linear1, self.linear2 = source.linear1, source.linear2
        self.norm1, self.norm2 = source.norm1, source.norm2
        self.dropout, self.dropout1, self.dropout2 = source.dropout, source.dropout1, source.dropout2
        self.activation, self.norm_first, self.training = source.activation, source.norm_first, source.training

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        if src_mask is not None or src_key_padding_mask is not None or is_causal:
            _no_masks()
        if self.norm_first:
            src = src + self._attended(self.norm1(src))
            return src + self._mixed(self.norm2(src))
        src = self.norm1(src + self._attended(src))
        outputs: Tensor = self.norm2(src + self._mixed(src))
        return outputs

    def _attended(self, tokens: Tensor) -> Tensor:
        attended: Tensor = self.dropout1(self.self_attn(tokens, tokens, tokens, need_weights=False)[0])
        return attended

    def _mixed(self, tokens: Tensor) -> Tensor:
        mixed: Tensor = self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(tokens)))))
        return mixed


class Encoder(nn.Module):
    """`nn.TransformerEncoder` without masks; a mask raises NotImplementedError."""

    def __init__(self, source: nn.TransformerEncoder) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_written_out(layer) for layer in source.layers)
        self.norm, self.training = source.norm, source.training

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        if mask is not None or src_key_padding_mask is not None or is_causal:
            _no_masks()
        for layer in self.layers:
            src = layer(src)
        outputs: Tensor = src if self.norm is None else self.norm(src)
        return outputs


def expand_attention(model: nn.Module, layers: Iterable[str] | None = None) -> nn.Module:
    """A copy of `model` in which torch's attention layers are expanded into plain linear layers.

    With `layers` (names in the expanded copy), only the attention layers that contain one of them are expanded.
    Layers with hooks, extra parameters or weights shared with other layers stay as they are.
    """
    twin = copy.deepcopy(model)
    wanted = None if layers is None else tuple(layers)
    for name in _composites(twin):
        if wanted is None or any(layer.startswith(f"{name}.") for layer in wanted):
            owner, _, child = name.rpartition(".")
            setattr(twin.get_submodule(owner), child, _written_out(twin.get_submodule(name)))
    return twin


def layer_of(model: nn.Module, name: str) -> nn.Module:
    """The layer that has this name in `expand_attention(model)`; it may share tensors with `model`."""
    for holder in _composites(model):
        if name.startswith(f"{holder}."):
            return _written_out(model.get_submodule(holder)).get_submodule(name.removeprefix(f"{holder}."))
    return model.get_submodule(name)


def _composites(model: nn.Module) -> list[str]:
    """Names of the outermost attention layers of torch that can be expanded."""
    tied = [f"{name}." for name in shared(model)]
    found: list[str] = []
    for name, module in model.named_modules(remove_duplicate=False):
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if name and not inside and _is_plain(module) and not any(other.startswith(f"{name}.") for other in tied):
            found.append(name)
    used = [id(model.get_submodule(name)) for name in found]
    return [name for name, one in zip(found, used, strict=True) if used.count(one) == 1]


def _is_plain(module: Any) -> bool:
    """Whether the layer is of exactly torch's class, with the usual parameters and without hooks."""
    if module._forward_hooks or module._forward_pre_hooks:
        return False
    if type(module) is nn.MultiheadAttention:
        extended = module.bias_k is not None or module.add_zero_attn
        usual = {"in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight"}
        return not extended and {name for name, _ in module.named_parameters(recurse=False)} <= usual
    if type(module) is nn.TransformerEncoderLayer:
        return _is_plain(module.self_attn)
    if type(module) is nn.TransformerEncoder:
        return all(type(layer) is nn.TransformerEncoderLayer and _is_plain(layer) for layer in module.layers)
    return False


def _written_out(module: Any) -> nn.Module:
    if type(module) is nn.MultiheadAttention:
        return Attention(module)
    return EncoderLayer(module) if type(module) is nn.TransformerEncoderLayer else Encoder(module)


def _projections(source: nn.MultiheadAttention) -> Iterator[nn.Parameter]:
    for weight in (source.q_proj_weight, source.k_proj_weight, source.v_proj_weight):
        assert weight is not None
        yield weight


def _thirds(parameter: nn.Parameter | None) -> list[nn.Parameter | None]:
    if parameter is None:
        return [None] * 3
    parts = parameter.detach().chunk(3)
    return [nn.Parameter(part.clone(), parameter.requires_grad) for part in parts]


def _linear(weight: Any, bias: Any) -> nn.Linear:
    """A linear layer with these parameters, built without using the random state."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    layer.weight = weight
    layer.register_parameter("bias", bias)
    return layer


def _no_masks() -> NoReturn:
    raise NotImplementedError("attention that is written out takes no masks")
