"""Study spec: the recipe's section `study`."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, model_validator

from tasks.core import InputError, Spec

TableName = Literal[
    "hyperparameters",
    "optimizers",
    "preprocessing",
    "pruning",
    "early_stopping",
    "architectures",
    "precision",
    "parallelism",
    "transfer",
    "augmentation",
    "search_algorithms",
    "devices",
    "data",
]
TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)
"""The tables of a study, in the order in which the report shows them."""


class StudySpec(Spec):
    """Which tables `paredown study` makes, and how long it may measure."""

    minutes: float = Field(default=60, gt=0)
    """Minutes of measuring, shared among the tables: those whose verdict is still open get more seeds."""
    tables: tuple[TableName, ...] = TABLE_NAMES
    """The tables to make. Absent: all that suit the data and the model."""
    seeds: int = Field(default=3, ge=3, le=50)
    """Seeds of every cell before a verdict is given."""
    most_seeds: int = Field(default=8, ge=3, le=50)
    """Seeds of a cell at most, however much time is left."""
    confirm: bool = True
    """Whether the recommended recipe is optimized beside the given one, and both products are compared on test."""

    @model_validator(mode="after")
    def _seeds_agree(self) -> StudySpec:
        if self.most_seeds < self.seeds:
            law = f"must be at least study.seeds, {self.seeds}"
            raise ValueError(InputError(law, path="most_seeds", value=self.most_seeds, nearest=self.seeds))
        return self

    @model_validator(mode="after")
    def _tables_are_named_once(self) -> StudySpec:
        if not self.tables:
            raise ValueError(InputError("must name a table, or be left out for all", path="tables"))
        for place, name in enumerate(self.tables):
            if name in self.tables[:place]:
                raise ValueError(InputError("must not name a table twice", path=f"tables.{place}", value=name))
        return self
