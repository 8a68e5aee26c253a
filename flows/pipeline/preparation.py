"""Preparation: what comes before the branches: the data, the recipe that suits them, the search, and the baseline."""

from __future__ import annotations

from flows.pipeline.branches import export_stage
from flows.pipeline.findings import Stage
from flows.pipeline.own_models import keep_columns
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.tournament import fit_family
from tasks.compression.simple_fit import FitInputs, run_fit
from tasks.conversion import onnx_import
from tasks.core import Candidate, Prepared
from tasks.data import ingestion, preprocessing
from tasks.data.preprocessing import column_steps
from tasks.kernels.host.machine import host_name
from tasks.training import baseline
from tasks.training.simple.ensemble_spec import ensemble_of


def prepare_data(job: Job) -> Prepared:
    """Reads the data and fits the preprocessing. Raises InputError when the data is wrong."""
    spec, run = job.recipe.data, job.runner.run
    dataset = run(f"ingest {spec.source}", ingestion.ingest, spec, ingestion.source_stamp(spec), job.context)
    recipe, store = job.recipe, job.store
    dataset = keep_columns(recipe, dataset)
    given = dataset, recipe.preprocess, store, recipe.target_unit, recipe.text_encoding
    prepared = run("preprocess", preprocessing.preprocess, *given)
    if recipe.model.file is None:
        return prepared
    return onnx_import.arrange_inputs(prepared, recipe.model.file, bool(recipe.preprocess), store)


def prepare_again(job: Job, prepared: Prepared) -> Prepared:
    """The data with the job's own preprocessing, which a search has changed."""
    recipe = job.recipe
    given = prepared.dataset, recipe.preprocess, job.store, recipe.target_unit, recipe.text_encoding
    return job.runner.run("preprocess", preprocessing.preprocess, *given)


def start_branches(job: Job, prepared: Prepared) -> RunContext:
    """Makes and exports the baseline, and collects what all branches need."""
    model = make_baseline(job, prepared)
    exported = export_stage(model, "baseline", prepared, job)
    return RunContext(job, prepared, Stage("baseline", model, exported), host_name())


def make_baseline(job: Job, prepared: Prepared) -> Candidate:
    """The baseline: a simple model, imported from an ONNX file, loaded from trained weights, or trained."""
    recipe, run, store = job.recipe, job.runner.run, job.store
    model, label = recipe.model, "load the baseline"
    if (family := model.simple_family) is not None:  # `auto` was settled by the tournament
        return fit_family(job, prepared, family)
    if model.ensemble is not None:
        inputs = FitInputs(prepared, column_steps(recipe.preprocess), job.context, job.runner)
        return run_fit(ensemble_of(model, recipe.train.seed), inputs, "fit the ensemble")
    if model.file is not None:
        asked, stamp = bool(recipe.preprocess), onnx_import.file_stamp(model.file)
        return run(label, onnx_import.import_onnx, prepared, model, asked, recipe.export, stamp, store)
    if model.weights is not None:
        return run(label, baseline.load_pretrained, prepared, model, baseline.weights_stamp(model), store)
    return run("train the baseline", baseline.fit, model, recipe.train, job.inputs(prepared), job.context)
