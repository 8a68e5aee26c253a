"""Engine branches: files of a finished run in a second engine, as results of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from support import runs, short_timing
from support.plain_run import PlainRun

from flows.pipeline.engines.engine_branches import (
    ALONE,
    add_engines,
    float_files,
    in_engine_of,
    origin_of,
    uses_second_engine,
)
from flows.pipeline.engines.engine_text import describe_engine, engine_notes
from flows.pipeline.run_context import Job, RunContext
from flows.pipeline.settled_recipe import settle_recipe
from tasks.conversion import engine_trials
from tasks.conversion.engine_trials import record_in
from tasks.core import Context, PlainRunner
from tasks.evaluation.engines import host_of
from tasks.kernels.engines.runtime_record import installed_version, native_precisions

pytestmark = pytest.mark.skipif(installed_version("openvino") is None, reason="OpenVINO is not installed")
LATENCY = {"max_drop": 1.0, "minimize": "latency"}


@pytest.fixture(autouse=True)
def everything_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """So small a network is as fast in one engine as in the other: chance must decide nothing here."""
    monkeypatch.setattr(engine_trials, "SECONDS", 0.01)
    monkeypatch.setattr("flows.pipeline.engines.engine_branches.worth_measuring", list)
    with short_timing.short_timing():
        yield


def context(plain: PlainRun, **runtime: Any) -> RunContext:
    recipe = runs.tiny_recipe(goal=LATENCY, runtime={"processes": 3, **runtime})
    job = Job(recipe, Context(plain.workspace), PlainRunner())
    found = plain.findings
    return RunContext(job, found.prepared, found.results[0].stages[0], host_of(recipe.runtime))


def test_where_a_second_engine_decides_nothing_none_is_tried(plain: PlainRun) -> None:
    assert uses_second_engine(context(plain).recipe)
    assert not uses_second_engine(context(plain, engine="onnxruntime").recipe)
    assert not uses_second_engine(runs.tiny_recipe(runtime={"processes": 3}))
    results = plain.findings.results
    assert add_engines("try", results, context(plain, engine="onnxruntime")) == (results, ())


def test_each_file_gets_results_of_its_own(plain: PlainRun) -> None:
    run, results = context(plain, precision="f32"), plain.findings.results
    found, trials = add_engines("try", results, run)
    assert found[: len(results)] == results
    made = found[len(results) :]
    named = [each.name for each in results if each.product and each.role != "control"]
    assert [each.name for each in made] == [f"{name} in OpenVINO f32" for name in named]
    assert [each.branch_name for each in made] == named
    assert all(trial.ratio and trial.ratio > 0 and not trial.reason for trial in trials)
    for each, name in zip(made, named, strict=True):
        before = next(result for result in results if result.name == name)
        assert each.product is not None
        assert before.product is not None
        assert origin_of(each.product) == before.product.digest != each.product.digest
        assert each.stages[:-1] == before.stages
    assert made[0].product is not None
    assert float_files(found, run.baseline.exported) == (made[0].product.digest,)


def test_where_it_is_named_alone_the_first_engine_has_no_candidates(plain: PlainRun) -> None:
    found, trials = add_engines("try", plain.findings.results, context(plain, engine="openvino"))
    refused = {each.name: each.refusal for each in found if each.refusal}
    assert refused["narrow"] == ALONE
    files = {trial.origin for trial in trials}
    assert len(trials) == len(files) * len(native_precisions())
    assert not [each for each in found if each.role == "candidate" and each.product and not record_in(each.product)]


def test_a_file_follows_another_one_into_its_engine(plain: PlainRun) -> None:
    run = context(plain, precision="f32")
    found, _ = add_engines("try", plain.findings.results, run)
    plain_file, there = run.baseline.exported, found[-1].product
    assert there is not None
    assert in_engine_of(plain_file, plain_file, run) == plain_file
    moved = in_engine_of(plain_file, there, run)
    assert record_in(moved) == record_in(there)
    assert origin_of(moved) == plain_file.digest


def test_what_is_told_and_what_a_retrain_repeats(plain: PlainRun) -> None:
    run = context(plain, precision="f32")
    found, trials = add_engines("try", plain.findings.results, run)
    last = found[-1].product
    assert last is not None
    choice = dataclasses.replace(plain.findings.choice, chosen=last.digest)
    known = plain.findings.cards[origin_of(last)]
    cards = plain.findings.cards | {each.product.digest: known for each in found if each.product}
    findings = dataclasses.replace(
        plain.findings, results=found, trials=trials, product=last, choice=choice, cards=cards, meets_goal=True
    )
    says, alone = describe_engine(findings)
    assert says == f"It runs in OpenVINO {installed_version('openvino')} f32, 1 thread, fixed batch of 1."
    assert alone.startswith("Another runtime alone, with the same float file, brings ")
    [note] = engine_notes(findings)
    assert note.startswith("A first look at OpenVINO (each file's time in ONNX Runtime over that in OpenVINO, one ")
    assert "baseline f32 " in note
    settled = settle_recipe(findings, plain.workspace.store)
    assert "name: narrow-int8" in settled
    assert "  engine:\n  - openvino\n" in settled
    assert "  precision:\n  - f32\n" in settled
    assert engine_notes(plain.findings) == describe_engine(plain.findings) == []
