"""Host costs: a layer is measured once in a workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from tasks.compression.host_costs import costs_kept, table_of
from tasks.kernels.latency import layer_costs

LAYER = layer_costs.describe_layer(nn.Conv2d(3, 4, 3), (1, 3, 8, 8))


def test_a_table_comes_back(tmp_path: Path) -> None:
    with costs_kept(tmp_path):
        measured = layer_costs.measure_layers([LAYER])[LAYER]
    place = table_of(tmp_path)
    assert json.loads(place.read_text()) == {str(LAYER): measured}
    place.write_text(json.dumps({str(LAYER): 123.0}))
    with costs_kept(tmp_path):
        assert layer_costs.measure_layers([LAYER])[LAYER] == 123.0
    assert json.loads(place.read_text()) == {str(LAYER): 123.0}
    assert layer_costs.measure_layers([LAYER])[LAYER] != 123.0, "nothing is remembered outside"


def test_what_was_measured_before_an_error_is_kept(tmp_path: Path) -> None:
    def fail() -> None:
        with costs_kept(tmp_path):
            layer_costs.measure_layers([LAYER])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert table_of(tmp_path).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": "b"}'])
def test_an_unreadable_table_is_begun_anew(content: bytes, tmp_path: Path) -> None:
    place = table_of(tmp_path)
    place.parent.mkdir()
    place.write_bytes(content)
    with costs_kept(tmp_path):
        layer_costs.measure_layers([LAYER])
    assert json.loads(place.read_text()).keys() == {str(LAYER)}


def test_the_file_s_name_is_one_on_every_system(tmp_path: Path) -> None:
    assert table_of(tmp_path).parent == tmp_path / "hosts"
    assert not set(table_of(tmp_path).name) & set(' /\\:()@"')
