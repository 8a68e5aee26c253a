"""Array profile: what is seen of decoded pixels and of arrays."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from support.datasets import ingested

from tasks.core import Store
from tasks.data.data_spec import DataSpec
from tasks.data.profiles.array_profile import describe_arrays
from tasks.data.profiles.profile_builder import build_profile
from tasks.data.readers import Examples


def test_digits(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    dataset = ingested(DataSpec(source="sklearn:digits"), store)
    found = store.get_json(dataset.profile)
    assert found["classes"]["train"]["0"] == 178
    assert (found["shape"], found["type"], found["values"], found["distinct"]) == ([8, 8, 1], "uint8", [0, 16], 17)
    assert (found["places"], found["constant"], found["flat"], found["suspicions"]) == (64, 3, 0, [])
    assert found["channels"] == [{"mean": 4.88416, "std": 6.01679}]
    assert found["reference"]["count"] == 1079


def test_arrays_of_other_types() -> None:
    values = np.linspace(0, 1, 60, dtype=np.float32).reshape(20, 3)
    found = describe_arrays({"train": Examples(values, np.zeros(20))}, ())
    assert (found["type"], found["distinct"], found["classes"]) == ("float32", 60, {"train": {}})
    many = describe_arrays({"train": Examples(np.arange(900).reshape(300, 3), np.zeros(300))}, ())
    assert many["distinct"] is None


def test_many_images_take_about_a_second() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (70_000, 28, 28, 1), dtype=np.uint8)
    train = Examples(pixels, np.arange(70_000) % 10)
    started = time.perf_counter()
    found = build_profile({}, {"train": train}, train, (), tuple("0123456789"))
    assert time.perf_counter() - started < 5
    assert json.loads(json.dumps(found))["distinct"] == 256
