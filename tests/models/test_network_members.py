"""The spec of an ensemble: its members say whether it is one of networks or of simple models."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.models.ensembles.members import EnsembleSpec
from tasks.models.ensembles.network_members import NetworkEnsemble, NetworkMember
from tasks.models.model_spec import ModelSpec


@pytest.mark.parametrize(
    ("ensemble", "kind"),
    [
        ({"members": 3}, NetworkEnsemble),
        ({"snapshots": 2}, NetworkEnsemble),
        ({"members": [{"factory": "a:b"}, {"factory": "a:c"}]}, NetworkEnsemble),
        ({"members": [{"family": "mlp"}, {"family": "mlp"}]}, NetworkEnsemble),
        ({"members": [{"seed": 1}, {"seed": 2}]}, NetworkEnsemble),
        ({"members": [{"family": "linear"}, {"family": "lightgbm"}]}, EnsembleSpec),
    ],
)
def test_members_say_what_they_are(ensemble: dict[str, Any], kind: type) -> None:
    model = ModelSpec.model_validate({"ensemble": ensemble})
    assert type(model.ensemble) is kind
    assert model.is_simple == (kind is EnsembleSpec)
    assert model.form == ("onnx" if model.is_simple else "torch")
    assert ModelSpec.model_validate(model.model_dump(mode="json", exclude_unset=True)) == model


def test_a_number_stands_for_equal_members() -> None:
    ensemble = NetworkEnsemble.model_validate({"members": 3})
    assert ensemble.members == (NetworkMember(),) * 3
    assert ensemble.is_counted
    assert not NetworkEnsemble.model_validate({"members": [{}, {"seed": 1}]}).is_counted


def test_networks_with_embeddings_read_codes() -> None:
    embedded = {"members": [{"family": "embedding_mlp"}, {"family": "embedding_mlp"}]}
    assert ModelSpec.model_validate({"ensemble": embedded}).reads_codes
    assert ModelSpec(family="embedding_mlp").reads_codes
    assert not ModelSpec.model_validate({"ensemble": {"members": 2}}).reads_codes


def test_a_recipe_without_networks_keeps_its_identity() -> None:
    assert "ensemble" not in ModelSpec(factory="a:b").model_dump(mode="json")
