"""Fine-tuning: the steps of a branch that train: a recovery of a compressed model, or a student that is distilled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import Candidate, Context, Refusal, Step, Store
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models import weight_files
from tasks.models.factory import build_network
from tasks.techniques import replay, technique_of_step
from tasks.training.recovery import Recover, recover_network
from tasks.training.student import Distill, complete_student, train_student
from tasks.training.train import report_epochs
from tasks.training.training_data import TrainingInputs, load_training_data

if TYPE_CHECKING:
    from torch import nn


@shared_use()
def recover(
    candidate: Candidate, teacher: Candidate, spec: Recover, inputs: TrainingInputs, context: Context
) -> Candidate:
    """Repairs the candidate with the help of its teacher; validation keeps the best stage or epoch.

    Raises:
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
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    step = Step("recover", 2, knobs, None, store.put_json(result.record()), candidate.digest)
    return candidate.after(step, weight_files.save_network(student, store))


@shared_use()
def distill(teacher: Candidate, spec: Distill, inputs: TrainingInputs, context: Context) -> Candidate:
    """A student of the spec's factory, taught by the teacher; its lineage begins with this step.

    Raises:
        InputError: the factory is wrong, or the student does not suit the data.
        Refusal: the teacher is an ONNX file.
    """
    if teacher.form != "torch":
        raise Refusal("distill needs a torch teacher, but the baseline is an ONNX file")
    store, device = context.store, context.workspace.device
    factory, arguments = complete_student(spec, inputs.prepared)
    student = build_network(factory, arguments, spec.seed).to(device)
    guide = replay.load_network(teacher, store).to(device)
    result, inherited = train_student(
        student,
        guide,
        load_training_data(inputs, context),
        spec,
        checkpoint=context.checkpoint,
        on_epoch=report_epochs(context.progress, spec.most_epochs, inputs.metric),
    )
    knobs = {**spec.model_dump(mode="json", exclude={"step"}), "teacher": teacher.digest}
    record = store.put_json({**result.record(), "inherited": inherited})
    step = Step("distill", 1, knobs, None, record, None)
    return weight_files.begin_candidate(
        teacher.name, factory, arguments, step, weight_files.save_network(student, store)
    )


def _kept(candidate: Candidate, teacher: Candidate, guide: nn.Module, store: Store) -> dict[str, list[int]] | None:
    """The teacher's output channels that the candidate's narrower layers still have, by the layer's name.

    None when the candidate's last step was no technique, or when it was not made from the teacher.
    """
    from tasks.kernels.reconstruction.layerwise import kept_outputs

    own = candidate.lineage[len(teacher.lineage) :]
    if candidate.lineage[: len(teacher.lineage)] != teacher.lineage or not own or own[-1].plan is None:
        return None
    cuts = [technique_of_step(step).kept(store.get_json(step.plan)) for step in own if step.plan]
    return kept_outputs(guide, cuts)
