"""Predict: the registered champion's predictions for a file of examples, as a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe.schema import Recipe
from tasks.conversion.answer_rule import read_rule
from tasks.core import InputError, Workspace
from tasks.data.images.image_files import names_of_examples
from tasks.data.input_layout import COLUMNS
from tasks.data.product_inputs import read_examples
from tasks.data.profiles.reference_statistics import usual_value
from tasks.evaluation.engines import version_doubt
from tasks.evaluation.evaluate import run_file
from tasks.evaluation.reasons import RowReasons, find_reasons
from tasks.kernels.onnx import description
from tasks.kernels.statistics.class_metrics import log_softmax
from tasks.tracking import registry
from tasks.tracking.registered_profile import profile_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ENDINGS = (".csv", ".parquet", ".json")
"""Endings of the files to which predictions are written."""


@dataclass(frozen=True)
class Predictions:
    """The predictions for the examples of a file, in its order."""

    names: tuple[str, ...]
    """Each example's file below the folder, its text in the column that names examples (`data.id`), or its row number
    in the table or array, from 0."""
    answers: np.ndarray
    """The name of the class, as text, or the number, (count,)."""
    classes: tuple[str, ...]
    """The classes; empty for regression."""
    probabilities: np.ndarray | None
    """Of each class, (count, classes); None for regression."""
    rule: str = ""
    """How the answers follow from the probabilities, as a sentence; empty where they are the most probable classes."""
    warnings: tuple[str, ...] = ()
    """Sentences on inputs that look strange, and on another version of the engine."""
    reasons: RowReasons | None = None
    """The columns that moved each answer most; None where they were not asked for."""

    @property
    def lines(self) -> list[str]:
        """An answer on each line, with its reasons behind a colon."""
        told = [str(each) if self.classes else f"{each:.6g}" for each in self.answers]
        if self.reasons is None:
            return told
        return [f"{answer}: {self.reasons.sentence(row)}".removesuffix(": ") for row, answer in enumerate(told)]

    def to_frame(self) -> pd.DataFrame:
        """Columns `example`, `answer`, and `probability of CLASS` for each class; `reason 1`, `effect 1`, … if any."""
        import pandas as pd

        columns: dict[str, Any] = {"example": self.names, "answer": self.answers}
        if self.probabilities is not None:
            columns |= {f"probability of {name}": self.probabilities[:, at] for at, name in enumerate(self.classes)}
        if self.reasons is not None:
            for at in range(self.reasons.effects.shape[1]):
                named, effects = self.reasons.columns[:, at], self.reasons.effects[:, at]
                columns[f"reason {at + 1}"] = [name or None for name in named]
                columns[f"effect {at + 1}"] = [
                    each if name else None for name, each in zip(named, effects, strict=True)
                ]
        return pd.DataFrame(columns)


def predict_file(recipe: Recipe, source: Path, workspace: Workspace, reasons: int = 0) -> Predictions:
    """The champion's prediction for each example.

    Args:
        recipe: its name is the registered model's.
        source: a file or folder of examples (`product_inputs.read_examples`).
        workspace: knows the tracking server.
        reasons: most columns that are named for each answer of a table; 0 asks for none.

    Raises:
        InputError: there is no champion, or the file does not hold the product's inputs; or reasons are asked for
            where there are no columns.
        Refusal: the champion's file is not the one that was registered.
    """
    import numpy as np

    version, model = registry.champion(workspace.tracking_uri, recipe.name)
    usual = usual_values(workspace, version, model) if reasons else {}
    # In batches that give the answers of the recipe's own batch, as the scores were measured.
    found = read_examples(source, model, recipe.data.inputs)
    outputs, _ = run_file(model, found.inputs, recipe.runtime)
    rule = read_rule(model)
    names = found.names or names_of_examples(source, len(outputs))
    probabilities = np.exp(log_softmax(outputs)) if rule.classes else None
    index = None if probabilities is None else rule.answers(probabilities)
    why = find_reasons(model, found.inputs, usual, index, recipe.runtime, reasons) if reasons else None
    answers = outputs[:, 0] if index is None else np.array(rule.classes, dtype=object)[index]
    doubts = (*found.warnings, *filter(None, (version_doubt(model),)))
    return Predictions(names, answers, rule.classes, probabilities, rule.words, doubts, why)


def usual_values(workspace: Workspace, version: registry.Version, model: Path) -> dict[str, float | str]:
    """Each column that a product takes with its usual value in training, out of the profile of its version.

    Raises:
        InputError: the product takes no columns, or the version has no profile.
        Refusal: the profile differs from the registered one.
    """
    profile = profile_of(workspace.tracking_uri, version.name, version.version)
    known = profile.get("reference", {}).get("columns")
    if not known:
        raise InputError("suits only a table, whose columns can be named", path="--reasons", value=version.name)
    inputs, said = description.interface(model)[0], description.metadata(model)
    names = json.loads(said[COLUMNS]) if COLUMNS in said else [tensor.name for tensor in inputs]
    return {name: usual_value(known[name]) for name in names}


def check_output(path: Path) -> None:
    """Raises InputError when predictions cannot be written to a file of this name."""
    if path.suffix.lower() not in ENDINGS:
        law = f"must end with {', '.join(ENDINGS)}"
        raise InputError(law, path="--output", value=str(path), nearest=f"{path.stem}.csv")
    if not path.parent.is_dir():
        raise InputError("must lie in a folder that exists", path="--output", value=str(path))


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Writes the predictions as a table: CSV, Parquet, or JSON (a list of records), by the file's ending."""
    frame = predictions.to_frame()
    if path.suffix.lower() == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix.lower() == ".csv":
        frame.to_csv(path, index=False)
    else:
        path.write_text(records_of(predictions) + "\n", encoding="utf-8")


def records_of(predictions: Predictions) -> str:
    """The predictions as JSON text: a list of records, one for each example."""
    text: str = predictions.to_frame().to_json(orient="records", force_ascii=False, double_precision=6)
    return text
