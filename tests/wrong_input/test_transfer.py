"""Wrong transfers: no weights, weights of another network, data without pictures, names that timm does not have."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.trained_networks import TIMM, Body, save_body
from support.wrong_input import IMAGES, Row, check_plan, model

OTHERS = "support.trained_networks:body"
RAW = {**IMAGES, "preprocess": "none"}


def weights(name: str = "body.pt") -> None:
    save_body(Path(name))


def grey() -> None:
    """pictures.npz with one channel, and the weights of a network for it."""
    weights()
    np.savez("pictures.npz", x=np.arange(40 * 64).reshape(40, 8, 8) % 256, y=np.arange(40) % 4)


def colourful() -> None:
    """Grey pictures, and the weights of a network for coloured ones."""
    grey()
    torch.save(Body(7, channels=3).state_dict(), "body.pt")


def other_network() -> None:
    """Weights in which a layer of the body has another name."""
    grey()
    state = torch.load("body.pt", weights_only=True)
    torch.save({name.replace("middle", "center"): value for name, value in state.items()}, "body.pt")


def library() -> None:
    """A library that answers as timm does."""
    grey()
    Path("timm.py").write_text(TIMM)
    sys.modules.pop("timm", None)


def body(**spec: Any) -> dict[str, Any]:
    return {**RAW, **model(factory=OTHERS, **spec)}


ROWS = {
    "unknown way": Row(
        "a.yaml: model.transfer: must be one of as_is, features, fine_tune, scratch, auto, but got 'feature'; nearest "
        "valid choice: features",
        recipe=body(weights="body.pt", transfer="feature"),
    ),
    "further without weights": Row(
        "a.yaml: model.further: suits model.weights without model.transfer, which says itself what is trained, but got "
        "True; nearest valid choice: transfer: fine_tune",
        recipe=body(further=True),
    ),
    "further beside a transfer": Row(
        "a.yaml: model.further: suits model.weights without model.transfer, which says itself what is trained, but got "
        "True; nearest valid choice: transfer: fine_tune",
        recipe=body(weights="body.pt", transfer="features", further=True),
    ),
    "no weights": Row(
        "a.yaml: model.transfer: needs trained weights, and none are named, but got 'features'; nearest valid choice: "
        "model.weights: FILE, a factory that loads its own, or timm:NAME with arguments: {pretrained: true}",
        recipe=body(transfer="features"),
        make=grey,
    ),
    "weights of another network": Row(
        "a.yaml: model.weights: body.pt: must have the tensors of the model, but the file lacks 'middle.weight', "
        "'middle.bias'; the network lacks 'center.weight', 'center.bias'; nearest valid choice: center.weight",
        recipe=body(weights="body.pt", transfer="fine_tune"),
        make=other_network,
    ),
    "weights for other channels": Row(
        "a.yaml: model.weights: body.pt: tensor 'stem.weight' must have shape (8, 1, 3, 3), but got (8, 3, 3, 3)",
        recipe=body(weights="body.pt", transfer="features"),
        make=colourful,
    ),
    "pictures too small for the network": Row(
        "a.yaml: model.factory: tasks.architectures:imagenet_resnet fails with the arguments "
        "{'input_shape': [1, 8, 8], 'outputs': 4, 'stem': 'large'} (ValueError: images must have at "
        "least 32 pixels a side with the large stem, or 8 with the small one, but have 8)",
        recipe={**RAW, **model(factory="tasks.architectures:imagenet_resnet", arguments={"stem": "large"})},
        make=grey,
    ),
    "pictures of another size": Row(
        "a.yaml: model.factory: does not accept examples of shape (3, 8, 8) (mat1 and mat2 shapes cannot be multiplied "
        "(48x8 and 7x4)); nearest valid choice: data.size, the side of the pictures that its weights were trained on",
        recipe={**RAW, **model(factory="nets:deaf", weights="body.pt", transfer="features")},
        make=weights,
    ),
    "nothing says what stands in front": Row(
        "a.yaml: preprocess: must say what the weights of model.weights were trained behind: its steps, or none for "
        "raw values; nearest valid choice: none",
        recipe={**IMAGES, **model(factory=OTHERS, weights="body.pt", transfer="features")},
        make=grey,
    ),
    "a table": Row(
        "a.yaml: model.transfer: suits pictures and arrays; no trained network knows the columns of a table, but got "
        "'features'; nearest valid choice: model: {family: auto}",
        recipe=model(factory="nets:linear", transfer="features"),
    ),
    "a simple model": Row(
        "a.yaml: model.transfer: must be left out beside model.family, which is a simple model, but got 'features'",
        recipe=model(family="linear", transfer="features"),
    ),
    "searched": Row(
        "a.yaml: search: must be left out beside model.transfer, unless that is scratch; nearest valid choice: "
        "model.transfer: auto, which compares the ways",
        recipe={
            **body(weights="body.pt", transfer="fine_tune"),
            "search": {"space": {"train.learning_rate": {"loguniform": [1e-4, 1e-2]}}},
        },
    ),
    "timm: unknown": Row(
        "a.yaml: model.factory: must name a network of timm, but got 'timm:resnet81'; nearest valid choice: "
        "timm:resnet18",
        recipe={**RAW, **model(factory="timm:resnet81")},
        make=library,
    ),
    "timm: weights that cannot be fetched": Row(
        "a.yaml: model.arguments.pretrained: asks for weights that cannot be fetched (the hub cannot be reached), but "
        "got True; nearest valid choice: model.weights: a file with them",
        recipe={**RAW, **model(factory="timm:resnet34", arguments={"pretrained": True}, transfer="features")},
        make=library,
    ),
    "timm: unknown weights": Row(
        "a.yaml: model.factory: must name weights of timm's network, but got 'timm:resnet18.a1_in2k'; nearest valid "
        "choice: timm:resnet18.a1_in1k",
        recipe={**RAW, **model(factory="timm:resnet18.a1_in2k")},
        make=library,
    ),
    "timm: taken as it is with other classes": Row(
        "a.yaml: model.transfer: is needed: the weights tell 1000 classes apart, and the data have 4; nearest valid "
        "choice: features",
        recipe={**RAW, **model(factory="timm:resnet18", arguments={"pretrained": True})},
        make=library,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_is_one_message(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        check_plan(ROWS[name], place, capsys)
    finally:
        sys.modules.pop("timm", None)


@pytest.mark.skipif(importlib.util.find_spec("timm") is not None, reason="timm is installed")
def test_without_the_extra(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = Row(
        "a.yaml: model.factory: needs timm (No module named 'timm'), but got 'timm:resnet18'; nearest valid "
        "choice: pip install 'paredown[timm]'",
        recipe={**RAW, **model(factory="timm:resnet18")},
    )
    check_plan(row, place, capsys)
