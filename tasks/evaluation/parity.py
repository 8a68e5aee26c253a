"""parity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Candidate, Parity, Store

if TYPE_CHECKING:
    import numpy as np

EXAMPLES = 256
"""How many examples each hop is proven on, at most."""
ROUNDING, AGREEMENT = 0.05, 0.98
"""What a hop of a quantized network may change. Where sums are added up in another order, a value in the middle
between two levels goes to the other one, and the layers after it carry that on: measured on trained networks of
20 and 44 layers, the outputs moved by 0.5 and 1.3 % of their deviation, and 0.05 to 0.35 % of the answers changed."""


def compare_outputs(hop: str, before: np.ndarray, after: np.ndarray, tolerance: float) -> Parity:
    """The record of one hop; it passes when the largest difference is within `tolerance` of the largest output."""
    import numpy as np

    difference = float(np.abs(before - after).max())
    bound = tolerance * max(1.0, float(np.abs(before).max()))
    agreement = agree(before, after, bound)
    law = f"largest difference at most {tolerance:g} of the largest output"
    return Parity(hop, len(before), difference, agreement, law, difference <= bound)


def compare_rounded(hop: str, before: np.ndarray, after: np.ndarray) -> Parity:
    """The record of one hop of a quantized network; it passes within ROUNDING and with AGREEMENT."""
    import numpy as np

    difference = np.abs(before - after)
    spread = max(float(before.std()), 1e-12)
    agreement = agree(before, after, 3 * ROUNDING * spread)
    law = f"root mean square at most {ROUNDING:.0%} of the outputs' deviation, same answer on {AGREEMENT:.0%}"
    sound = float(np.sqrt(np.mean(difference**2))) <= ROUNDING * spread and agreement >= AGREEMENT
    return Parity(hop, len(before), float(difference.max()), agreement, law, sound)


def agree(before: np.ndarray, after: np.ndarray, bound: float) -> float:
    """Share of examples with the same class; with one output, the share whose difference is within `bound`."""
    import numpy as np

    if before.shape[1] > 1:
        return float(np.mean(before.argmax(axis=1) == after.argmax(axis=1)))
    return float(np.mean(np.abs(before - after) <= bound))


def parity_of(candidate: Candidate, store: Store) -> tuple[Parity, ...]:
    """Every hop that the candidate's file went through, in order."""
    records = [store.get_json(step.record) for step in candidate.lineage if step.record]
    return tuple(Parity(**hop) for record in records for hop in record.get("parity", ()))
