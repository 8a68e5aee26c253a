"""The product beside Python's: the fit that it began as is found, and timed once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from support import datasets, mixed_tables, runs

from flows.pipeline.findings import BranchResult, Stage
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.simple.library_peers import compare_product, fitted_form
from flows.recipe.loading import validate_recipe
from tasks.compression.library_comparison import PRODUCT
from tasks.core import Candidate, Context, PlainRunner, Prepared, Step
from tasks.core.store import digest_of
from tasks.training.simple.fit_spec import Fit
from tasks.training.simple.fit_table import fit_table


def stage(technique: str, *before: str) -> Stage:
    steps = tuple(Step(each, 1, {}, None, None, None) for each in (*before, technique))
    model = Candidate("m", "onnx", "", {}, steps, digest_of([technique, *before]))
    return Stage(technique, model, model)


def test_the_fit_is_the_last_one_before_the_product() -> None:
    baseline, other = stage("fit"), stage("fit")
    other = dataclasses.replace(other, exported=dataclasses.replace(other.exported, content="other"))
    fewer, network = stage("trees", "fit"), stage("train")
    results = (
        BranchResult("baseline", "baseline", (baseline,)),
        BranchResult("refused", "candidate", (baseline, other), "no"),
        BranchResult("fewer", "candidate", (baseline, other, fewer)),
        BranchResult("network", "candidate", (network,)),
    )
    assert fitted_form(fewer.exported, results) is other.exported
    assert fitted_form(baseline.exported, results) is baseline.exported
    assert fitted_form(other.exported, results) is None
    assert fitted_form(network.exported, results) is None


@pytest.mark.usefixtures("short_timing")
def test_the_product_is_timed_on_a_processor_alone(tmp_path: Path) -> None:
    context = Context(runs.workspace(tmp_path))
    table = mixed_tables.mixed_table(120)
    part = (table, mixed_tables.values_of(table))
    prepared = Prepared(datasets.table_set(context.store, {"train": part, "validation": part}), "", {}, (6,))
    model = fit_table(prepared, Fit(family="linear"), (), context)
    begun = Stage("baseline", model, model)
    content: dict[str, Any] = {"name": "peers", "data": {"source": "t.csv", "target": "y"}, "goal": {"metric": "mae"}}
    job = Job(validate_recipe(content), context, PlainRunner())
    run = RunContext(job, prepared, begun, "this host")
    results = (BranchResult("baseline", "baseline", (begun,)),)
    found = compare_product(model, results, run)
    assert found is not None
    assert (found.host, found.times[0].name, found.failure) == ("this host", PRODUCT, "")
    there = validate_recipe({**content, "runtime": {"provider": "cuda"}})
    assert compare_product(model, results, dataclasses.replace(run, job=dataclasses.replace(job, recipe=there))) is None
