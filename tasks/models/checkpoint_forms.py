"""Checkpoint forms: where in a file's content the state dict of a network lies, and what its names are wrapped in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.core import InputError, nearest_choice
from tasks.models.checkpoint_files import ADVICE
from tasks.models.folding import fold, plain_name
from tasks.models.state_fit import Fit, State, Target, compare, is_tensor

DEPTH = 3
"""Dictionaries within dictionaries that are looked into."""
PREFIXES = 16
"""Prefixes of names that are tried in each dictionary, those with the most of the network's names first."""

AVERAGE = re.compile(r"(?:^|[^a-z])(?:ema|swa|avg|averaged?|polyak|shadow)(?:[^a-z]|$)", re.IGNORECASE)
OPTIMIZER = re.compile(r"optim|exp_avg|momentum|(?:^|_)grads?(?:_|$)", re.IGNORECASE)
WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Parts of names that torch's wrappers put anywhere into them."""
COUNTERS = frozenset({"num_batches_tracked", "n_averaged", "total_ops", "total_params"})
"""Last parts of names that count: batches, averaged models, operations; evaluation uses none of them."""


@dataclass(frozen=True)
class Found:
    """A state dict of a file: the dotted path at which it lies, its tensors by the network's names, and their fit."""

    where: str
    state: State
    fit: Fit

    @property
    def rank(self) -> tuple[int, int, bool, int]:
        """More is better: names that fit, shapes that fit, plain rather than averaged, and few superfluous names.

        Of those that do not fit, the largest says most about what the file holds.
        """
        extra = len(self.fit.extra)
        is_plain = AVERAGE.search(self.where) is None
        return -len(self.fit.missing), -len(self.fit.reshaped), is_plain, -extra if self.fit.is_full else extra


def find_state(content: Any, target: Target, key: str | None, file: str) -> Found:
    """The state dict that fits a network best among all that a file holds.

    Args:
        content: what the file holds.
        target: the network.
        key: dotted path of the only part of the content to look at; None for all of it.
        file: the file's name, for messages.

    Raises:
        InputError: the file holds no state dict, none at this path, or several different ones that fit equally.
    """
    place = {"file": file, "path": "model.weights"}
    found = [each for where, tensors in nested(content) for each in unwrapped(where, tensors, target)]
    if not found:
        law, value = "must hold a state dict (names to tensors)", _kind_of(content)
        raise InputError(law, value=value, nearest=None if value is None else ADVICE, **place)
    if key is not None:
        paths = [each.where for each in found if each.where]
        found = [each for each in found if f"{each.where}.".startswith(f"{key}.")]
        if not found:
            nearest = nearest_choice(key, paths) or ", ".join(paths[:5]) or None
            law = "must be a path to a state dict in the file"
            raise InputError(law, file=file, path="model.key", value=key, nearest=nearest)
    best = max(found, key=lambda each: each.rank)
    rivals = [each for each in found if each.rank == best.rank and not _same(each.state, best.state)]
    if best.fit.is_full and rivals:
        paths = [each.where for each in (best, *rivals)]
        law = f"holds {len(paths)} state dicts that fit the model equally, so model.key must choose one"
        raise InputError(law, nearest=", ".join(paths[:5]), **place)
    return best


def nested(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, State]]:
    """The dotted path and the tensors of every dictionary that has any, but for those of an optimizer."""
    if not isinstance(content, dict):
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    tensors = {name: value for name, value in named.items() if is_tensor(value)}
    if tensors:
        yield ".".join(path), tensors
    for name, value in named.items():
        if len(path) < DEPTH and not OPTIMIZER.search(name):
            yield from nested(value, (*path, name))


def unwrapped(where: str, tensors: State, target: Target) -> Iterator[Found]:
    """What a dictionary gives with each prefix of its names removed; other names beside the prefix are left out.

    Under a prefix that has all tensors of the network already, longer ones are not looked at: what lies there is
    superfluous, and not another state dict.
    """
    bare = {_without_wrappers(name, target.own): value for name, value in tensors.items()}
    full: list[str] = []
    for prefix in prefixes(bare, target.own):
        if any(prefix.startswith(each) for each in full):
            continue
        inside = {name.removeprefix(prefix): value for name, value in bare.items() if name.startswith(prefix)}
        state = complete(fold(inside, target), target)
        fit = compare(state, target)
        if fit.is_full:
            full.append(prefix)
        yield Found(".".join(part for part in (where, prefix.rstrip(".")) if part), state, fit)


def prefixes(state: State, own: State) -> list[str]:
    """Dotted beginnings of names after which names of the network follow, the shortest first; "" is always one."""
    wanted = {plain_name(name)[0] for name in own}
    counts: Counter[str] = Counter()
    for name in state:
        words = plain_name(name)[0].split(".")
        for place in range(1, len(words)):
            if ".".join(words[place:]) in wanted:
                counts[".".join(words[:place]) + "."] += 1
    return ["", *sorted((prefix for prefix, _ in counts.most_common(PREFIXES)), key=len)]


def complete(state: State, target: Target) -> State:
    """A state dict without the counters that the network lacks, and with what it need not have.

    These are the network's own counters (files from before torch 0.4.1 lack them), what is no tensor, and the second
    names of tensors that the network shares.
    """
    own, found = target.own, {}
    for name, value in state.items():
        if name in own or name.rpartition(".")[2] not in COUNTERS:
            found[name] = value if value.layout is _strided() else value.to_dense()
    for name in [each for each in own if each not in found]:
        if name.endswith("num_batches_tracked") or not is_tensor(own[name]):
            found[name] = own[name]
        elif twin := next((each for each in target.twins(name) if each in found), None):
            found[name] = found[twin]
    return found


def _strided() -> Any:
    """The layout of dense tensors."""
    import torch

    return torch.strided


def _without_wrappers(name: str, own: State) -> str:
    """A name without the parts of torch's wrappers, unless the network has the name as it is."""
    return name if name in own else ".".join(word for word in name.split(".") if word not in WRAPPERS)


def _same(one: State, other: State) -> bool:
    """Whether two state dicts have the same tensors."""
    import torch

    return one.keys() == other.keys() and all(
        value is other[name] or (value.dtype == other[name].dtype and torch.equal(value, other[name]))
        for name, value in one.items()
    )


def _kind_of(content: Any) -> str | None:
    """Tensors without names, in words; None for anything else."""
    if is_tensor(content):
        return "a tensor without a name"
    if isinstance(content, (list, tuple)) and content and all(map(is_tensor, content)):
        return f"{len(content)} tensors without names"
    return None
