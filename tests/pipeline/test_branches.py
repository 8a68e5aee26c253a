"""Branches: their names and controls, and how a step is taken."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support import datasets, runs

from flows.pipeline import branches
from flows.pipeline.branches import control_branches, refusal_text, run_branch, run_stage
from flows.pipeline.compression_search import try_techniques
from flows.pipeline.findings import Stage
from flows.pipeline.run_context import Job, RunContext
from flows.recipe.default_branches import default_branches
from flows.recipe.loading import validate_recipe
from tasks.compression.branch import Branch, Compress, step_title
from tasks.compression.host_costs import TimingHost
from tasks.core import Candidate, Context, InputError, Refusal, Runner, Step
from tasks.kernels.engines.runtime_record import RuntimeRecord
from tasks.steps.definitions import STEPS
from tasks.techniques import Blocks, Channels, Int8, LowRank, Plugin
from tasks.training.recovery import Recover


def compress(*each: Sequence[dict[str, Any]]) -> tuple[Branch, ...]:
    found = Compress.model_validate(
        {"branches": [{"name": f"b{index}", "steps": list(steps)} for index, steps in enumerate(each)]}
    )
    return found.branches


def recover(epochs: int) -> dict[str, Any]:
    return {"step": "recover", "epochs": epochs}


CUT = {"step": "channels"}
INT8 = {"step": "int8"}


def test_a_title_is_the_tag_and_the_knobs_that_the_recipe_names() -> None:
    assert step_title(Channels(sparsity=0.5)) == "channels sparsity 0.5"
    assert step_title(Channels()) == "channels"
    assert step_title(Recover(epochs=3, learning_rate=0.1)) == "recover epochs 3 learning_rate 0.1"
    plugin = Plugin.model_validate({"step": "tasks.techniques:LowRank", "energy": 0.8})
    assert step_title(plugin) == "tasks.techniques:LowRank energy 0.8"


def test_every_budget_of_recovery_has_its_dense_control() -> None:
    assert control_branches(compress([INT8])) == []
    (only,) = control_branches(compress([CUT, recover(2)], [CUT, recover(2), INT8], [INT8]))
    assert (only.name, only.steps) == ("dense control", (Recover(epochs=2),))
    several = control_branches(
        compress([CUT, recover(2)], [CUT, recover(5)], [CUT, recover(2), {"step": "low_rank"}, recover(5)])
    )
    assert [control.steps for control in several] == [
        (Recover(epochs=2),),
        (Recover(epochs=5),),
        (Recover(epochs=2), Recover(epochs=5)),
    ]
    assert len({control.name for control in several}) == 3


def test_what_trains_nothing_needs_no_control() -> None:
    free = {"step": "recover", "until": "reconstruct"}
    assert control_branches(compress([CUT, free])) == []
    (only,) = control_branches(compress([CUT, free, INT8], [CUT, {**free, "until": "train", "epochs": 2}, free]))
    assert only.steps == (Recover(epochs=2),)


def test_the_control_spends_the_whole_budget() -> None:
    """The dense baseline is within any margin of itself, and would not be trained at all."""
    (only,) = control_branches(compress([CUT, {**recover(2), "stop_when_within": 0.01, "learning_rate": 0.1}]))
    assert only.steps == (Recover(epochs=2, learning_rate=0.1),)


STUDENT = {"step": "distill", "factory": "tasks.architectures:convnet", "arguments": {"width": 4}, "epochs": 2}


def test_a_student_s_budget_has_its_control_too() -> None:
    (only,) = control_branches(compress([STUDENT, INT8], [CUT, recover(2)]))
    assert only.steps == (Recover(epochs=2),), "the same as that of a recovery with the same knobs"
    several = control_branches(compress([STUDENT, recover(3)]))
    assert [control.steps for control in several] == [(Recover(epochs=2), Recover(epochs=3))]


def test_two_budgets_have_two_names() -> None:
    found = control_branches(compress([CUT, recover(2)], [CUT, recover(5)]))
    assert len({control.name for control in found}) == 2


@pytest.mark.parametrize("names", [["a", "b", "a"], ["baseline"], ["dense control"], ["dense control 2"]])
def test_no_row_takes_the_name_of_another(names: list[str]) -> None:
    content = {
        "name": "x",
        "data": {"source": "sklearn:digits"},
        "compress": {"branches": [{"name": name, "steps": [CUT]} for name in names]},
    }
    place = len(names) - 1
    with pytest.raises(InputError, match=rf"^compress\.branches\.{place}\.name: must differ from other branches"):
        validate_recipe(content)


def test_the_default_branches_try_every_technique_alone_and_together() -> None:
    found = {branch.name: [type(step) for step in branch.steps] for branch in default_branches().branches}
    assert found == {
        "int8": [Int8],
        "shallow-int8": [Blocks, Recover, Int8],
        "narrow": [Channels, Recover],
        "low-rank": [LowRank, Recover],
        "narrow-int8": [Channels, Recover, Int8],
    }
    (control,) = control_branches(default_branches().branches)
    assert control.steps == (Recover(),)


# --- with a runner that only remembers ------------------------------------------------------------------------


def candidate(form: Any = "torch", *steps: str) -> Candidate:
    way = tuple(Step(step, 1, {}, None, None, None) for step in ("train", *steps))
    return Candidate("baseline", form, "a:b", {}, way, "0" * 64)


class Pretending:
    """A `Runner` that adds the step to the lineage instead of working, and refuses the technique that it is told."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse, self.asked = refuse, list[tuple[str, str, str, Any]]()

    def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
        step, (before, *arguments) = STEPS[verb].name, args
        kind = arguments[0].step if step == "compress" else step
        if kind == self.refuse:
            raise Refusal(f"{kind}: layer 3 cannot be cut")
        host = arguments[2] if step == "compress" else ""
        self.asked.append((label, kind, before.form, host))
        form: Any = "onnx" if step == "export" else before.form
        return before.after(Step(kind, 1, {}, None, None, before.digest), "1" * 64, form)


def run_of(runner: Runner, tmp_path: Path) -> RunContext:
    stage = Stage("baseline", candidate(), candidate("onnx", "export"))
    job = Job(runs.tiny_recipe(), Context(runs.workspace(tmp_path)), runner)
    return RunContext(job, datasets.unread_pictures(), stage, "this host")


def branch(*steps: dict[str, Any]) -> Branch:
    return Branch.model_validate({"name": "mine", "steps": list(steps)})


def test_each_torch_step_is_exported_and_an_onnx_step_goes_on_from_the_export(tmp_path: Path) -> None:
    runner = Pretending()
    line = run_branch(branch(CUT, recover(1), INT8), "candidate", run_of(runner, tmp_path))
    here = TimingHost("this host", RuntimeRecord())
    assert runner.asked == [
        ("mine: channels", "channels", "torch", here),
        ("mine: channels → ONNX", "export", "torch", ""),
        ("mine: recover epochs 1", "recover", "torch", ""),
        ("mine: recover epochs 1 → ONNX", "export", "torch", ""),
        # Its plan is measured on the host and in an engine, which then belong to what decides it.
        ("mine: int8", "int8", "onnx", here),
    ]
    assert [stage.label for stage in line.stages] == ["baseline", "channels", "recover epochs 1", "int8"]
    last = line.stages[-1]
    assert [step.technique for step in last.exported.lineage] == ["train", "channels", "recover", "export", "int8"]
    assert last.exported.form == "onnx"
    assert (line.role, line.refusal) == ("candidate", None)
    assert line.product == last.exported
    assert line.product.name == "mine"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("channels: no layer can be cut", "channels sparsity 0.5: no layer can be cut"),
        ("channels acts on a torch model", "channels sparsity 0.5 acts on a torch model"),
        ("no layer can be cut", "channels sparsity 0.5: no layer can be cut"),
        ("broke: ValueError: channels", "channels sparsity 0.5: broke: ValueError: channels"),
    ],
)
def test_a_refusal_names_its_step_once(said: str, told: str) -> None:
    assert refusal_text(branch({"step": "channels", "sparsity": 0.5}).steps[0], Refusal(said)) == told


def test_a_refusal_ends_the_branch_and_keeps_what_came_before(tmp_path: Path) -> None:
    runner = Pretending(refuse="int8")
    line = run_branch(branch(CUT, INT8, {"step": "low_rank"}), "candidate", run_of(runner, tmp_path))
    assert line.refusal == "int8: layer 3 cannot be cut"
    assert line.product is None
    assert [stage.label for stage in line.stages] == ["baseline", "channels"]
    assert [kind for _, kind, _, _ in runner.asked] == ["channels", "export"]


class Failing(Pretending):
    """A `Pretending` that fails with an error at the step of this label."""

    def __init__(self, error: BaseException, at: str) -> None:
        super().__init__()
        self.error, self.at = error, at

    def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
        if label == self.at:
            raise self.error
        return super().run(label, verb, *args, **kwargs)


@pytest.mark.parametrize("at", ["mine: low_rank", "mine: low_rank → ONNX"])
def test_an_error_ends_its_branch_and_its_traceback_is_kept(at: str, tmp_path: Path) -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied\n(64x16 and 32x10)")
    run = run_of(Failing(error, at), tmp_path)
    line = run_branch(branch(CUT, {"step": "low_rank"}, INT8), "candidate", run)
    place = tmp_path / "errors" / "tiny-mine.txt"
    assert line.refusal == (
        "low_rank: broke: RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x16 and 32x10); "
        f"the details are in {place}"
    )
    assert line.product is None
    assert [stage.label for stage in line.stages] == ["baseline", "channels"]
    kept = place.read_text()
    assert kept.startswith("Traceback")
    assert kept.endswith("(64x16 and 32x10)\n")
    assert [file.name for file in place.parent.iterdir()] == ["tiny-mine.txt"]
    assert run_branch(branch(INT8), "candidate", run).refusal is None, "the others go on"


def test_an_error_in_other_words_than_ascii_is_kept(tmp_path: Path) -> None:
    line = run_branch(branch(CUT), "control", run_of(Failing(ValueError("naïve \udcff"), "mine: channels"), tmp_path))
    assert "broke: ValueError: naïve" in str(line.refusal)
    assert "naïve" in (tmp_path / "errors" / "tiny-mine.txt").read_text()


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        InputError("must be a layer", path="ignore"),
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
        caused(RuntimeError("PytorchStreamWriter failed"), OSError(errno.ENOSPC, "No space left on device")),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=repr,
)
def test_what_the_other_branches_would_meet_too_stops_the_run(error: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught:
        run_branch(branch(CUT), "candidate", run_of(Failing(error, "mine: channels"), tmp_path))
    assert caught.value is error
    assert not (tmp_path / "errors").exists()


def test_any_other_error_of_the_disk_ends_its_branch_only(tmp_path: Path) -> None:
    run = run_of(Failing(OSError(errno.ENOENT, "No such file", "x.pt"), "mine: channels"), tmp_path)
    assert "broke: FileNotFoundError: [Errno 2]" in str(run_branch(branch(CUT), "candidate", run).refusal)


def test_a_technique_that_breaks_on_the_baseline_is_not_searched(tmp_path: Path) -> None:
    run = run_of(Failing(RuntimeError("no kernel"), "try channels"), tmp_path)
    assert try_techniques(run)[0] == ("channels",)
    assert (tmp_path / "errors" / "tiny-try channels.txt").exists()


def test_recovery_is_taught_by_the_baseline(tmp_path: Path) -> None:
    asked: list[Any] = []

    class Asked:
        def run(self, label: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append((STEPS[verb].name, args))
            return candidate("torch", STEPS[verb].name)

    pared = Stage("channels", candidate("torch", "channels"), candidate("onnx", "channels", "export"))
    at = run_of(Asked(), tmp_path)
    run_stage(Recover(epochs=1), pared, "x", at)
    name, arguments = asked[0]
    assert name == "recover"
    assert arguments[:3] == (pared.model, at.baseline.model, Recover(epochs=1))


def test_a_student_is_taught_by_the_baseline(tmp_path: Path) -> None:
    runner = Pretending()
    line = run_branch(branch(STUDENT, INT8), "candidate", run_of(runner, tmp_path))
    title = "distill epochs 2 factory tasks.architectures:convnet width 4"
    assert runner.asked[0] == (f"mine: {title}", "distill", "torch", "")
    assert [stage.label for stage in line.stages] == ["baseline", title, "int8"]


def test_a_plug_in_is_taken_as_the_technique_that_it_names(tmp_path: Path) -> None:
    runner = Pretending()
    plugin = Plugin.model_validate({"step": "tasks.techniques:LowRank", "energy": 0.8})
    at = run_of(runner, tmp_path)
    stage = run_stage(plugin, at.baseline, "x", at)
    assert stage.label == "tasks.techniques:LowRank energy 0.8"
    assert runner.asked[0][1] == "low_rank"
    assert branches.export_stage(stage.exported, "x", at.prepared, at.job) is stage.exported
