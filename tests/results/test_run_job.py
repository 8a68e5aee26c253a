"""ONNX files made by others through the main job: never trained, pared down, registered, and asked for predictions."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import pytest
import yaml
from rich.console import Console
from sklearn.datasets import load_digits
from support import onnx_files, runs
from support.short_timing import short_timing

from flows.cli import predict
from flows.cli.plans import plan, plan_view
from flows.loop.releases.promoting import promote_by_hand
from flows.pipeline import run_context
from flows.pipeline.findings import Findings
from flows.pipeline.pipeline import run_pipeline
from flows.pipeline.step_count import count_steps
from flows.recipe.default_branches import branches_of
from flows.recipe.loading import validate_recipe
from flows.recipe.schema import Recipe
from flows.results import mlflow_records, run_job
from flows.results.outcome import Outcome
from flows.services.store_needs import read_needs
from tasks.core import Context, InputError, Workspace
from tasks.core.cache_key import references
from tasks.evaluation import parity
from tasks.kernels.onnx import description, sessions
from tasks.techniques import TAGS, Technique
from tasks.tracking import open_client, registered_recipe, registry
from tasks.tracking.versions import versions_of

NORMALIZE = {"step": "normalize", "scale": 16, "mean": [0.5], "std": [0.5]}
BRANCHES = [
    {"name": "clean", "steps": [{"step": "clean"}]},
    {"name": "eight", "steps": [{"step": "clean"}, {"step": "int8", "variants": ["u8s8_reduced"]}]},
]


class Mine(Technique):
    """A user's own technique for torch networks."""

    version, form, lowers = 1, "torch", ("macs",)
    step: Literal["mine"] = "mine"

    def plan(self, model: Any, batches: Any) -> dict[str, Any]:
        return {}

    def apply(self, model: Any, plan: dict[str, Any]) -> Any:
        return model


@dataclasses.dataclass(frozen=True)
class Job:
    """A finished job."""

    recipe: Recipe
    workspace: Workspace
    file: Path
    runner: runs.Remembering
    outcome: Outcome

    @property
    def findings(self) -> Findings:
        return self.outcome.findings


def recipe_of(file: Path, **changes: Any) -> Recipe:
    content: dict[str, Any] = {
        "name": "theirs",
        "data": {"source": "sklearn:digits", "split": {"calibration": 32}},
        "preprocess": [NORMALIZE],
        "model": {"file": str(file)},
        "compress": {"branches": BRANCHES},
        "goal": {"max_drop": 1.0, "minimize": "bytes"},
    }
    return validate_recipe({**content, **changes})


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A file with a batch of one, of an old operator set, whose constants are inputs, too."""
    home = tmp_path_factory.mktemp("theirs")
    made, digits = onnx_files.network((1, 1, 8, 8), 10, opset=9, ir=4, listed=True), load_digits()
    onnx_files.learn(made, (digits.images[:, None] / 16 - 0.5) / 0.5, digits.target)
    file = onnx_files.write(made, home / "theirs.onnx")
    recipe, workspace, runner = recipe_of(file), runs.workspace(home), runs.Remembering()
    with short_timing():
        return Job(recipe, workspace, file, runner, run_job.run_job(recipe, workspace, runner))


def test_the_baseline_is_the_file_and_nothing_is_trained(job: Job) -> None:
    baseline, clean, eight = job.findings.results
    assert (baseline.name, clean.name, eight.name) == ("baseline", "clean", "eight")
    assert {line.refusal for line in job.findings.results} == {None}
    assert job.runner.worked == [
        *("ingest sklearn:digits", "preprocess", "load the baseline", "clean: clean"),
        *("eight: int8 variants ['u8s8_reduced']", "evaluate on validation", "test once"),
        "measure batches and first runs",
    ]
    assert job.runner.remembered == ["eight: clean"]
    assert count_steps(job.recipe) == len(job.runner.calls)
    model = baseline.stages[0].model
    assert (model, model.form, model.factory) == (baseline.stages[0].exported, "onnx", "")


def test_every_hop_of_a_branch_is_in_its_card(job: Job) -> None:
    product = job.findings.results[2].product
    assert product is not None
    card = job.findings.cards[product.digest]
    hops = ["file → product", "ONNX → fused", "float → clean", "float → int8"]
    # A file that takes one example at a time is proven for many by running them one after another.
    assert [hop.hop for hop in card.parity] == [*hops, "batch of 32 → 1"]
    assert card.size_ratio > 1
    assert parity.parity_of(product, job.workspace.store) == card.parity[:-1]


def test_the_product_is_registered_with_its_batch_of_one(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.pyfunc import load_model

    version, file = registry.champion(job.workspace.tracking_uri, "theirs")
    assert version.version == job.outcome.version.version
    monkeypatch.setenv("MLFLOW_TRACKING_URI", job.workspace.tracking_uri)
    schema = load_model("models:/theirs@champion").metadata.signature.inputs
    assert [tensor.shape for tensor in schema.inputs] == [(1, 1, 8, 8)]
    assert description.fixed_batch(file) == 1


def test_the_settled_recipe_lies_beside_the_version_and_the_run_lists_what_it_needs(job: Job) -> None:
    settled = yaml.safe_load(registered_recipe.recipe_of(job.workspace.tracking_uri, "theirs"))
    assert [branch["name"] for branch in settled["compress"]["branches"]] == ["eight"]
    clean, eight = settled["compress"]["branches"][0]["steps"]
    assert (clean, eight["step"], eight["variants"]) == ({"step": "clean"}, "int8", ["u8s8_reduced"])
    assert "calibration" in eight, "which the plan chose"
    assert settled["goal"] == {"max_drop": 1.0, "minimize": "bytes"}
    assert validate_recipe(settled).name == "theirs"
    [needs] = [each for each in read_needs(job.workspace.home) if each.run == job.outcome.version.run_id]
    assert {job.findings.product_file, *references(job.findings.prepared)} <= needs.digests
    assert all(map(job.workspace.store.holds, needs.digests))


def test_a_challenger_that_passes_waits_for_a_person_where_the_recipe_says_so(
    job: Job, tmp_path: Path, short_timing: None
) -> None:
    workspace, runner = runs.workspace(tmp_path), runs.Remembering()
    run_job.run_job(recipe_of(job.file, compress={"branches": BRANCHES[:1]}), workspace, runner)
    manual = recipe_of(job.file, promotion="manual")
    for _ in range(2):
        outcome = run_job.run_job(manual, workspace, runner)
        assert outcome.version.alias == "challenger"
        assert outcome.promotion is not None
        assert outcome.promotion.verdict == "stay"
        assert outcome.promotion.reason.endswith("It waits for `paredown promote`, as promotion: manual asks")
    waiting, first = versions_of(workspace.tracking_uri, "theirs")
    assert (waiting.aliases, first.aliases) == (("challenger",), ("champion",))
    assert waiting.tags["paredown.comparison"] == "1", "the same comparison costs its share of the error once"
    found = promote_by_hand(workspace.tracking_uri, "theirs", None, force=False)
    assert (found.champion.version, found.champion.aliases) == (waiting.version, ("champion",))


def test_predictions_for_a_file_of_pictures(job: Job, tmp_path: Path) -> None:
    raw = np.random.default_rng(0).integers(0, 17, (5, 8, 8, 1), np.uint8)
    np.save(tmp_path / "new.npy", raw)
    told = predict.predict_file(job.recipe, tmp_path / "new.npy", job.workspace).answers
    with pytest.raises(InputError, match="--reasons: suits only a table, whose columns can be named, but got 'theirs'"):
        predict.predict_file(job.recipe, tmp_path / "new.npy", job.workspace, reasons=3)
    planes = ((raw / 16 - 0.5) / 0.5).transpose(0, 3, 1, 2).astype(np.float32)
    logits = sessions.predict(job.file, {"pixels": planes})
    # Near ties may fall the other way in eight bits.
    sure = np.diff(np.sort(logits, axis=1)[:, -2:], axis=1)[:, 0] > 0.1 * np.abs(logits).max()
    assert sure.any()
    assert [int(label) for label in np.array(told)[sure]] == logits.argmax(axis=1)[sure].tolist()


def test_the_report_and_the_records_tell_of_the_file(job: Job) -> None:
    report = (job.outcome.folder / "report.html").read_text()
    assert "theirs.onnx" in report
    (name, text), *_ = mlflow_records.plans(job.findings.results[0], job.workspace.store).items()
    assert name == "0-load"
    assert json.loads(text)["record"]["parity"][0]["hop"] == "file → product"


def test_the_parent_run_has_the_product_s_measurements_the_data_and_a_description(job: Job) -> None:
    client = open_client(job.workspace.tracking_uri)
    run = client.get_run(job.outcome.version.run_id)
    product, metrics = job.findings.product, run.data.metrics
    validation, test = job.findings.cards[product.digest], job.findings.test[product.digest]
    assert metrics["validation.accuracy"] == pytest.approx(validation.score.value)
    assert metrics["test.accuracy"] == pytest.approx(test.score.value)
    assert metrics["test.drop"] == pytest.approx(test.drop.estimate.value)
    assert metrics["latency.ratio"] == pytest.approx(test.latency.ratio.value)
    assert metrics["size.bytes"] == test.size.bytes
    (data,) = run.inputs.dataset_inputs
    fingerprint = job.findings.prepared.dataset.fingerprint
    assert (data.dataset.name, data.dataset.digest) == ("sklearn:digits", fingerprint[:36])
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith(job.outcome.report.answer)
    assert f"those of the product, {product.name}." in note
    assert job.outcome.report.links["MLflow"].endswith(f"/runs/{run.info.run_id}")
    assert job.outcome.report.links["start MLflow"].endswith(job.workspace.tracking_uri)


def test_another_file_is_another_baseline(job: Job, short_timing: None) -> None:
    before = len(job.runner.worked)
    again = run_context.Job(job.recipe, Context(job.workspace), job.runner)
    run_pipeline(again)
    assert job.runner.worked[before:] == []
    whole = job.file.read_bytes()
    try:
        onnx_files.write(onnx_files.network((1, 1, 8, 8), 10, opset=11), job.file)
        run_pipeline(again)
    finally:
        job.file.write_bytes(whole)
    assert "load the baseline" in job.runner.worked[before:]


def test_the_default_branches_are_the_techniques_for_files_each_alone(tmp_path: Path) -> None:
    found = branches_of(recipe_of(tmp_path / "a.onnx", compress=None)).branches
    assert [branch.name for branch in found] == [
        tag for tag, kind in TAGS.items() if kind.form == "onnx" and kind.lowers
    ]
    assert {"clean", "int8"} <= {branch.name for branch in found}


def test_a_plan_says_what_is_put_in_front_and_costs_no_training(tmp_path: Path) -> None:
    file = onnx_files.write(onnx_files.network(("n", 1, 8, 8), 10), tmp_path / "a.onnx")
    found = plan.plan_run(recipe_of(file), runs.workspace(tmp_path))
    console = Console(file=io.StringIO(), width=200)
    plan_view.show_plan(found, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    front, first, second, last = 2, 9 * 16 + 5 * 16, 9 * 16 * onnx_files.WIDTH, 10 * onnx_files.WIDTH + 10
    assert f"{front + first + second + last:,} parameters, as it is" in text
    assert "the file: takes pixels float32 (n, 1, 8, 8), gives scores float32 (n, 10)" in text
    assert "the product: takes pixels uint8 (batch, 1, 8, 8), gives scores float32 (n, 10)" in text
    assert "in front of the file: the recipe's preprocessing; measured: scores, read as rows" in text
    assert "Cost: at most no training: about 0.0 minutes" in text
    assert "eight: clean → int8" in text


def test_a_plug_in_for_torch_is_refused_with_its_branch(tmp_path: Path) -> None:
    branches = [{"name": "mine", "steps": [{"step": f"{__name__}:Mine"}]}]
    with pytest.raises(InputError, match=r"compress\.branches\.0\.steps\.0: needs a torch network, but branch 'mine'"):
        recipe_of(tmp_path / "a.onnx", compress={"branches": branches})


def test_a_baseline_that_always_says_the_same_is_no_champion(tmp_path: Path, short_timing: None) -> None:
    made = onnx_files.network(("n", 1, 8, 8), 10)
    for tensor in made.graph.initializer:
        if tensor.name in ("weight", "offset"):
            same = np.zeros(tensor.dims, np.float32) if tensor.name == "weight" else np.eye(10, dtype=np.float32)[8]
            tensor.CopyFrom(onnx.numpy_helper.from_array(same, tensor.name))
    recipe, workspace = recipe_of(onnx_files.write(made, tmp_path / "a.onnx"), name="same"), runs.workspace(tmp_path)
    outcome = run_job.run_job(recipe, workspace, runs.Remembering())
    assert (outcome.exit_code, outcome.version.alias) == (3, None)
    constant = outcome.findings.baseline.references[0]
    assert constant.verdict == "no better"
    assert outcome.report.answer.startswith(
        f"The baseline has learned nothing: on 359 test examples it is no better than to answer {constant.name} "
    )
    np.save(tmp_path / "new.npy", np.zeros((2, 8, 8, 1), np.uint8))
    with pytest.raises(InputError, match="the baseline of its version 1 is no better than a constant answer"):
        predict.predict_file(recipe, tmp_path / "new.npy", workspace)
