"""Engine trials: each file in a second engine, by precision: whether it runs, with which answers, and how fast."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.core import Candidate, Context, Prepared, Refusal, Runtime, Step, Store
from tasks.core.errors import in_one_line
from tasks.data import input_layout
from tasks.evaluation import engines, latencies, parity
from tasks.techniques.quantization.variant_comparison import AGREEMENT

if TYPE_CHECKING:
    import numpy as np

    from tasks.kernels.engines.runtime_record import RuntimeRecord

TECHNIQUE = "runtime"
"""Technique of the step that gives a file another runtime record."""
SECONDS = 0.15
"""Seconds for which each file is timed in the first look."""
GAIN = 1.03
"""In the first look a file must be so many times as fast in a lower precision as in float32, to be measured in it."""


@dataclass(frozen=True)
class EngineTrial:
    """A file in a second engine, with one precision."""

    origin: str
    """Digest of the file as it runs in ONNX Runtime."""
    words: str
    """Engine and precision, as text."""
    precision: str
    candidate: Candidate | None
    """The same file with this runtime record; None where it cannot run so."""
    ratio: float | None
    """Its time in ONNX Runtime over that in this engine, of one process; None where it cannot run so."""
    reason: str = ""
    """Why it cannot run so, in a sentence; otherwise empty."""


def worth_measuring(trials: Sequence[EngineTrial]) -> list[EngineTrial]:
    """Of the trials of one file those that look faster than it is in ONNX Runtime, and with less precision than float32
    also faster than with that."""
    exact = max((each.ratio or 0.0 for each in trials if each.precision == "f32"), default=0.0)
    bars = {"f32": 1.0}
    return [each for each in trials if (each.ratio or 0.0) >= bars.get(each.precision, max(1.0, GAIN * exact))]


def try_engines(
    candidates: tuple[Candidate, ...], prepared: Prepared, runtime: Runtime, host: str, context: Context
) -> tuple[EngineTrial, ...]:
    """Tries ONNX files in OpenVINO, in every precision of the recipe, and times all of them side by side for a moment.

    Args:
        candidates: the files, as they run in ONNX Runtime.
        prepared: the data.
        runtime: the recipe's.
        host: this host's name with the engines' versions (`engines.host_of`), so that a cached result is valid on this
            host alone.
        context: its store holds the files, and gets those with another runtime record.

    Returns:
        For each file one trial by precision.
    """
    from tasks.kernels.latency import benchmark
    from tasks.kernels.latency.interleaving import time_ratio

    store = context.store
    inputs = input_layout.product_inputs(prepared, "validation", store)
    made = [
        (each, record, *_made(each, record, inputs, store))
        for each in candidates
        for record in engines.second_runtimes_of(runtime)
    ]
    files = {each.digest: store.path(each.content) for each in candidates}
    files |= {found.digest: store.path(found.content) for _, _, found, _ in made if found}
    batch = latencies.first_batch(inputs, runtime.batch)
    try:
        [times] = benchmark.time_models(files, batch, runtime.threads, "cpu", 1, SECONDS).processes
    except RuntimeError as error:  # the files are there without a second engine
        why = f"the first look failed: {in_one_line(error)}"
        made = [(each, record, None, reason or why) for each, record, _, reason in made]
    return tuple(
        EngineTrial(
            each.digest,
            record.words,
            record.precision,
            found,
            time_ratio(times[each.digest], times[found.digest]) if found else None,
            reason,
        )
        for each, record, found, reason in made
    )


def with_runtime(
    candidate: Candidate, record: RuntimeRecord, inputs: Mapping[str, np.ndarray], store: Store
) -> Candidate:
    """The file with another runtime record, whose answers are compared with those in ONNX Runtime.

    Args:
        candidate: the file, as it runs in ONNX Runtime.
        record: how it is to run.
        inputs: input name → examples; the first `parity.EXAMPLES` are used.
        store: holds the file, and gets the new one.

    Raises:
        Refusal: the engine cannot run the file, its outputs are not finite, or too many answers differ (AGREEMENT).
    """
    import numpy as np

    from tasks.kernels.engines import runtime_record
    from tasks.kernels.engines.product_session import predict_product

    before = store.get(candidate.content)
    after = runtime_record.with_record(before, record)
    few = {name: array[: parity.EXAMPLES] for name, array in inputs.items()}
    with engines.said_as_refusal():
        found, ours = (predict_product(data, few, parity.EXAMPLES, record.threads) for data in (after, before))
    if not np.isfinite(found).all():
        raise Refusal(f"{record.words}: some outputs are not finite numbers")
    hop = parity.compare_outputs(f"ONNX Runtime → {record.words}", ours, found, tolerance=0.1)
    law = f"same answer on at least {AGREEMENT:.0%} of the examples"
    hop = dataclasses.replace(hop, passed=hop.agreement >= AGREEMENT, law=law)
    if not hop.passed:
        raise Refusal(f"{hop.hop}: only {hop.agreement:.1%} of {hop.n} examples keep their answer ({hop.law})")
    note = store.put_json({"parity": [vars(hop)]})
    step = Step(TECHNIQUE, 1, dataclasses.asdict(record), None, note, candidate.digest)
    named = candidate.after(step, store.put(after))
    return dataclasses.replace(named, name=f"{candidate.name} in {record.words}")


def in_first_engine(candidate: Candidate, runtime: Runtime, prepared: Prepared, store: Store) -> Candidate:
    """The file as it runs in the engine that the recipe names first (`engines.timing_runtime`).

    Raises:
        Refusal: as `with_runtime`.
    """
    record = engines.timing_runtime(runtime)
    if record.engine == "onnxruntime":
        return candidate
    return with_runtime(candidate, record, input_layout.product_inputs(prepared, "validation", store), store)


def keep_record(content: str, runtime: Runtime, store: Store) -> str:
    """Digest of a file that says how it runs: that of `content`, or of the same file with a record of ONNX Runtime.

    Args:
        content: digest of the file.
        runtime: the recipe's.
        store: holds the file, and gets the one with the record.
    """
    from tasks.kernels.engines import runtime_record

    record = engines.runtime_of_file(store.path(content), runtime)
    if runtime_record.read_runtime(store.path(content)) == record:
        return content
    return store.put(runtime_record.with_record(store.get(content), record))


def record_in(candidate: Candidate) -> RuntimeRecord | None:
    """The runtime record that the last step of a candidate gave it; None without such a step."""
    from tasks.kernels.engines.runtime_record import record_from

    last = candidate.lineage[-1]
    return record_from(last.knobs) if last.technique == TECHNIQUE else None


def _made(
    candidate: Candidate, record: RuntimeRecord, inputs: Mapping[str, np.ndarray], store: Store
) -> tuple[Candidate | None, str]:
    try:
        return with_runtime(candidate, record, inputs, store), ""
    except Refusal as refusal:
        return None, str(refusal)
