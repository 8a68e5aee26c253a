"""Answers: how the answer of a network, whatever its form, becomes one row of numbers for each example."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import Dataset, InputError, nearest_choice
from tasks.models.probabilities import Maker

if TYPE_CHECKING:
    from torch import Tensor

PLACE = "model.factory"
"""The recipe's path of the messages."""
CHOICE = "model.output"
"""The recipe's path that chooses one of several outputs."""
EXAMPLES = 2
"""Number of examples of zeros on which a network is looked at."""

Key = str | int
Single = Literal["logit", "probability"]


@dataclass(frozen=True)
class Reading:
    """How to read a network's answer; by default it is taken as it is."""

    output: Key | None = None
    """Key, attribute or index of the output to take."""
    cast: bool = False
    """Whether it is cast to float32."""
    width: int | None = None
    """Number of columns that it is reshaped to."""
    single: Single | None = None
    """What its only column is, for two classes: the logit of the second class, or its probability."""

    def read(self, answer: Any) -> Tensor:
        """The answer as float32 (examples, outputs). The logit z becomes (0, z), the probability p (1 - p, p)."""
        import torch

        values = answer if self.output is None else _picked(answer, self.output)
        values = values.float() if self.cast else values
        values = values if self.width is None else values.reshape(-1, self.width)
        if self.single == "logit":
            values = torch.nn.functional.pad(values, (1, 0))
        elif self.single == "probability":
            values = torch.cat([1 - values, values], 1)
        return values  # type: ignore[no-any-return]


def find_reading(answer: Any, dataset: Dataset, key: Key | None, maker: Maker) -> Reading:
    """How the answer for EXAMPLES examples becomes (EXAMPLES, outputs of the data set).

    Args:
        answer: what the network answered: a tensor, or several in a dictionary, dataclass, tuple or list.
        dataset: its classes say how many outputs are wanted; two classes also accept one.
        key: the recipe's `model.output`.
        maker: tells whether a tensor comes from a sigmoid.

    Raises:
        InputError: no output fits, several do, or there is none of this key.
    """
    import torch

    if isinstance(answer, torch.Tensor):
        if key is not None:
            raise InputError("must be left out: the network answers with one tensor", path=CHOICE, value=key)
        if not answer.is_floating_point():
            law, kind = "must answer with floating-point numbers", str(answer.dtype).removeprefix("torch.")
            nearest = "the logits, without the argmax" if dataset.classes else None
            raise InputError(law, path=PLACE, value=kind, nearest=nearest)
        name, chosen = None, answer
    else:
        name, chosen = _chosen(answer, dataset, key, maker)
    shape, wanted = tuple(chosen.shape), (EXAMPLES, dataset.outputs)
    single: Single | None = None
    if columns(shape) == 1 and dataset.outputs == 2:
        single = "probability" if maker(chosen) else "logit"
    elif columns(shape) != dataset.outputs:
        raise _misfit(shape, dataset)
    is_flat = shape == (wanted if single is None else (EXAMPLES, 1))
    return Reading(name, chosen.dtype != torch.float32, None if is_flat else columns(shape), single)


def tensors_of(answer: Any) -> dict[Key, Tensor]:
    """The floating-point tensors of an answer, by key, attribute or index."""
    if isinstance(answer, Mapping):
        return _numbers(answer)
    if hasattr(answer, "_asdict"):
        return _numbers(answer._asdict())
    if dataclasses.is_dataclass(answer):
        return _numbers({field.name: getattr(answer, field.name) for field in dataclasses.fields(answer)})
    return _numbered(answer)


def columns(shape: tuple[int, ...]) -> int | None:
    """The outputs for each example of a tensor of this shape; None when its rows are no rows of outputs.

    >>> columns((2,)), columns((2, 10)), columns((2, 10, 1, 1)), columns((2, 3, 4))
    (1, 10, 10, None)
    """
    if not shape or shape[0] != EXAMPLES:
        return None
    wide = [size for size in shape[1:] if size != 1]
    return None if len(wide) > 1 else (wide or [1])[0]


def _numbered(answer: Any) -> dict[Key, Tensor]:
    """The floating-point tensors of a tuple or list by index; none of anything else."""
    return _numbers(dict(enumerate(answer))) if isinstance(answer, tuple | list) else {}


def _numbers(values: Mapping[Any, Any]) -> dict[Key, Tensor]:
    import torch

    return {key: value for key, value in values.items() if torch.is_tensor(value) and value.is_floating_point()}


def _picked(answer: Any, key: Key) -> Any:
    return answer[key] if isinstance(key, int) or isinstance(answer, Mapping) else getattr(answer, key)


def _chosen(answer: Any, dataset: Dataset, key: Key | None, maker: Maker) -> tuple[Key, Tensor]:
    """The output of this key; without a key, the only one that fits, those with the wanted shape first."""
    named = tensors_of(answer)
    listed = ", ".join(f"{name} {tuple(value.shape)}" for name, value in named.items())
    if key is not None:
        known = {**_numbered(answer), **named}
        if key not in known:
            near = nearest_choice(str(key), map(str, named)) or listed or None
            raise InputError("must name an output of the network", path=CHOICE, value=key, nearest=near)
        return key, known[key]
    counts = {name: columns(tuple(value.shape)) for name, value in named.items()}
    fitting = [name for name, count in counts.items() if count == dataset.outputs]
    fitting = fitting or [name for name, count in counts.items() if count == 1 and dataset.outputs == 2]
    if not fitting:
        law = f"must answer two examples with outputs of shape {(EXAMPLES, dataset.outputs)}"
        raise InputError(law, path=PLACE, value=listed or "no tensors")
    if len(fitting) > 1:
        law = f"answers with several outputs that fit the data ({listed}), so {CHOICE} must choose one"
        best = next((name for name in fitting if maker(named[name]) is None), fitting[0])
        raise InputError(law, path=PLACE, nearest=f"{CHOICE}: {best}")
    return fitting[0], named[fitting[0]]


def _misfit(shape: tuple[int, ...], dataset: Dataset) -> InputError:
    """The mistake of an answer of another shape; for classes it says how many the data have, and which is missing."""
    wanted, found = (EXAMPLES, dataset.outputs), columns(shape)
    law = f"must answer two examples with outputs of shape {wanted}"
    if not dataset.classes or found is None:
        return InputError(law, path=PLACE, value=shape)
    names = ", ".join(dataset.classes[:12]) + (", …" if len(dataset.classes) > 12 else "")
    gap = [str(number) for number in range(found) if str(number) not in dataset.classes]
    is_gap = len(dataset.classes) + len(gap) == found and len(gap) <= 3
    without = f", and no example has the class {' or '.join(gap)}" if is_gap else ""
    law = f"{law}, one for each of the {dataset.outputs} classes of the data ({names}{without})"
    return InputError(law, path=PLACE, value=shape, nearest=f"a parameter named outputs, which gets {dataset.outputs}")
