"""Source checks: whether the data and the model file of a recipe are there, before a server is started."""

from __future__ import annotations

from flows.recipe.data_checks import check_model_file
from flows.recipe.schema import Recipe


def check_sources(recipe: Recipe) -> None:
    """Looks for the data sources and for the ONNX file, without reading the data.

    Functions, and the data sets that scikit-learn ships, are looked up only when they are read.

    Raises:
        InputError: a source does not exist or is of an unknown kind, or `model.file` cannot be used.
    """
    from tasks.data.readers import reader_of

    data = recipe.data
    sources = {"source": data.source, "validation": data.validation, "test": data.test, "calibration": data.calibration}
    sources |= {"added.source": data.added.source if data.added else None}
    for name, source in sources.items():
        if source is not None:
            reader_of(source, f"data.{name}")
    check_model_file(recipe)
