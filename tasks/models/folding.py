"""Folding: parametrized and masked weights of a file become plain ones, unless the network itself is parametrized so.

Two spellings exist: that of torch's old hooks (`weight_g`) and that of `torch.nn.utils.parametrize`.
"""

from __future__ import annotations

import re
from typing import Any

from tasks.models.state_fit import State, Target

OLD = re.compile(r"^(.*[^.])_(orig|mask|g|v|u)$")
NEW = re.compile(r"^(.*?)parametrizations\.([^.]+)\.(original0|original1|original|0\._u|0\._v)$")
ROLES = {"original": "orig", "original0": "g", "original1": "v", "0._u": "u", "0._v": "v"}

PRUNED, WEIGHT_NORM, SPECTRAL_NORM = frozenset({"orig", "mask"}), frozenset({"g", "v"}), frozenset({"orig", "u", "v"})


def plain_name(name: str) -> tuple[str, str]:
    """The name of the weight that a tensor is a part of, and its role there; of a whole one the name itself and ""."""
    if match := NEW.match(name):
        return match[1] + match[2], ROLES[match[3]]
    if match := OLD.match(name):
        return match[1], match[2]
    return name, ""


def fold(state: State, target: Target) -> State:
    """A state dict in which every weight has the form that it has in the network.

    Masks are multiplied, and weight and spectral norms worked out, where the network has the plain weight; where it has
    the same parametrization, the names become those of the network's spelling. All else stays as it is.
    """
    own, found = parts(target.own), dict(state)
    for name, roles in parts(state).items():
        kind = frozenset(roles)
        if name in target.own and not any(part in target.own for part in roles.values()):
            whole = _whole({role: state[part] for role, part in roles.items()}, name in target.transposed)
            if whole is not None:
                found = {each: value for each, value in found.items() if each not in roles.values()} | {name: whole}
        elif kind in (WEIGHT_NORM, SPECTRAL_NORM) and own.get(name, {}).keys() == kind:
            renamed = {part: own[name][role] for role, part in roles.items()}
            found = {renamed.get(each, each): value for each, value in found.items()}
    return found


def parts(state: State) -> dict[str, dict[str, str]]:
    """By the name of a plain weight, the names of its parts by their roles."""
    found: dict[str, dict[str, str]] = {}
    for name in state:
        plain, role = plain_name(name)
        if role:
            found.setdefault(plain, {})[role] = name
    return found


def _whole(part: State, is_transposed: bool) -> Any:
    """The weight that its parts by role make; None when they make none."""
    import torch

    kind = frozenset(part)
    if kind not in (PRUNED, WEIGHT_NORM, SPECTRAL_NORM):
        return None
    if not all(value.is_floating_point() for role, value in part.items() if role != "mask"):
        return None
    wide = {role: value.detach().to(torch.promote_types(value.dtype, torch.float32)) for role, value in part.items()}
    try:
        if kind == PRUNED:
            return wide["orig"] * wide["mask"]
        if kind == WEIGHT_NORM:
            return _weight_normed(wide["g"], wide["v"])
        return _spectral_normed(wide["orig"], wide["u"], wide["v"], int(is_transposed))
    except (RuntimeError, IndexError):  # tensors of these names, but of shapes that do not belong together
        return None


def _weight_normed(scale: Any, direction: Any) -> Any:
    """`g · v / ‖v‖`; the norm is taken over the dimensions in which `g` has one entry."""
    import torch

    is_whole = scale.ndim != direction.ndim
    over = [axis for axis in range(direction.ndim) if is_whole or scale.shape[axis] == 1]
    return direction * (scale / torch.linalg.vector_norm(direction, dim=over, keepdim=True))


def _spectral_normed(weight: Any, left: Any, right: Any, axis: int) -> Any:
    """The weight over its largest singular value, which the stored vectors give as in evaluation; no iteration."""
    matrix = weight.movedim(axis, 0).flatten(1)
    return weight / (left @ (matrix @ right))
