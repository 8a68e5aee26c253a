"""Model spec: a key is a path in a file of weights."""

from __future__ import annotations

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
