"""Host costs: a layer is measured once in a workspace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import nn

from tasks.compression.host_costs import TimingHost, table_of, timed_on
from tasks.kernels.engines.runtime_record import RuntimeRecord
from tasks.kernels.latency import layer_costs

HOST = TimingHost("this host", RuntimeRecord())
LAYER = layer_costs.describe_layer(nn.Conv2d(3, 4, 3), (1, 3, 8, 8))


def test_a_table_comes_back(tmp_path: Path) -> None:
    with timed_on(HOST, tmp_path):
        measured = layer_costs.measure_layers([LAYER])[LAYER]
    place = table_of(tmp_path, HOST.runtime)
    assert json.loads(place.read_text()) == {str(LAYER): measured}
    place.write_text(json.dumps({str(LAYER): 123.0}))
    with timed_on(HOST, tmp_path):
        assert layer_costs.measure_layers([LAYER])[LAYER] == 123.0
    assert json.loads(place.read_text()) == {str(LAYER): 123.0}
    assert layer_costs.measure_layers([LAYER])[LAYER] != 123.0, "nothing is remembered outside"


def test_what_was_measured_before_an_error_is_kept(tmp_path: Path) -> None:
    def fail() -> None:
        with timed_on(HOST, tmp_path):
            layer_costs.measure_layers([LAYER])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert table_of(tmp_path, HOST.runtime).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": "b"}'])
def test_an_unreadable_table_is_begun_anew(content: bytes, tmp_path: Path) -> None:
    place = table_of(tmp_path, HOST.runtime)
    place.parent.mkdir()
    place.write_bytes(content)
    with timed_on(HOST, tmp_path):
        layer_costs.measure_layers([LAYER])
    assert json.loads(place.read_text()).keys() == {str(LAYER)}


def test_the_file_s_name_is_one_on_every_system(tmp_path: Path) -> None:
    assert table_of(tmp_path, HOST.runtime).parent == tmp_path / "hosts"
    assert not set(table_of(tmp_path, HOST.runtime).name) & set(' /\\:()@"')


def test_each_engine_and_precision_has_a_table_of_its_own(tmp_path: Path) -> None:
    records = [RuntimeRecord(), *(RuntimeRecord("openvino", "2026.4", each) for each in ("f32", "bf16"))]
    assert len({table_of(tmp_path, each) for each in records}) == 3
