"""timm's networks: by name, with what their weights expect, and nothing fetched unasked."""

from __future__ import annotations

import pytest
from support import datasets
from support.trained_networks import install_timm

from tasks.core import InputError, Prepared, Store
from tasks.models.factory import build_network, named_arguments
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained import timm_networks


@pytest.fixture
def prepared(store: Store) -> Prepared:
    return datasets.prepared_squares(store)


def test_a_name_is_a_factory_and_fetches_nothing(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)
    made = named_arguments(ModelSpec(factory="timm:resnet18.a1_in1k", arguments={"pretrained": True}), prepared)
    assert made == (timm_networks.MAKE, {"name": "resnet18.a1_in1k", "num_classes": 4, "in_chans": 1})
    assert float(build_network(*made).state_dict()["stem.weight"].std()) > 0


def test_its_weights_say_which_pictures_they_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)
    expected = timm_networks.expected_pictures("timm:resnet18")
    assert (expected.side, expected.mean, expected.classes) == (96, (0.4, 0.4, 0.4), 1000)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("timm:resnet81", "timm:resnet18"), ("timm:resnet18.a1_in2k", r"timm:resnet18\.a1_in1k")],
)
def test_a_wrong_name_is_told_the_nearest(name: str, nearest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install_timm(monkeypatch)
    with pytest.raises(InputError, match=f"nearest valid choice: {nearest}"):
        timm_networks.check_name(name)


def test_the_library_itself_gives_a_network() -> None:
    pytest.importorskip("timm")
    network = timm_networks.make_timm("resnet18.a1_in1k", num_classes=2)
    assert sum(each.numel() for each in network.parameters()) == 11_177_538
    assert timm_networks.expected_pictures("timm:resnet18.a1_in1k").side == 224
