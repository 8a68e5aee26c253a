"""State fit: how the tensors of a state dict fit a network, and the one sentence that says where they do not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.core import InputError, nearest_choice

if TYPE_CHECKING:
    from torch import nn

State = dict[str, Any]
"""Names and tensors."""

LISTED = 5
"""Names that a message lists of each kind."""


@dataclass(frozen=True)
class Target:
    """What a network takes: its own state dict, and the weights of transposed convolutions among it."""

    own: State
    transposed: frozenset[str]

    @staticmethod
    def of(model: nn.Module) -> Target:
        """The target that a network is; it shares the network's tensors."""
        from torch.nn.modules.conv import _ConvTransposeNd

        names = [name for name, part in model.named_modules() if isinstance(part, _ConvTransposeNd)]
        return Target(model.state_dict(), frozenset(f"{name}.weight".removeprefix(".") for name in names))

    def twins(self, name: str) -> list[str]:
        """The other names of a tensor that the network has under several."""
        own = self.own[name]
        if not is_tensor(own) or _is_lazy(own) or not own.numel():
            return []
        others = [each for each, value in self.own.items() if each != name and is_tensor(value) and not _is_lazy(value)]
        place = own.data_ptr(), own.shape
        return [each for each in others if (self.own[each].data_ptr(), self.own[each].shape) == place]


@dataclass(frozen=True)
class Fit:
    """The names by which a state dict differs from a network's."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    reshaped: tuple[str, ...]

    @property
    def is_full(self) -> bool:
        """Whether every tensor of the network is there in its shape."""
        return not (self.missing or self.reshaped)

    @property
    def is_exact(self) -> bool:
        """Whether nothing differs."""
        return self.is_full and not self.extra


def compare(state: State, target: Target) -> Fit:
    """How a state dict, its names already those of the network, fits it."""
    own = target.own
    return Fit(
        missing=tuple(name for name in own if name not in state),
        extra=tuple(name for name in state if name not in own),
        reshaped=tuple(name for name in own if name in state and not _same_shape(state[name], own[name])),
    )


def check_fit(fit: Fit, state: State, target: Target, place: dict[str, str]) -> None:
    """Refuses a state dict that does not fit.

    Args:
        fit: what `compare` found.
        state: the state dict.
        target: the network.
        place: the file and the path of the message.

    Raises:
        InputError: tensors are missing, superfluous, or of another shape; the message lists the first five of each.
    """
    if fit.is_exact:
        return
    if len(fit.missing) + len(fit.extra) + len(fit.reshaped) == 1:
        _refuse_one(fit, state, target, place)
    own, parts = target.own, []
    if fit.missing:
        parts.append(f"the file lacks {_listed(map(repr, fit.missing))}")
    if fit.extra:
        parts.append(f"the network lacks {_listed(map(repr, fit.extra))}")
    if fit.reshaped:
        shapes = (f"{name!r} is {tuple(state[name].shape)} and not {tuple(own[name].shape)}" for name in fit.reshaped)
        parts.append(f"by shape {_listed(shapes)}")
    near = nearest_choice(fit.missing[0], fit.extra) if fit.missing else None
    raise InputError(f"must have the tensors of the model, but {'; '.join(parts)}", nearest=near, **place)


def check_values(state: State, target: Target, place: dict[str, str]) -> None:
    """Refuses tensors whose values would be changed or worthless in the network; the state dict must fit.

    Raises:
        InputError: a tensor of integers or complex numbers stands for one of real numbers, has no values, or some of
            its values are not finite where the network's own are.
    """
    for name, own in target.own.items():
        value = state[name]
        if is_tensor(own) and not _same_kind(value, own):
            nearest = str(own.dtype).removeprefix("torch.")
            law = f"tensor {name!r} must hold {'complex' if own.is_complex() else 'real'} numbers"
            raise InputError(law, value=str(value.dtype).removeprefix("torch."), nearest=nearest, **place)
    counts = {name: count_infinite(state[name], own) for name, own in target.own.items()}
    wrong = [f"{count} of {state[name].numel()} in {name!r}" for name, count in counts.items() if count]
    if wrong:
        raise InputError(f"must hold finite numbers, but not finite are {_listed(wrong)}", **place)


def count_infinite(value: Any, own: Any) -> int:
    """How many values of a tensor are not finite, as the network would hold them, where its own are finite.

    The masks of attention hold infinities by design.
    """
    import torch

    if not is_tensor(own) or not own.is_floating_point():
        return 0
    if _is_lazy(own):
        return int((~torch.isfinite(value)).sum())
    return int((~torch.isfinite(value.to(own.dtype)) & torch.isfinite(own.cpu())).sum())


def is_tensor(value: object) -> bool:
    """Whether a value of a state dict is a tensor; modules may keep other state of their own in it."""
    import torch

    return torch.is_tensor(value)


def _same_shape(value: Any, own: Any) -> bool:
    """Whether a tensor can take another's place; one that is not yet initialized takes every shape."""
    return not is_tensor(own) or _is_lazy(own) or bool(value.shape == own.shape)


def _is_lazy(value: Any) -> bool:
    """Whether a tensor gets its shape only when its network sees data, or weights."""
    from torch.nn.parameter import is_lazy

    return bool(is_lazy(value))


def _same_kind(value: Any, own: Any) -> bool:
    """Whether a tensor has values, and they keep their meaning in another's type."""
    if value.is_meta or (value.is_complex() and not own.is_complex()):
        return False
    return bool(value.is_floating_point() or not own.is_floating_point())


def _refuse_one(fit: Fit, state: State, target: Target, place: dict[str, str]) -> None:
    """Raises InputError for the only difference."""
    for name in fit.missing:
        raise InputError(f"has no tensor {name!r} of the model", **place)
    for name in fit.reshaped:
        law = f"tensor {name!r} must have shape {tuple(target.own[name].shape)}"
        raise InputError(law, value=tuple(state[name].shape), **place)
    raise InputError(f"has a tensor {fit.extra[0]!r} that the model lacks", **place)


def _listed(words: Iterable[str]) -> str:
    """The first five words, and how many more there are."""
    found = list(words)
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(found[:LISTED]) + more
