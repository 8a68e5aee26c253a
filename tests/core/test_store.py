"""The store: same content, same place; what is missing or not whole is named and never used."""

from __future__ import annotations

import io
import math
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tasks.core import Store, StoreError, canonical_json, digest_file, digest_of, write_atomically

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def place_of(store: Store, digest: str) -> Path:
    return store.root / digest[:2] / digest


# --- identity -----------------------------------------------------------------------------------------------


def test_canonical_json_is_one_text_for_equal_values() -> None:
    assert canonical_json({"b": (1, 2.5), "a": {"ö": None, "k": True}}) == '{"a":{"k":true,"\\u00f6":null},"b":[1,2.5]}'
    assert canonical_json({"a": 1, "b": 2}) == canonical_json({"b": 2, "a": 1})
    assert canonical_json((1, 2)) == canonical_json([1, 2])


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [-math.inf]}])
def test_numbers_that_json_lacks_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        digest_of({"path": Path("a")})


def test_digests_are_sha256() -> None:
    # SHA-256 of nothing and of "abc", as FIPS 180-2 has them.
    assert digest_of(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of({"a": 1}) == digest_of(b'{"a":1}')


def test_a_digest_is_the_same_in_another_process() -> None:
    code = (
        "from tasks.core import digest_of\n"
        "print(digest_of({name: [0.1, 1e-07, None] for name in {'x', 'y', 'z', 'größe'}}))"
    )
    for seed in ("1", "2"):  # strings hash, and so sets iterate, in another order
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == digest_of({name: [0.1, 1e-7, None] for name in ("größe", "z", "y", "x")})


# --- places -------------------------------------------------------------------------------------------------


def test_same_content_has_the_same_place_and_is_written_once(store: Store) -> None:
    digest = store.put(b"content")
    first = store.path(digest).stat()
    assert store.put(b"content") == digest == digest_of(b"content") == digest_file(store.path(digest))
    assert store.path(digest).stat().st_mtime_ns == first.st_mtime_ns
    assert store.path(digest).stat().st_ino == first.st_ino
    assert files(store.root) == [place_of(store, digest)]
    assert store.put(b"other") != digest
    assert store.get(digest) == b"content"


def test_a_missing_entry_is_named(store: Store) -> None:
    digest = digest_of(b"never stored")
    assert not store.holds(digest)
    with pytest.raises(StoreError, match=f"store entry {digest} is missing from {store.root}"):
        store.get(digest)


@pytest.mark.parametrize("damage", [b"c0ntent", b"conte", b"", b"content and more"])
@pytest.mark.parametrize("anew", [True, False], ids=["another process", "the same process"])
def test_a_damaged_entry_is_named_and_put_right_by_the_same_content(store: Store, damage: bytes, anew: bool) -> None:
    digest = store.put(b"content")
    store.get(digest)
    place = place_of(store, digest)
    place.write_bytes(damage)
    os.utime(place, ns=(0, 1))
    reader = Store(store.root) if anew else store
    assert not reader.holds(digest)
    for read in (reader.path, reader.get, reader.get_json, reader.get_array, reader.get_frame, reader.get_state):
        with pytest.raises(StoreError, match=f"{digest} was altered or half-written"):
            read(digest)
    assert reader.put(b"content") == digest
    assert reader.get(digest) == b"content"


def test_an_entry_that_vanishes_is_missed_in_the_same_process(store: Store) -> None:
    digest = store.put(b"content")
    store.get(digest)
    place_of(store, digest).unlink()
    with pytest.raises(StoreError, match="missing"):
        store.get(digest)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_atomically(target, b"content")
    assert files(tmp_path) == []
    assert [place.name for place in tmp_path.iterdir()] == ["folder"]


def test_an_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "report.html"
    write_atomically(target, b"a long first version")
    write_atomically(target, b"short")
    assert target.read_bytes() == b"short"
    assert files(tmp_path) == [target]


def test_processes_that_write_at_once_leave_whole_entries_only(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.core import Store\n"
        "store = Store(Path(sys.argv[1])); sys.stdin.readline()\n"
        "for number in range(60): store.get(store.put(bytes([number]) * 300_000))\n"
    )
    command = [sys.executable, "-c", code, str(store.root)]
    writers = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0, 0]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    assert sorted(file.name for file in files(store.root)) == sorted(digest_of(bytes([n]) * 300_000) for n in range(60))
    assert all(digest_file(file) == file.name for file in files(store.root))


# --- forms --------------------------------------------------------------------------------------------------


def test_json_comes_back(store: Store) -> None:
    value = {"name": "größe", "numbers": [1, 0.1, None, True]}
    digest = store.put_json(value)
    assert store.get_json(digest) == value
    assert digest == digest_of(value)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64", "bool", "<U5"])
def test_arrays_come_back_mapped_and_read_only(store: Store, dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    digest = store.put_array(array)
    found = store.get_array(digest)
    assert isinstance(found, np.memmap)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = array[1, 1]
    assert store.holds(digest)


def test_the_same_numbers_are_one_array_however_they_lie_in_memory(store: Store) -> None:
    array = np.arange(12.0).reshape(3, 4)
    strided = np.repeat(array, 2, axis=1)[:, ::2]
    assert store.put_array(np.asfortranarray(array)) == store.put_array(array) == store.put_array(strided)
    assert store.put_array(array.astype("float32")) != store.put_array(array)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2)])
def test_small_and_empty_arrays_keep_their_shape(store: Store, shape: tuple[int, ...]) -> None:
    assert store.get_array(store.put_array(np.zeros(shape))).shape == shape


def test_arrays_of_objects_are_refused_both_ways(store: Store) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        store.put_array(np.array([{}]))
    stream = io.BytesIO()
    np.save(stream, np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"allow_pickle|Python objects"):
        store.get_array(store.put(stream.getvalue()))


def test_frames_come_back(store: Store) -> None:
    frame = pd.DataFrame({"age": [1.5, None], "job": ["a", "größe"], "left": [True, False]}, index=[7, 9])
    digest = store.put_frame(frame)
    pd.testing.assert_frame_equal(store.get_frame(digest), frame.reset_index(drop=True))
    assert store.put_frame(frame.reset_index(drop=True)) == digest


def test_states_come_back_and_equal_ones_are_one(store: Store) -> None:
    state = {"weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(3)}
    digest = store.put_state(state)
    found = store.get_state(digest)
    assert list(found) == ["weight", "steps"]
    assert all(torch.equal(found[name], state[name]) for name in state)
    again = OrderedDict(
        (name, tensor.clone().requires_grad_(tensor.is_floating_point())) for name, tensor in state.items()
    )
    assert store.put_state(again) == digest
    assert store.put_state({**state, "steps": torch.tensor(4)}) != digest


def test_a_state_s_digest_is_the_same_in_another_process(store: Store) -> None:
    code = (
        "import sys, torch; from pathlib import Path; from tasks.core import Store\n"
        "print(Store(Path(sys.argv[1])).put_state({'weight': torch.arange(6.0)}))"
    )
    done = subprocess.run([sys.executable, "-c", code, store.root], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == store.put_state({"weight": torch.arange(6.0)})


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.place,)


def test_a_state_with_code_is_refused_and_the_code_does_not_run(store: Store, tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save({"weight": Evil(tmp_path / "executed")}, stream)
    digest = store.put(stream.getvalue())
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        store.get_state(digest)
    assert not (tmp_path / "executed").exists()
    torch.load(store.path(digest), weights_only=False)  # the bait is real
    assert (tmp_path / "executed").exists()
