"""Precision choice: the arithmetic of a training, and the figures by which it was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WORTH = 1.05
"""bfloat16 must be faster than float32 by this factor, with the whole of its 95 % interval."""


@dataclass(frozen=True)
class PrecisionChoice:
    """The arithmetic of a training's steps, and what was measured for it."""

    chosen: Literal["float32", "bfloat16"]
    float32_ms: float
    """Milliseconds of a step in float32 (median)."""
    bfloat16_ms: float
    ratio: tuple[float, float, float]
    """The time of float32 over that of bfloat16 (geometric mean of pairs), and its 95 % interval."""
    steps: int
    """Number of pairs of steps that were counted."""
    losses: tuple[float, float]
    """The validation loss, computed in float32, after these steps in float32 and in bfloat16."""
    noise: float
    """Half the 95 % interval of the first of these losses: what another validation split would change."""
    device: str
    """The type of the device: `cpu` or `cuda`."""

    def __str__(self) -> str:
        ratio, low, high = self.ratio
        times = f"{self.bfloat16_ms:.3g} ms a step in bfloat16, {self.float32_ms:.3g} in float32 on {self.device}"
        speed = f"{ratio:.2f} [{low:.2f}, {high:.2f}]× as fast, n = {self.steps}"
        return f"{self.chosen}: {times} ({speed}); {self._reason}"

    @property
    def _reason(self) -> str:
        losses = f"{self.losses[1]:.4g} against {self.losses[0]:.4g} ± {self.noise:.2g}"
        if self.ratio[1] < WORTH:
            return "no measurable gain"
        return f"validation loss {losses}{'' if self.chosen == 'bfloat16' else ', beyond the noise'}"
