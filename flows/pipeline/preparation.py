"""Preparation: what comes before the branches: the data, the recipe that suits them, the search, and the baseline."""

from __future__ import annotations

from flows.pipeline.branches import export_stage
from flows.pipeline.findings import Stage
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.simple.own_models import keep_columns
from flows.pipeline.simple.tournament import fit_family
from tasks.compression.network_fit import train_ensemble
from tasks.compression.simple_fit import FitInputs, run_fit
from tasks.conversion import onnx_import
from tasks.core import Candidate, InputError, NetworkFeatures, Prepared, Refusal
from tasks.data import ingestion, preprocessing
from tasks.data.preprocessing import column_steps
from tasks.evaluation.engines import host_of
from tasks.models.model_spec import ModelSpec
from tasks.models.pretrained.trained_weights import weights_stamp
from tasks.training import baseline
from tasks.training.simple.ensemble_spec import ensemble_of
from tasks.training.transfer import transfer_steps
from tasks.training.transfer.option_choice import choose_option

MINUTES = 5.0
"""Minutes of `model.transfer: auto` where `train.minutes` is absent."""
MANY = 5_000
"""Train examples from which `auto` also trains the network from scratch."""
LAST = 2
"""Passes over validation that each further training needs after its minutes: its own last one, and the choice's."""
LEAST = 0.1
"""Share of the minutes without which no further training is begun."""


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
    """Makes and exports the baseline, and collects what all branches need.

    Raises:
        InputError: what the recipe asks for cannot be made, for example since its training diverges in the first epoch.
    """
    try:
        model = make_baseline(job, prepared)
    except Refusal as refusal:
        raise InputError(str(refusal), path="model" if job.recipe.model.is_trained else "train") from refusal
    exported = export_stage(model, "baseline", prepared, job)
    return RunContext(job, prepared, Stage("baseline", model, exported), host_of(job.recipe.runtime))


def make_baseline(job: Job, prepared: Prepared) -> Candidate:
    """The baseline: a simple model, imported from an ONNX file, loaded from trained weights, or trained."""
    recipe, run, store = job.recipe, job.runner.run, job.store
    model, label = recipe.model, "load the baseline"
    if model.simple_family is not None:  # `auto` was settled by the tournament
        return fit_family(job, prepared, model)
    if model.simple_ensemble is not None:
        inputs = FitInputs(prepared, column_steps(recipe.preprocess), job.context, job.runner)
        return run_fit(ensemble_of(model, recipe.train.seed), inputs, "fit the ensemble")
    if model.networks is not None:
        return train_ensemble(model, recipe.train, job.inputs(prepared), job.context, job.runner)
    if model.file is not None:
        asked, stamp = bool(recipe.preprocess), onnx_import.file_stamp(model.file)
        return run(label, onnx_import.import_onnx, prepared, model, asked, recipe.export, stamp, store)
    if model.is_transferred:
        return transfer_network(job, prepared)
    if model.is_trained:
        loaded = run(label, baseline.load_pretrained, prepared, model, weights_stamp(model, prepared), store)
        return train_loaded(job, prepared, loaded) if model.further else loaded
    return run("train the baseline", baseline.fit, model, recipe.train, job.inputs(prepared), job.context)


def train_loaded(job: Job, prepared: Prepared, loaded: Candidate) -> Candidate:
    """The loaded network, trained further; it is never worse on validation than it was."""
    given = loaded, job.recipe.train, job.inputs(prepared), job.context
    return job.runner.run("train the network further", transfer_steps.fine_tune, *given)


def transfer_network(job: Job, prepared: Prepared) -> Candidate:
    """The baseline of a network that others trained: a new last layer, fine-tuning, or the best of all."""
    model, train, run, inputs = job.recipe.model, job.recipe.train, job.runner.run, job.inputs(prepared)
    body, features = features_of_network(job, prepared)
    given = body, train.seed, features, inputs, job.context
    head = run("fit the last layer", transfer_steps.fit_last_layer, *given)
    if model.transfer == "features":
        return head
    if model.transfer == "fine_tune":
        return run("fine-tune the network", transfer_steps.fine_tune, head, train, inputs, job.context)
    return best_transfer(job, prepared, head, features.minutes)


def features_of_network(job: Job, prepared: Prepared) -> tuple[ModelSpec, NetworkFeatures]:
    """What the last layer of a transferred network gets, and the spec of that step, alike for every way of transfer."""
    body = job.recipe.model.model_copy(update={"transfer": "features"})
    given = prepared, body, weights_stamp(body, prepared), job.context
    return body, job.runner.run("features of the network", transfer_steps.extract_features, *given)


def refit_last_layer(job: Job, prepared: Prepared) -> Candidate:
    """The network with a last layer that is fitted on the features of train and validation."""
    (body, features), run = features_of_network(job, prepared), job.runner.run
    given = body, job.recipe.train.seed, features, job.inputs(prepared), job.context
    return run("fit the last layer again", transfer_steps.fit_last_layer, *given, splits=("train", "validation"))


def best_transfer(job: Job, prepared: Prepared, head: Candidate, pass_minutes: float) -> Candidate:
    """A new last layer, or fine-tuning or, of many examples, training from scratch where it is better beyond noise.

    Args:
        job: its `train.minutes`, or MINUTES, are what all of them may take, the new last layer included.
        prepared: the data with their preprocessing.
        head: the network with the new last layer; its record has the minutes that it took.
        pass_minutes: minutes of the network for all examples of train and validation once.
    """
    train, run, inputs = job.recipe.train, job.runner.run, job.inputs(prepared)
    whole = train.minutes or MINUTES
    options, late = {"features": head}, []
    train_count, count = (prepared.dataset.splits[split].count for split in ("train", "validation"))
    begun = ["fine_tune", *(["scratch"] if train_count >= MANY else [])]
    spent = float(job.store.get_json(head.lineage[-1].record or "")["minutes"])
    kept = (1 + LAST * len(begun)) * pass_minutes * count / (train_count + count)
    share = (whole - spent - kept) / len(begun)
    for mode in begun:
        spec = train.model_copy(update={"minutes": share})
        if share < LEAST * whole:
            late.append(mode)
        elif mode == "fine_tune":
            tuned = run("fine-tune the network", transfer_steps.fine_tune, head, spec, inputs, job.context)
            options[mode] = tuned
        else:
            model = job.recipe.model.model_copy(update={"transfer": mode})
            spec = spec.model_copy(update={"layer_decay": 1.0, "unfreeze": 0})
            options[mode] = run("train from scratch", baseline.fit, model, spec, inputs, job.context)
    return run("choose the way of transfer", choose_option, options, late, inputs, job.context)
