"""The factory: models are built with a seed and checked against the data."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support import datasets, models
from torch import Tensor, nn

from tasks.core import InputError, Prepared, Store
from tasks.models import factory
from tasks.models.model_spec import ModelSpec


def plain_factory(width: int) -> nn.Linear:
    """Takes neither the input's shape nor the number of outputs."""
    return nn.Linear(width, width)


def open_factory(**anything: Any) -> nn.Flatten:
    """Takes whatever it is given."""
    return nn.Flatten()


def broken_factory(outputs: int) -> nn.Module:
    """Fails."""
    raise ZeroDivisionError(f"no network for {outputs}")


def no_network(outputs: int) -> int:
    """Gives something that is no network."""
    return outputs


def drawn() -> nn.Module:
    """Draws one number with NumPy, one with Python."""
    layer = nn.Linear(1, 1)
    layer.weight.data.fill_(float(np.random.rand()))
    layer.bias.data.fill_(random.random())
    return layer


CUSTOM: dict[str, Callable[[Tensor], Any]] = {}


class Custom(nn.Module):
    """Answers as the test says."""

    def forward(self, batch: Tensor) -> Any:
        return CUSTOM["answer"](batch)


def custom() -> nn.Module:
    return Custom()


class Two(nn.Module):
    """Takes a second tensor."""

    def forward(self, x: Tensor, age: Tensor, scale: float = 1.0) -> Tensor:
        return x + scale * age


def test_the_seed_alone_decides_the_weights() -> None:
    before = torch.random.get_rng_state()
    first = models.build(seed=3)
    torch.rand(5)
    assert models.same(first, models.build(seed=3))
    assert not models.same(first, models.build(seed=4))
    assert not first.training
    torch.random.set_rng_state(before)
    models.build()
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is nobody's"


def test_the_factory_is_given_the_data_s_shape(prepared: Prepared) -> None:
    found = factory.complete_factory(ModelSpec(arguments={"width": 8}), prepared)
    assert found == (models.CONVNET, {"input_shape": [1, 8, 8], "outputs": 4, "width": 8})
    assert factory.named_arguments(ModelSpec(factory=f"{__name__}:plain_factory"), prepared)[1] == {}
    everything = ModelSpec(factory=f"{__name__}:open_factory", arguments={"whatever": 1})
    assert factory.named_arguments(everything, prepared)[1] == {"whatever": 1}


def test_a_table_has_another_default(prepared: Prepared, store: Store) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0]}, dtype="float32")
    from tasks.data.preprocessing import preprocess

    table = preprocess(datasets.table_set(store, {"train": (frame, [1, 2])}), (), store)
    assert factory.complete_factory(ModelSpec(), table) == (
        "tasks.architectures:mlp",
        {"input_shape": [1], "outputs": 1},
    )
    assert factory.default_architecture(prepared) == models.CONVNET


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"arguments": {"widht": 8}}, r"model\.arguments\.widht: is not an argument.*: width"),
        (
            {"factory": "tasks.architectures:resnet21"},
            r"model\.factory: .*resnet21.*nearest valid choice: tasks\.architectures:resnet",
        ),
        ({"factory": "tasks.architecture:mlp"}, r"model\.factory: .*nearest valid choice: tasks\.architectures"),
        ({"factory": "convnet"}, r"form module:name"),
    ],
)
def test_wrong_factories_are_answered_with_the_nearest(spec: dict[str, Any], message: str, prepared: Prepared) -> None:
    with pytest.raises(InputError, match=message):
        factory.complete_factory(ModelSpec(**spec), prepared)


def test_a_factory_that_fails_or_gives_no_network() -> None:
    with pytest.raises(InputError, match=r"fails.*no network for 4"):
        factory.build_network(f"{__name__}:broken_factory", {"outputs": 4})
    with pytest.raises(InputError, match=r"must give a torch\.nn\.Module, or a scikit-learn.*, but got 'int'"):
        factory.build_network(f"{__name__}:no_network", {"outputs": 4})


def fails(answer: Callable[[Tensor], Any], prepared: Prepared, **spec: Any) -> str:
    """What the recipe says of a network with this answer."""
    CUSTOM["answer"] = answer
    with pytest.raises(InputError) as found:
        factory.complete_factory(ModelSpec(factory=f"{__name__}:custom", **spec), prepared)
    return str(found.value)


def test_shapes_are_tried_on_two_examples(prepared: Prepared) -> None:
    def small(batch: Tensor) -> Tensor:
        return torch.ones(3, 4) @ batch

    assert fails(small, prepared).startswith("model.factory: does not accept examples of shape (1, 8, 8) (")
    assert fails(torch.flatten, prepared) == (
        "model.factory: must answer two examples with outputs of shape (2, 4), but got (128,)"
    )
    assert fails(lambda batch: batch.flatten(1), prepared) == (
        "model.factory: must answer two examples with outputs of shape (2, 4), one for each of the 4 classes of the "
        "data (class 0, class 1, class 2, class 3), but got (2, 64); nearest valid choice: a parameter named outputs, "
        "which gets 4"
    )


def test_whatever_a_network_raises_is_one_sentence(prepared: Prepared) -> None:
    def unlucky(batch: Tensor) -> Tensor:
        raise KeyError("no key")

    assert fails(unlucky, prepared) == "model.factory: does not accept examples of shape (1, 8, 8) ('no key')"


def test_a_network_takes_one_input(prepared: Prepared) -> None:
    with pytest.raises(InputError, match=r"must take one input, a batch of examples, but its forward needs x and age$"):
        factory.try_network(Two(), (1, 8, 8))
    assert factory.required_inputs(nn.Linear(2, 2)) == ["input"]


def test_types_that_do_not_agree_have_a_way_out() -> None:
    table = nn.Embedding(4, 2)
    with pytest.raises(InputError, match=r"nearest valid choice: x\.long\(\) in forward, in front of the embedding$"):
        factory.try_network(table, (3,))
    with pytest.raises(InputError, match=r"nearest valid choice: \.float\(\) on the network, which holds float64$"):
        factory.try_network(nn.Linear(3, 4).double(), (3,))


def test_numpy_and_python_draw_from_the_seed_as_well(prepared: Prepared) -> None:
    before = random.getstate(), str(np.random.get_state())
    one, again, other = (factory.build_network(f"{__name__}:drawn", {}, seed) for seed in (1, 1, 2))
    assert models.same(one, again)
    assert not models.same(one, other)
    assert (random.getstate(), str(np.random.get_state())) == before
