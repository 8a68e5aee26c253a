"""fine_tuning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Candidate, Prepared, Refusal, Step, Store, Workspace
from tasks.data import preprocessing
from tasks.data.augmentation import AugmentStep
from tasks.kernels.training.learning_curve import Epoch
from tasks.models import weight_files
from tasks.models.factory import build_network
from tasks.techniques import replay
from tasks.training import recovery
from tasks.training.recovery import Recover
from tasks.training.student import Distill, complete_student, train_student
from tasks.training.training_data import TrainingData, to_tensors

if TYPE_CHECKING:
    from torch import nn


def recover(
    candidate: Candidate,
    teacher: Candidate,
    spec: Recover,
    prepared: Prepared,
    augment: tuple[AugmentStep, ...],
    metric: str,
    workspace: Workspace,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> Candidate:
    """Climbs the ladder of `distillation.recover` with the candidate; validation keeps the best rung or epoch.

    `checkpoint` and `on_epoch` are those of `baseline.fit`.
    """
    if candidate.form != "torch":
        raise Refusal("recover trains torch models, but the steps before it end with an ONNX file")
    store = workspace.store
    student, guide = (replay.load_network(each, store).to(workspace.device) for each in (candidate, teacher))
    result = recovery.recover_network(
        student,
        guide,
        _training_data(prepared, augment, workspace),
        spec,
        kept=_kept(candidate, teacher, guide, store),
        metric=metric,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    step = Step("recover", 2, knobs, None, store.put_json(result.record()), candidate.digest)
    return candidate.after(step, weight_files.save_network(student, store))


def distill(
    teacher: Candidate,
    spec: Distill,
    prepared: Prepared,
    augment: tuple[AugmentStep, ...],
    metric: str,
    workspace: Workspace,
    checkpoint: Path | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
) -> Candidate:
    """A student of the spec's factory, taught by the teacher; its lineage begins with this step.

    `checkpoint` and `on_epoch` are those of `baseline.fit`.

    Raises:
        InputError: the factory is wrong, or the student does not suit the data.
    """
    if teacher.form != "torch":
        raise Refusal("distill needs a torch teacher, but the baseline is an ONNX file")
    store = workspace.store
    factory, arguments = complete_student(spec, prepared)
    student = build_network(factory, arguments, spec.seed).to(workspace.device)
    guide = replay.load_network(teacher, store).to(workspace.device)
    data = _training_data(prepared, augment, workspace)
    result, inherited = train_student(
        student, guide, data, spec, metric=metric, checkpoint=checkpoint, on_epoch=on_epoch
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    record = store.put_json({**result.record(), "inherited": inherited})
    step = Step("distill", 1, knobs, None, record, None)
    return weight_files.begin_candidate(
        teacher.name, factory, arguments, step, weight_files.save_network(student, store)
    )


def _training_data(prepared: Prepared, augment: tuple[AugmentStep, ...], workspace: Workspace) -> TrainingData:
    arrays = preprocessing.training_arrays(prepared, workspace.store)
    return to_tensors(arrays, workspace.store.get_json(prepared.fitted), augment, workspace.device)


def _kept(candidate: Candidate, teacher: Candidate, guide: nn.Module, store: Store) -> dict[str, list[int]] | None:
    """The teacher's channels that the candidate's layers still have; None when its last step was no technique, or
    when it does not come from the teacher.
    """
    from tasks.kernels.reconstruction.layerwise import kept_outputs

    own = candidate.lineage[len(teacher.lineage) :]
    if candidate.lineage[: len(teacher.lineage)] != teacher.lineage or not own or own[-1].plan is None:
        return None
    plans = [store.get_json(step.plan) for step in own if step.plan and step.technique == "channels"]
    return kept_outputs(guide, [plan["cuts"] for plan in plans])
