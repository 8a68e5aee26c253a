"""Step definitions: every function of the flows (verb) as a Prefect task, with its name, tags, caching and retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import Task, task

from tasks.compression.compress import compress
from tasks.compression.fine_tuning import distill, recover
from tasks.compression.measure import evaluate_candidates
from tasks.conversion.onnx_export import export
from tasks.conversion.onnx_import import import_onnx
from tasks.data.ingestion import ingest
from tasks.data.preprocessing import preprocess
from tasks.steps.caching import CACHED, OUTWARD
from tasks.steps.recorded_search import recall_searches, search_and_record
from tasks.tracking import attach, close_run, open_run, record_child, record_trials
from tasks.tracking.registry import register
from tasks.training.baseline import fit, load_pretrained

# The task names are part of the cache keys, and Prefect's UI shows them.
STEPS: Mapping[object, Task[..., Any]] = {
    step.fn: step
    for step in (
        task(**CACHED, tags=["data"], name="ingest")(ingest),
        task(**CACHED, tags=["data"], name="preprocess")(preprocess),
        task(**CACHED, tags=["search"], name="remember")(recall_searches),
        task(**CACHED, tags=["search"], name="tune")(search_and_record),
        task(**CACHED, tags=["train"], name="fit")(fit),
        task(**CACHED, tags=["train"], name="adopt")(load_pretrained),
        task(**CACHED, tags=["train"], name="bring")(import_onnx),
        task(**CACHED, tags=["compress"], name="compress")(compress),
        task(**CACHED, tags=["train"], name="recover")(recover),
        task(**CACHED, tags=["train"], name="distill")(distill),
        task(**CACHED, tags=["export"], name="export")(export),
        task(**CACHED, tags=["evaluate"], name="evaluate")(evaluate_candidates),
        task(**OUTWARD, tags=["track"], name="open_run")(open_run),
        task(**OUTWARD, tags=["track"], name="record_child")(record_child),
        task(**OUTWARD, tags=["track"], name="record_trials")(record_trials),
        task(**OUTWARD, tags=["track"], name="attach")(attach),
        task(**OUTWARD, tags=["track"], name="close_run")(close_run),
        task(**OUTWARD, tags=["registry"], name="register")(register),
    )
}
"""Function (verb) → its Prefect task."""
