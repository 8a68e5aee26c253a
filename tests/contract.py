"""The contract of every technique, as one check; the author of a plug-in runs it on a technique of their own.

    from contract import check

    def test_mine():
        assert check(Mine(), build=lambda seed: my_network(seed), batches=[(inputs, targets)]) is not None

`build(seed)` gives a model of the technique's form whose weights, and nothing else, depend on the seed.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tasks.core import Refusal, canonical_json
from tasks.techniques import Batches, Technique

Build = Callable[[int], Any]


def check(technique: Technique, build: Build, batches: Batches) -> dict[str, Any] | None:
    """Runs the whole contract; returns the plan, or None when the technique refused in the way it should.

    - the technique survives its own JSON, and so does the plan;
    - `plan` and `apply` leave the model that came in, and the global random state, bit-identical;
    - planning again gives the same plan, applying again the same model;
    - the plan replays on a model with other weights: the same names and shapes, and with the weights loaded
      (strict) the same outputs;
    - the outputs keep their shape, and are finite;
    - what the technique promises to lower is lower;
    - or it refuses, with a sentence that names a layer (or the network's class), twice the same.
    """
    assert type(technique).model_validate_json(technique.model_dump_json()) == technique
    model = build(0)
    if technique.form == "torch":
        _disturb(model)
    before = _fingerprint(model)
    try:
        plan = technique.plan(model, batches)
    except Refusal as refusal:
        assert _fingerprint(model) == before, "a refusal must leave the model as it was"
        _check_sentence(str(refusal), model)
        return None
    assert _fingerprint(model) == before, "plan must leave the model bit-identical"
    assert json.loads(canonical_json(plan)) == plan, "the plan must survive JSON"
    assert technique.plan(model, batches) == plan or technique.asks_host, "plan must be deterministic"
    after = technique.apply(model, json.loads(canonical_json(plan)))
    assert _fingerprint(model) == before, "apply must leave the model that came in as it was"
    assert _fingerprint(technique.apply(model, plan)) == _fingerprint(after), "apply must be deterministic"
    if technique.form == "torch":
        _check_replay(technique, build, plan, after, batches)
    _check_outputs(technique, model, after, batches)
    _check_lower(technique, model, after, batches)
    return plan


def _disturb(model: nn.Module) -> None:
    """Mixed modes, gradients and a frozen parameter: a plan must leave these alone, too."""
    model.train()
    next(iter(model.children()), model).eval()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    next(model.parameters()).requires_grad_(False)


def _fingerprint(model: Any) -> Any:
    """Everything that a technique could change, bit by bit, and the global random states."""
    random = (torch.get_rng_state().numpy().tobytes(), str(np.random.get_state()))
    if isinstance(model, bytes):
        return model, random
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return (
        {name: (_bits(tensor), _bits(tensor.grad), tensor.requires_grad) for name, tensor in tensors.items()},
        # By name: torch makes each traced network a class of its own.
        [(name, str(type(module)), module.training, module.extra_repr()) for name, module in model.named_modules()],
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()],
        random,
    )


def _bits(tensor: Tensor | None) -> tuple[Any, ...] | None:
    return None if tensor is None else (tensor.shape, tensor.dtype, tensor.detach().cpu().numpy().tobytes())


def _check_sentence(sentence: str, model: Any) -> None:
    assert len(sentence.split()) > 3, f"a refusal must be a sentence, but is {sentence!r}"
    if isinstance(model, nn.Module):
        names = [name for name, _ in model.named_modules() if name]
        assert any(name in sentence for name in [*names, type(model).__name__]), f"{sentence!r} names no layer"


def _check_replay(technique: Technique, build: Build, plan: dict[str, Any], after: nn.Module, batches: Batches) -> None:
    """Loading: the factory's fresh model, the plan, then the weights, strictly."""
    fresh = technique.apply(build(1), plan)
    shapes = [{name: tensor.shape for name, tensor in one.state_dict().items()} for one in (fresh, after)]
    assert shapes[0] == shapes[1], "the structure must depend on the plan alone"
    fresh.load_state_dict(after.state_dict(), strict=True)
    for inputs, _ in batches:
        assert torch.equal(_outputs(fresh, inputs), _outputs(after, inputs)), "a replayed model answers differently"


def _check_outputs(technique: Technique, model: Any, after: Any, batches: Batches) -> None:
    for inputs, _ in batches:
        got, wanted = _outputs(after, inputs), _outputs(model, inputs)
        assert got.shape == wanted.shape, "the outputs must keep their shape"
        assert bool(torch.as_tensor(got).isfinite().all()), "the outputs must be finite"


def _outputs(model: Any, inputs: Any) -> Any:
    if isinstance(model, bytes):
        from tasks.kernels.onnx import sessions

        return sessions.predict(model, inputs)
    with torch.no_grad():
        return copy.deepcopy(model).eval()(inputs)


def _check_lower(technique: Technique, model: Any, after: Any, batches: Batches) -> None:
    """Latency is the host's word, so it is measured elsewhere."""
    for promise in technique.lowers:
        if promise == "latency" or (isinstance(model, bytes) and promise != "bytes"):
            continue
        was, now = (_amount(promise, one, batches[0][0]) for one in (model, after))
        assert now < was, f"{type(technique).__name__} promises to lower {promise}, but {was} became {now}"


def _amount(promise: str, model: Any, inputs: Any) -> int:
    if isinstance(model, bytes):
        return len(model)
    if promise == "macs":
        return macs(model, inputs)
    if promise == "nonzero":
        return sum(int(parameter.count_nonzero()) for parameter in model.parameters())
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def macs(model: nn.Module, inputs: Tensor) -> int:
    """Multiply-accumulates of the linear layers and convolutions for a batch, counted while it runs."""
    total = 0

    def count(module: Any, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * module.weight[0].numel()

    def attended(module: Any, arguments: tuple[Tensor, ...], output: tuple[Tensor, Any]) -> None:
        nonlocal total
        total += sum(tensor.numel() for tensor in (*arguments[:3], output[0])) * module.embed_dim

    twin = copy.deepcopy(model).eval()
    for module in twin.modules():
        if isinstance(module, nn.MultiheadAttention):  # it calls none of its parts
            module.register_forward_hook(attended)
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            module.register_forward_hook(count)
    with torch.no_grad():
        twin(inputs)
    return total
