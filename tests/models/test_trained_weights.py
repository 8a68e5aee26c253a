"""Trained weights: the body of a network of other classes is loaded, and where weights are missing it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import datasets
from support.trained_networks import Body, body, install_timm, save_body
from torch import nn

from tasks.core import InputError, Prepared, Store
from tasks.models.factory import build_network, complete_factory
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained.trained_weights import check_weights_are_there, weights_loader, weights_stamp

OTHERS = "support.trained_networks:body"


@pytest.fixture
def prepared(store: Store) -> Prepared:
    return datasets.prepared_squares(store)


def for_data(outputs: int) -> nn.Module:
    """A factory that is told the classes of the data."""
    return Body(outputs)


def own_body() -> nn.Module:
    """A factory that loads its weights itself."""
    network = body()
    for place, weight in enumerate(network.parameters()):
        nn.init.constant_(weight, 0.01 * (place + 1))
    return network


def test_the_body_is_loaded_and_the_last_layer_is_new(prepared: Prepared, tmp_path: Path) -> None:
    file = save_body(tmp_path / "body.pt")
    spec = ModelSpec(factory=OTHERS, weights=str(file), transfer="features")
    made = complete_factory(spec, prepared)
    network, saved = build_network(*made), torch.load(file, weights_only=True)
    weights_loader(spec, prepared)(network)
    assert made[1]["last"] == {"name": "fc", "outputs": 4}
    assert torch.equal(network.state_dict()["middle.weight"], saved["middle.weight"])
    assert network.state_dict()["fc.weight"].shape == (4, 64)


def test_a_missing_weight_of_the_body_is_a_mistake(prepared: Prepared, tmp_path: Path) -> None:
    file = save_body(tmp_path / "body.pt")
    state = torch.load(file, weights_only=True)
    torch.save({name: value for name, value in state.items() if name != "middle.bias"}, file)
    spec = ModelSpec(factory=OTHERS, weights=str(file), transfer="fine_tune")
    with pytest.raises(InputError, match=r"has no tensor 'middle\.bias' of the model"):
        weights_loader(spec, prepared)(build_network(*complete_factory(spec, prepared)))


def test_weights_of_other_classes_are_told_the_way(prepared: Prepared, tmp_path: Path) -> None:
    spec = ModelSpec(factory=f"{__name__}:for_data", weights=str(save_body(tmp_path / "body.pt")))
    with pytest.raises(InputError, match=r"'fc\.weight' is \(7, 64\).* choice: model\.transfer: features"):
        weights_loader(spec, prepared)(build_network(*complete_factory(spec, prepared)))


def test_scratch_leaves_the_weights_out(prepared: Prepared, tmp_path: Path) -> None:
    spec = ModelSpec(factory=OTHERS, weights=str(save_body(tmp_path / "body.pt")), transfer="scratch")
    network = build_network(*complete_factory(spec, prepared))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights_loader(spec, prepared)(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not spec.is_trained


def test_a_factory_may_load_its_own(prepared: Prepared) -> None:
    own = ModelSpec(factory=f"{__name__}:own_body", transfer="features")
    check_weights_are_there(own, prepared)
    assert len(weights_stamp(own, prepared)) == 64
    with pytest.raises(InputError, match=r"model\.transfer: needs trained weights, and none are named"):
        check_weights_are_there(own.model_copy(update={"factory": OTHERS}), prepared)
    with pytest.raises(InputError, match="its factory loads weights itself"):
        check_weights_are_there(own.model_copy(update={"transfer": "scratch"}), prepared)


def test_timms_weights_are_fetched_only_if_asked(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)
    spec = ModelSpec(factory="timm:resnet18", arguments={"pretrained": True}, transfer="features")
    network = build_network(*complete_factory(spec, prepared))
    weights_loader(spec, prepared)(network)
    assert network.state_dict()["stem.weight"].unique().tolist() == [0.5]
    as_is = ModelSpec(factory="timm:resnet18", arguments={"pretrained": True})
    assert as_is.is_trained
    with pytest.raises(InputError, match=r"model\.transfer: is needed: the weights tell 1000 classes apart"):
        weights_loader(as_is, prepared)
