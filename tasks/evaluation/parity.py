"""Parity: compares the outputs of a model before and after one conversion (hop)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Candidate, Parity, Runtime, Store

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = 256
"""Most examples on which a hop is checked."""
BATCHED = 32
"""Examples that are run in batches of two sizes."""
ALONE = 1e-3
"""Largest difference of an example in a batch of another size, as a share of the largest output."""
ROUNDING, AGREEMENT = 0.05, 0.98
"""Limits for a hop of a quantized network: the largest root mean square difference, as a share of the outputs' standard
deviation, and the smallest share of examples with the same class. Another order of summation moves a value that lies
midway between two levels to the other level, and the layers after it propagate the difference: on trained networks of
20 and 44 layers, the outputs changed by 0.5 and 1.3 % of their standard deviation, and the class of 0.05 to 0.35 % of
the examples."""


def compare_outputs(hop: str, before: np.ndarray, after: np.ndarray, tolerance: float) -> Parity:
    """The parity of one hop; it passes when the largest difference is at most `tolerance` times the largest output.

    The largest output is that of `before`, absolute and at least 1.

    Args:
        hop: name of the hop, for example `torch → ONNX`.
        before: outputs before the hop, (n, outputs).
        after: outputs after the hop for the same examples, (n, outputs).
        tolerance: relative to the largest output.
    """
    import numpy as np

    difference = float(np.abs(before - after).max())
    bound = tolerance * max(1.0, float(np.abs(before).max()))
    agreement = agree(before, after, bound)
    law = f"largest difference at most {tolerance:g} of the largest output"
    return Parity(hop, len(before), difference, agreement, law, difference <= bound)


def compare_rounded(hop: str, before: np.ndarray, after: np.ndarray) -> Parity:
    """The parity of one hop of a quantized network; it passes within the limits ROUNDING and AGREEMENT.

    `before` and `after` are the outputs for the same examples, (n, outputs).
    """
    import numpy as np

    difference = np.abs(before - after)
    spread = max(float(before.std()), 1e-12)
    agreement = agree(before, after, 3 * ROUNDING * spread)
    law = f"root mean square at most {ROUNDING:.0%} of the outputs' deviation, same answer on {AGREEMENT:.0%}"
    sound = float(np.sqrt(np.mean(difference**2))) <= ROUNDING * spread and agreement >= AGREEMENT
    return Parity(hop, len(before), float(difference.max()), agreement, law, sound)


def compare_batches(model: Path | bytes, inputs: Mapping[str, np.ndarray], runtime: Runtime) -> Parity:
    """The parity of a file between its first examples in one batch and the same in batches of `runtime.batch`.

    Args:
        model: the file.
        inputs: input name → array with the examples on the first axis; the first BATCHED are used, or two batches.
        runtime: its batch, threads and provider.
    """
    from tasks.kernels.engines.product_session import predict_product

    few = {name: array[: max(BATCHED, 2 * runtime.batch)] for name, array in inputs.items()}
    count = len(next(iter(few.values())))
    among, alone = (
        predict_product(model, few, batch, runtime.threads, runtime.provider) for batch in (count, runtime.batch)
    )
    return compare_outputs(f"batch of {count} → {runtime.batch}", among, alone, ALONE)


def agree(before: np.ndarray, after: np.ndarray, bound: float) -> float:
    """Share of examples (0..1) with the same class; with a single output, the share whose difference is within `bound`.

    `before` and `after` have the shape (n, outputs).
    """
    import numpy as np

    if before.shape[1] > 1:
        return float(np.mean(before.argmax(axis=1) == after.argmax(axis=1)))
    return float(np.mean(np.abs(before - after) <= bound))


def parity_of(candidate: Candidate, store: Store) -> tuple[Parity, ...]:
    """The recorded parity of all hops in the candidate's lineage, in order."""
    records = [store.get_json(step.record) for step in candidate.lineage if step.record]
    return tuple(Parity(**hop) for record in records for hop in record.get("parity", ()))
