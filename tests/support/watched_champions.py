"""A registered champion of a small table, with its reference beside it, as a run leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flows.pipeline.champion_reference import WITHOUT, product_answers, reference_record
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from support import runs
from tasks import tracking
from tasks.core import Context, Runtime, Workspace
from tasks.data import ingestion, input_layout
from tasks.data.preprocessing import preprocess
from tasks.evaluation.metric_choice import metric_spec
from tasks.kernels.onnx import sessions
from tasks.monitoring.example_columns import input_columns
from tasks.monitoring.reference_profile import Profile, describe_columns
from tasks.tracking.registered_reference import attach_reference
from tasks.tracking.registry import Version, register
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table


def members(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """People who leave a club: the old ones, and those in Ulm; one in ten for no reason."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"member": [f"M-{seed}-{row}" for row in range(rows)], "age": rng.integers(18, 80, rows)})
    frame["city"] = rng.choice(["Bonn", "Ulm", "Jena"], rows)
    leaves = (frame["age"] + 30 * (frame["city"] == "Ulm") > 60) ^ (rng.random(rows) < 0.1)
    frame["left"] = np.where(leaves, "yes", "no")
    return frame


def club_recipe(folder: Path, **changes: Any) -> Recipe:
    """The recipe of the club, whose table it writes into the folder."""
    source = folder / "members.csv"
    members().to_csv(source, index=False)
    data = {"source": str(source), "target": "left", "id": "member"}
    return validate_recipe({"name": "club", "data": data, "model": {"family": "linear"}, **changes})


def register_champion(recipe: Recipe, workspace: Workspace, seed: int = 0) -> Version:
    """Fits a linear model, registers it, and attaches what its test rows are like.

    Args:
        seed: of the fit; another one makes another version, which is no champion yet.
    """
    context = Context(workspace)
    dataset = ingestion.ingest(recipe.data, ingestion.source_stamp(recipe.data), context)
    prepared = preprocess(dataset, recipe.preprocess, context.store)
    arguments = {"C": 1.0 + seed} if seed else {}
    fitted = fit_table(prepared, Fit(family="linear", arguments=arguments), (), context)
    model, metric = context.store.path(fitted.content), metric_spec(recipe.goal, dataset)
    inputs = {name: rows[:8] for name, rows in input_layout.product_inputs(prepared, "test", context.store).items()}
    answers = {name: each for name, each in sessions.run_all(model, inputs).items() if isinstance(each, np.ndarray)}
    uri = workspace.tracking_uri
    run = tracking.open_run(uri, recipe.name, "fit", f"key {seed}", {}, {}, workspace.home / "mlflow")
    version = register(uri, model, recipe.name, run, {"paredown.candidate": fitted.digest}, inputs, answers)
    attach_reference(uri, version, reference_record(model, prepared, metric, Runtime(), context.store))
    return version


def club(folder: Path, **changes: Any) -> tuple[Recipe, Workspace]:
    """The recipe of a club whose champion is registered, and where."""
    recipe, workspace = club_recipe(folder, **changes), runs.workspace(folder)
    register_champion(recipe, workspace)
    return recipe, workspace


def register_file(
    model: bytes, recipe: Recipe, inputs: dict[str, np.ndarray], cut: bytes | None, workspace: Workspace
) -> Version:
    """Registers a file of pictures as the recipe's champion, with a reference of these inputs and of no losses."""
    file = workspace.home / "given.onnx"
    file.write_bytes(model)
    uri, columns = workspace.tracking_uri, describe_columns(input_columns(model, inputs, cut))
    answers = describe_columns(product_answers(file, sessions.predict(file, inputs)))
    profile = Profile(columns, answers, features="" if cut else WITHOUT)
    run = tracking.open_run(uri, recipe.name, "file", "key", {}, {}, workspace.home / "mlflow")
    first = {name: values[:8] for name, values in inputs.items()}
    told = {name: np.asarray(each) for name, each in sessions.run_all(file, first).items()}
    version = register(uri, file, recipe.name, run, {"paredown.candidate": "given"}, first, told)
    attach_reference(uri, version, profile.record, cut)
    return version
