"""Compression: what a step records, and that a form or an answer that does not fit is refused in one sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import datasets, runs

from tasks.compression import fine_tuning
from tasks.compression.branch import Branch, Compress
from tasks.compression.compress import compress
from tasks.conversion import onnx_export
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, Context, InputError, Prepared, Refusal, Store, Workspace
from tasks.evaluation import parity
from tasks.kernels.onnx import description
from tasks.models.model_spec import ModelSpec
from tasks.techniques import Batches, Blocks, Channels, Int8, LowRank, Plugin, Technique, Weights, replay
from tasks.techniques.base import Lowers
from tasks.training.baseline import fit
from tasks.training.recovery import Recover
from tasks.training.student import Distill
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs

CUT = Channels(sparsity=0.5, multiple=4)


class Rescaled(Technique):
    """An ONNX technique that multiplies the last constant that looks like weights; a negative factor turns answers
    over."""

    version: ClassVar[int] = 3
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes",)

    step: Literal["rescaled"] = "rescaled"
    factor: float = 1.0
    """What the last linear layer is multiplied by."""

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        inputs, targets = batches[0]
        return {"factor": self.factor, "first": {name: list(array.shape) for name, array in inputs.items()},
                "batches": [len(each) for _, each in batches], "targets": targets[:3].tolist()}  # fmt: skip

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        proto = onnx.load_from_string(model)
        for tensor in proto.graph.initializer:
            array = numpy_helper.to_array(tensor)
            if array.ndim in (1, 2) and array.dtype == np.float32 and 4 in array.shape:
                tensor.CopyFrom(numpy_helper.from_array(array * np.float32(plan["factor"]), tensor.name))
        return bytes(proto.SerializeToString())


@dataclasses.dataclass(frozen=True)
class Bench:
    """A trained baseline and what it came from."""

    workspace: Workspace
    prepared: Prepared
    baseline: Candidate
    exported: Candidate

    @property
    def store(self) -> Store:
        return self.workspace.store

    @property
    def inputs(self) -> TrainingInputs:
        return TrainingInputs(self.prepared)

    @property
    def context(self) -> Context:
        return Context(self.workspace)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    workspace = runs.workspace(tmp_path_factory.mktemp("home"))
    prepared = datasets.prepared_squares(workspace.store)
    model = ModelSpec(arguments={"width": 16, "depth": 1})
    spec = TrainSpec(epochs=8, batch_size=16, learning_rate=0.01)
    baseline = fit(model, spec, TrainingInputs(prepared), Context(workspace))
    exported = onnx_export.export(baseline, prepared, Export(), workspace.store)
    return Bench(workspace, prepared, baseline, exported)


def compress_step(candidate: Candidate, technique: Technique, bench: Bench) -> Candidate:
    return compress(candidate, technique, bench.prepared, None, bench.workspace)


def record(candidate: Candidate, bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.store.get_json(candidate.lineage[-1].record or "")
    return found


def test_a_torch_step_records_knobs_and_plan(bench: Bench) -> None:
    compressed = compress_step(bench.baseline, CUT, bench)
    step = compressed.lineage[-1]
    assert (step.technique, step.version, step.parent) == ("channels", Channels.version, bench.baseline.digest)
    assert step.knobs == CUT.model_dump(mode="json", exclude={"step"})
    plan = bench.store.get_json(step.plan or "")
    assert all(len(cut["keep"]) == 8 and cut["of"] == 16 for cut in plan["cuts"])
    assert compressed.form == "torch"
    assert compressed.lineage[:-1] == bench.baseline.lineage


def test_the_parent_stays_as_it_was(bench: Bench) -> None:
    before = bench.store.get(bench.baseline.content)
    compress_step(bench.baseline, LowRank(energy=0.5, ranks="energy"), bench)
    assert bench.store.get(bench.baseline.content) == before


def test_the_same_step_gives_the_same_candidate(bench: Bench) -> None:
    assert compress_step(bench.baseline, CUT, bench) == compress_step(bench.baseline, CUT, bench)


def test_an_onnx_step_records_the_parity_of_its_hop(bench: Bench) -> None:
    compressed = compress_step(bench.exported, Int8(variants=("u8s8_reduced",)), bench)
    hops = parity.parity_of(compressed, bench.store)
    assert [hop.hop for hop in hops] == ["trained → loaded", "torch → ONNX", "ONNX → fused", "float → int8"]
    assert vars(hops[-1]) == record(compressed, bench)["parity"][0]
    assert hops[-1].passed
    assert hops[-1].n == 40
    assert 0.9 <= hops[-1].agreement <= 1
    assert hops[-1].max_difference > 0
    assert (compressed.form, compressed.lineage[-1].technique) == ("onnx", "int8")
    assert len(bench.store.get(compressed.content)) < len(bench.store.get(bench.exported.content))


def test_calibration_examples_come_in_batches_as_the_form_wants_them(bench: Bench) -> None:
    compressed = compress_step(bench.exported, Rescaled(factor=2.0), bench)
    plan = bench.store.get_json(compressed.lineage[-1].plan or "")
    assert plan == {"factor": 2.0, "first": {"image": [32, 8, 8, 1]}, "batches": [32], "targets": [0, 1, 2]}


def test_a_step_of_the_user_s_own_is_found_again_by_its_path(bench: Bench) -> None:
    step = compress_step(bench.exported, Rescaled(), bench).lineage[-1]
    assert (step.technique, step.version) == (f"{__name__}:Rescaled", 3)
    plugged = Plugin.model_validate({"step": f"{__name__}:Rescaled", "factor": 2.0}).technique()
    assert plugged == Rescaled(factor=2.0)


def test_a_file_that_answers_unlike_its_parent_is_refused(bench: Bench) -> None:
    sentence = rf"^float → {__name__}:Rescaled: only \d+\.\d% of 40 examples keep their answer \(same answer on"
    with pytest.raises(Refusal, match=sentence):
        compress_step(bench.exported, Rescaled(factor=-1.0), bench)


def one_sentence(refusal: pytest.ExceptionInfo[Refusal]) -> str:
    text = str(refusal.value)
    assert "\n" not in text
    assert len(text) < 160
    return text


def test_a_torch_technique_refuses_a_file(bench: Bench) -> None:
    for technique in (CUT, LowRank()):
        with pytest.raises(Refusal) as refusal:
            compress_step(bench.exported, technique, bench)
        assert one_sentence(refusal).startswith(f"{technique.step} acts on torch models")


def test_an_onnx_technique_refuses_a_module(bench: Bench) -> None:
    with pytest.raises(Refusal) as refusal:
        compress_step(bench.baseline, Int8(), bench)
    assert one_sentence(refusal).startswith("int8 acts on ONNX files")


def test_recovery_refuses_a_file(bench: Bench) -> None:
    with pytest.raises(Refusal) as refusal:
        recover(bench.exported, bench)
    assert one_sentence(refusal).startswith("recover trains torch models")


def recover(candidate: Candidate, bench: Bench, **knobs: Any) -> Candidate:
    spec = Recover(**{"epochs": 2, "batch_size": 16, **knobs})
    return fine_tuning.recover(candidate, bench.baseline, spec, bench.inputs, bench.context)


def test_recovery_brings_the_baseline_s_answers_back(bench: Bench) -> None:
    compressed = compress_step(bench.baseline, CUT, bench)
    repaired = recover(compressed, bench, epochs=6, learning_rate=0.01)
    step, found = repaired.lineage[-1], record(repaired, bench)
    assert (step.technique, step.plan, step.parent) == ("recover", None, compressed.digest)
    assert step.knobs["teacher"] == bench.baseline.digest
    assert (step.knobs["epochs"], step.knobs["temperature"]) == (6, 4.0)
    scores = [epoch["validation_score"] for epoch in found["curve"]]
    assert found["curve"][0]["number"] == 0, "the state before training takes part"
    best = next(epoch for epoch in found["curve"] if epoch["number"] == found["best_epoch"])
    assert best["validation_score"] == max(scores)
    assert max(scores) >= 0.9
    assert replay.load_network(repaired, bench.store)(zeros()).shape == (2, 4)


def zeros() -> Any:
    import torch

    return torch.zeros(2, 1, 8, 8)


def test_recovery_is_deterministic(bench: Bench) -> None:
    compressed = compress_step(bench.baseline, CUT, bench)
    assert recover(compressed, bench).content == recover(compressed, bench).content
    assert recover(compressed, bench).content != recover(compressed, bench, seed=1).content


def branch(steps: Sequence[Any], name: str = "a") -> Branch:
    return Branch.model_validate({"name": name, "steps": steps})


def test_a_branch_has_a_name_and_steps() -> None:
    found = branch([{"step": "channels"}, {"step": "recover"}, {"step": "int8"}])
    assert [type(step) for step in found.steps] == [Channels, Recover, Int8]
    plugged = branch([{"step": f"{__name__}:Rescaled", "factor": 3.0}]).steps[0]
    assert isinstance(plugged, Plugin)
    assert plugged.technique() == Rescaled(factor=3.0)
    for wrong in ([], [{"step": "chanels"}], [{"step": "channels", "sparsity": 1.5}], [{"sparsity": 0.5}]):
        with pytest.raises(ValueError, match="steps"):
            branch(wrong)
    with pytest.raises(ValueError, match="name"):
        branch([{"step": "int8"}], name="a/b")
    assert Compress().branches == (), "the defaults"


def test_no_file_is_larger_than_its_parent_s_product(bench: Bench) -> None:
    compressed = recover(compress_step(bench.baseline, CUT, bench), bench)
    exported = onnx_export.export(compressed, bench.prepared, Export(), bench.store)
    small, large = (description.describe(bench.store.get(each.content)) for each in (exported, bench.exported))
    assert small.macs < 0.5 * large.macs
    assert small.bytes < large.bytes


def test_a_cut_candidate_is_reconstructed_a_trained_one_is_not(bench: Bench) -> None:
    """Whose channels the layers have is known from the plans; after a training they have answers of their own."""
    compressed = compress_step(bench.baseline, CUT, bench)
    rebuilt = recover(compressed, bench, until="reconstruct")
    stages = {stage["rung"]: stage for stage in record(rebuilt, bench)["rungs"]}
    assert "left alone" not in stages["reconstruct"]["note"]
    assert stages["reconstruct"]["score"] is not None
    assert max(stage["score"] for stage in stages.values()) > stages["as it is"]["score"]
    assert "curve" not in record(rebuilt, bench)
    again = record(recover(rebuilt, bench, until="reconstruct"), bench)["rungs"][2]
    assert again["score"] is None
    control = record(recover(bench.baseline, bench, until="reconstruct"), bench)["rungs"][2]
    assert control["score"] is None


def test_channels_that_two_steps_cut_are_still_known(bench: Bench) -> None:
    compressed = compress_step(
        compress_step(bench.baseline, Channels(sparsity=0.5, multiple=2), bench),
        Channels(sparsity=0.5, multiple=2),
        bench,
    )
    stage = record(recover(compressed, bench, until="reconstruct"), bench)["rungs"][2]
    assert stage["score"] is not None
    assert "left alone" not in stage["note"]


# --- distill --------------------------------------------------------------------------------------------------

SMALL = {"factory": "tasks.architectures:convnet", "arguments": {"width": 4, "depth": 1}}


def distill(bench: Bench, **knobs: Any) -> Candidate:
    spec = Distill.model_validate({**SMALL, "epochs": 6, "batch_size": 16, "learning_rate": 0.02, **knobs})
    return fine_tuning.distill(bench.baseline, spec, bench.inputs, bench.context)


def test_a_student_begins_its_own_lineage(bench: Bench) -> None:
    student = distill(bench)
    (step,) = student.lineage
    assert (step.technique, step.version, step.plan, step.parent) == ("distill", 2, None, None)
    assert step.knobs["teacher"] == bench.baseline.digest
    assert (student.factory, student.arguments["width"]) == (SMALL["factory"], 4)
    assert student.arguments["outputs"] == 4
    found = record(student, bench)
    assert found["curve"][found["best_epoch"]]["validation_score"] >= 0.9
    assert [stage["rung"] for stage in found["rungs"]] == ["as it is", "recalibrate", "reconstruct"]
    assert set(found["inherited"]) <= set(replay.load_network(student, bench.store).state_dict())
    assert distill(bench).content == student.content
    # It can be compressed like any other.
    assert compress_step(student, Channels(sparsity=0.5, multiple=2), bench).lineage[0] == step


def test_a_student_of_the_same_kind_starts_from_its_teacher(bench: Bench) -> None:
    found = record(distill(bench, arguments={"width": 4, "depth": 2}, epochs=1), bench)
    assert "body.0.weight" in found["inherited"] or len(found["inherited"]) > 4


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"factory": "tasks.architectures:convnit", "arguments": {}}, "factory"),
        ({"arguments": {"wide": 4}}, "arguments.wide"),
        ({"factory": "tasks.architectures:resnet", "arguments": {"depth": 9}}, "factory"),
    ],
)
def test_a_wrong_student_is_wrong_input(wrong: dict[str, Any], path: str, bench: Bench) -> None:
    with pytest.raises(InputError) as error:
        distill(bench, **wrong)
    assert error.value.path == path


def test_distill_comes_first_in_its_branch() -> None:
    student = {"step": "distill", **SMALL}
    assert isinstance(branch([student, {"step": "channels"}]).steps[0], Distill)
    with pytest.raises(ValueError, match="first step of its branch"):
        branch([{"step": "channels"}, student])


def test_a_file_teaches_nobody(bench: Bench) -> None:
    spec = Distill.model_validate(SMALL)
    with pytest.raises(Refusal, match="needs a torch teacher"):
        fine_tuning.distill(bench.exported, spec, bench.inputs, bench.context)


def test_a_schedule_stands_for_its_steps() -> None:
    branch = Branch.model_validate(
        {"name": "sparse", "steps": [{"step": "gradual", "sparsity": 0.8, "rounds": 2}, {"step": "pack"}]}
    )
    assert [step.step for step in branch.steps] == ["weights", "recover", "weights", "recover", "pack"]
    assert [step.sparsity for step in branch.steps if isinstance(step, Weights)] == [0.7, 0.8]
    assert Branch.model_validate(branch.model_dump()) == branch


def test_blocks_are_timed_as_the_branch_will_run_them() -> None:
    fast: dict[str, Any] = {"step": "blocks", "speedup": 1.5}
    recovery, eight_bits = {"step": "recover", "until": "recalibrate"}, {"step": "int8"}
    for later in ([recovery, eight_bits], [{"step": "quantize_aware"}, recovery]):
        quantized = branch([fast, *later])
        assert quantized.steps[0] == Blocks(speedup=1.5, timed="int8")
        assert Branch.model_validate(quantized.model_dump()) == quantized
    assert branch([fast, recovery]).steps[0] == Blocks(speedup=1.5)
    assert branch([{**fast, "timed": "float"}, eight_bits]).steps[0] == Blocks(speedup=1.5, timed="float")
    assert branch([{"step": "blocks", "share": 0.5}, eight_bits]).steps[0] == Blocks(share=0.5)
    assert "timed" not in Blocks(speedup=1.5).model_dump(), "what was stored without it stays valid"
