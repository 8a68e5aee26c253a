"""Report spec: the recipe's section `report`."""

from __future__ import annotations

from pydantic import Field

from tasks.core import Spec


class ReportSpec(Spec):
    """What the report, MLflow and the registry may show of the data."""

    examples: bool = False
    """Whether texts of single cells of a table may leave the store: rare categories, the texts of columns with more
    than 64 of them, and words among numbers."""
    augmentations: bool = Field(default=False, exclude_if=lambda asked: not asked)
    """Whether the network is trained again, whole and without each step of `augment`, each with five seeds, so that the
    answer names the steps that make it worse."""
