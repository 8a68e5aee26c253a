"""Model spec: a key is a path in a file of weights; a family says what may stand beside it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.models.model_spec import ModelSpec


def test_a_key_stands_beside_weights() -> None:
    assert ModelSpec(weights="a.pt", key="state_dict_ema").key == "state_dict_ema"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"file": "a.onnx", "key": "ema"}, r"key: must be left out beside model\.file, .*but got 'ema'"),
        ({"key": "ema"}, r"key: must be left out without model\.weights.*but got 'ema'"),
        ({"weights": "a.pt", "key": ""}, "at least 1 character"),
    ],
)
def test_a_key_without_weights_is_refused(spec: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelSpec.model_validate(spec)


@pytest.mark.parametrize("knob", [{"balanced": True}, {"monotone": {"x": 1}}, {"quantile": 0.5}, {"features": 0.5}])
def test_what_only_simple_models_have_is_one_message(knob: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"suits simple models only, with model\.family, and mlp is a network"):
        ModelSpec.model_validate({"family": "mlp", **knob})


def test_weights_need_a_factory() -> None:
    with pytest.raises(ValidationError, match=r"must be left out beside model\.family, which is a network"):
        ModelSpec(family="mlp", weights="a.pt")
