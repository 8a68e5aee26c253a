"""Step definitions: every function of the flows (verb) as a Prefect task, with its name, caching and retries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import Task, task

from tasks.compression.compress import compress
from tasks.compression.file_scores import score_files
from tasks.compression.fine_tuning import distill, recover
from tasks.compression.library_comparison import compare_with_library
from tasks.compression.measure import evaluate_candidates, profile_product
from tasks.compression.train_score import score_on_train
from tasks.conversion.engine_trials import try_engines
from tasks.conversion.onnx_export import export
from tasks.conversion.onnx_import import import_onnx
from tasks.data.ingestion import ingest
from tasks.data.preprocessing import preprocess
from tasks.data.splits.train_rows import draw_train_rows, drop_train_rows
from tasks.steps.caching import OUTWARD, cached_task
from tasks.steps.recorded_search import recall_searches, search_and_record
from tasks.study.held_answers import answer_held
from tasks.tracking import attach, close_run, open_run, record_child, record_trials
from tasks.tracking.registered_profile import attach_profile
from tasks.tracking.registered_recipe import attach_recipe
from tasks.tracking.registered_reference import attach_reference
from tasks.tracking.registry import register
from tasks.training.baseline import fit, load_pretrained
from tasks.training.ensembles.network_average import average_networks
from tasks.training.ensembles.training_cycle import train_cycle
from tasks.training.simple.ensemble_fit import fit_ensemble
from tasks.training.simple.fit_table import fit_table
from tasks.training.simple.out_of_fold import predict_out_of_fold
from tasks.training.simple.student_fit import fit_student
from tasks.training.timing.training_timing import time_trainings
from tasks.training.transfer.option_choice import choose_option
from tasks.training.transfer.transfer_steps import extract_features, fine_tune, fit_last_layer

# The task names are part of the cache keys, and Prefect's UI shows them. No task has a tag: for each run of a task that
# has one, Prefect asks its server whether the tag's number of runs is limited, which takes one to two seconds.
STEPS: Mapping[object, Task[..., Any]] = {
    ingest: cached_task(ingest, "ingest"),
    preprocess: cached_task(preprocess, "preprocess"),
    draw_train_rows: cached_task(draw_train_rows, "draw_train_rows"),
    drop_train_rows: cached_task(drop_train_rows, "drop_train_rows"),
    recall_searches: cached_task(recall_searches, "remember"),
    search_and_record: cached_task(search_and_record, "tune"),
    fit: cached_task(fit, "fit"),
    fit_table: cached_task(fit_table, "fit_table"),
    fit_ensemble: cached_task(fit_ensemble, "fit_ensemble"),
    fit_student: cached_task(fit_student, "fit_student"),
    predict_out_of_fold: cached_task(predict_out_of_fold, "predict_out_of_fold"),
    train_cycle: cached_task(train_cycle, "train_cycle"),
    time_trainings: cached_task(time_trainings, "time_trainings"),
    average_networks: cached_task(average_networks, "average"),
    load_pretrained: cached_task(load_pretrained, "adopt"),
    extract_features: cached_task(extract_features, "extract_features"),
    fit_last_layer: cached_task(fit_last_layer, "fit_last_layer"),
    fine_tune: cached_task(fine_tune, "fine_tune"),
    choose_option: cached_task(choose_option, "choose_transfer"),
    import_onnx: cached_task(import_onnx, "bring"),
    compress: cached_task(compress, "compress"),
    recover: cached_task(recover, "recover"),
    distill: cached_task(distill, "distill"),
    export: cached_task(export, "export"),
    evaluate_candidates: cached_task(evaluate_candidates, "evaluate"),
    try_engines: cached_task(try_engines, "try_engines"),
    profile_product: cached_task(profile_product, "profile_product"),
    score_files: cached_task(score_files, "score_files"),
    score_on_train: cached_task(score_on_train, "score_on_train"),
    answer_held: cached_task(answer_held, "answer_held"),
    compare_with_library: cached_task(compare_with_library, "compare_with_library"),
    open_run: task(**OUTWARD, name="open_run")(open_run),
    record_child: task(**OUTWARD, name="record_child")(record_child),
    record_trials: task(**OUTWARD, name="record_trials")(record_trials),
    attach: task(**OUTWARD, name="attach")(attach),
    close_run: task(**OUTWARD, name="close_run")(close_run),
    register: task(**OUTWARD, name="register")(register),
    attach_recipe: task(**OUTWARD, name="attach_recipe")(attach_recipe),
    attach_profile: task(**OUTWARD, name="attach_profile")(attach_profile),
    attach_reference: task(**OUTWARD, name="attach_reference")(attach_reference),
}
"""Function (verb) → its Prefect task."""
