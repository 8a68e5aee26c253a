"""Shadow: the previous champion runs beside the new one for a while; whether the new one must go back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.core import InputError
from tasks.kernels.statistics.mean_sequence import MeanSequence, begin_sequence, extend_sequence


def begin_shadow(margin: float, span: float) -> MeanSequence:
    """A sequence of loss differences of one row, new minus previous champion, in -span..span; nothing seen yet.

    Raises:
        InputError: the margin is not from 0 to below the span.
    """
    if not 0 <= margin < span:
        raise InputError("the margin must be from 0 to below the largest difference of a row's loss", value=margin)
    return begin_sequence(_place(margin, span), grid=0)


def extend_shadow(
    sequence: MeanSequence, previous: NDArray[np.generic], new: NDArray[np.generic], span: float
) -> MeanSequence:
    """The sequence after one more look at both champions' losses (n,) of the same rows; differences are cut at span."""
    change = np.asarray(new, np.float64) - np.asarray(previous, np.float64)
    return extend_sequence(sequence, (np.clip(change / span, -1, 1) + 1) / 2)


def must_roll_back(sequence: MeanSequence, alpha: float) -> bool:
    """Whether it is proven that the new champion is worse by more than the margin; wrong with a chance of `alpha`."""
    return sequence.p_value(sequence.levels[0]) <= alpha


def _place(difference: float, span: float) -> float:
    return (difference / span + 1) / 2
