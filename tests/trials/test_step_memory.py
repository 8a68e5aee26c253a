"""What the trials of a search computed, found again by what it was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flows.trials.step_memory import StepMemory
from tasks.core import Candidate, Estimate, Latency, Step, Store
from tasks.techniques import Channels, Int8


def model(store: Store, text: bytes = b"weights") -> Candidate:
    return Candidate("tiny", "torch", "m:net", {}, (), store.put(text))


def made_of(candidate: Candidate, store: Store) -> Candidate:
    plan, record = store.put_json({"cuts": []}), None
    return candidate.after(Step("channels", 1, {}, plan, record, candidate.digest), store.put(b"fewer weights"))


def test_a_step_is_known_by_its_model_its_knobs_and_what_all_depend_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    memory, start, step = StepMemory(tmp_path / "common", store, "scope"), model(store), Channels(sparsity=0.5)
    assert memory.candidate(start, step) is None
    made = made_of(start, store)
    memory.keep_candidate(start, step, made)
    assert StepMemory(tmp_path / "common", store, "scope").candidate(start, step) == made
    assert memory.candidate(start, Channels(sparsity=0.4)) is None
    assert memory.candidate(start, Int8()) is None
    assert memory.candidate(model(store, b"others"), step) is None
    assert StepMemory(tmp_path / "common", store, "other data").candidate(start, step) is None


def test_what_the_store_lacks_is_not_known(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "store"), Store(tmp_path / "other")
    start, step = model(store), Channels()
    StepMemory(tmp_path / "common", store, "").keep_candidate(start, step, made_of(start, store))
    assert StepMemory(tmp_path / "common", other, "").candidate(start, step) is None


def test_a_timing_is_that_of_the_file_that_the_steps_make(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    memory, start = StepMemory(tmp_path / "common", store, ""), model(store)
    latency = Latency(1.5, 2.0, 300, 3, Estimate(1.9, 1.8, 2.0, 3), "faster", quiet=False)
    assert memory.timing(start, (Int8(),)) is None
    memory.keep_timing(start, (Int8(),), latency, 1234)
    assert memory.timing(start, (Int8(),)) == (latency, 1234)
    assert memory.timing(start, ()) is None
    assert memory.timing(replace(start, content=store.put(b"z")), (Int8(),)) is None
