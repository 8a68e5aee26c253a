"""Fine-tuning steps: recovery of a compressed model and distillation of a student, the steps of a branch that train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Candidate, Context, Refusal, Step, Store
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models import weight_files
from tasks.models.factory import build_network
from tasks.techniques import replay, technique_of_step
from tasks.training.recovery import Recover, recover_network
from tasks.training.reloading import store_network
from tasks.training.student import Distill, complete_student, train_student
from tasks.training.train import report_epochs
from tasks.training.training_data import TrainingInputs, load_training_data

if TYPE_CHECKING:
    from torch import nn


@shared_use()
def recover(
    candidate: Candidate, teacher: Candidate, spec: Recover, inputs: TrainingInputs, context: Context
) -> Candidate:
    """Recovers the candidate's score by repair and training against the teacher (see `recovery.recover_network`).

    The result has the weights of the stage or epoch with the best validation score.

    Args:
        candidate: the compressed torch model.
        teacher: the torch model before compression, usually the baseline.
        spec: the stages and the training.
        inputs: the data, the augmentation and the metric.
        context: its checkpoint file is rewritten after every epoch of training.

    Raises:
        InputError: the network answers otherwise once it is loaded.
        Refusal: the candidate is an ONNX file.
    """
    if candidate.form != "torch":
        raise Refusal("recover trains torch models, but the steps before it end with an ONNX file")
    store, device = context.store, context.workspace.device
    student, guide = (replay.load_network(each, store).to(device) for each in (candidate, teacher))
    result = recover_network(
        student,
        guide,
        load_training_data(inputs, context),
        spec,
        kept=_kept(candidate, teacher, guide, store),
        checkpoint=context.checkpoint,
        on_epoch=report_epochs(context.progress, spec.most_epochs, inputs.metric),
        answers=context.workspace.teachers,
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    content, parity = store_network(student, replay.load_network(candidate, store), inputs.prepared, store)
    record = store.put_json({**result.record(), "parity": parity})
    return candidate.after(Step("recover", 3, knobs, None, record, candidate.digest), content)


@shared_use()
def distill(teacher: Candidate, spec: Distill, inputs: TrainingInputs, context: Context) -> Candidate:
    """Builds a student with the spec's factory and trains it against the teacher.

    The result's lineage begins with this step; it keeps the teacher's name.

    Args:
        teacher: the torch model that the student imitates.
        spec: the student's factory and its training.
        inputs: the data, the augmentation and the metric.
        context: its checkpoint file is rewritten after every epoch of training.

    Raises:
        InputError: the factory or an argument is wrong, the student does not match the data, or it answers otherwise
            once it is loaded.
        Refusal: the teacher is an ONNX file.
    """
    if teacher.form != "torch":
        raise Refusal("distill needs a torch teacher, but the baseline is an ONNX file")
    store, device = context.store, context.workspace.device
    made = complete_student(spec, inputs.prepared)
    student = build_network(*made, spec.seed).to(device)
    guide = replay.load_network(teacher, store).to(device)
    result, inherited = train_student(
        student,
        guide,
        load_training_data(inputs, context),
        spec,
        checkpoint=context.checkpoint,
        on_epoch=report_epochs(context.progress, spec.most_epochs, inputs.metric),
        answers=context.workspace.teachers,
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    content, parity = store_network(student, build_network(*made), inputs.prepared, store)
    record = store.put_json({**result.record(), "parity": parity, "inherited": inherited})
    step = Step("distill", 2, knobs, None, record, None)
    return weight_files.begin_candidate(teacher.name, *made, step, content)


def _kept(candidate: Candidate, teacher: Candidate, guide: nn.Module, store: Store) -> dict[str, list[int]] | None:
    """Layer name → indices of the teacher's output channels that the candidate's narrower layer still has.

    None when the candidate's last step has no plan (it only changed weights), or it does not descend from the teacher.
    """
    from tasks.kernels.reconstruction.layerwise import kept_outputs

    own = candidate.lineage[len(teacher.lineage) :]
    if candidate.lineage[: len(teacher.lineage)] != teacher.lineage or not own or own[-1].plan is None:
        return None
    cuts = [technique_of_step(step).kept(store.get_json(step.plan)) for step in own if step.plan]
    return kept_outputs(guide, cuts)
