"""The factory: models are built with a seed and checked against the data."""

from __future__ import annotations

from typing import Any

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


class Pair(nn.Module):
    """Answers with two tensors."""

    def __init__(self, outputs: int) -> None:
        super().__init__()

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        return batch, batch


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
    assert factory.complete_factory(ModelSpec(factory=f"{__name__}:plain_factory"), prepared)[1] == {}
    everything = ModelSpec(factory=f"{__name__}:open_factory", arguments={"whatever": 1})
    assert factory.complete_factory(everything, prepared)[1] == {"whatever": 1}


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
    with pytest.raises(InputError, match=r"must give a torch\.nn\.Module, but got 'int'"):
        factory.build_network(f"{__name__}:no_network", {"outputs": 4})


def test_shapes_are_tried_on_two_examples(prepared: Prepared) -> None:
    factory.check_shapes(models.build(), prepared)
    with pytest.raises(InputError, match=r"does not accept examples of shape \(1, 8, 8\)"):
        factory.check_shapes(nn.Linear(3, 4).eval(), prepared)
    with pytest.raises(InputError, match=r"outputs of shape \(2, 4\), but got \(2, 64\)"):
        factory.check_shapes(nn.Flatten().eval(), prepared)
    with pytest.raises(InputError, match=r"outputs of shape \(2, 4\), but got 'tuple'"):
        factory.check_shapes(Pair(4), prepared)
