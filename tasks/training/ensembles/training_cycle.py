"""Training cycle: a training that goes on from the end of another one, at its highest learning rate again."""

from __future__ import annotations

import dataclasses

from tasks.core import Candidate, Context, Step
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models.factory import build_network
from tasks.training import train
from tasks.training.reloading import store_network
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, load_training_data


@shared_use()
def train_cycle(start: Candidate, spec: TrainSpec, inputs: TrainingInputs, context: Context) -> Candidate:
    """Trains a network further, with a new optimizer; it has the weights of the best epoch of this cycle alone.

    Args:
        start: the network at the end of the cycle before.
        spec: the training of this cycle.
        inputs: the data, the augmentation and the metric.
        context: its checkpoint file is rewritten after every epoch; a killed training continues from it.

    Raises:
        InputError: the network answers otherwise once it is loaded.
        Refusal: the loss is not finite in the first epoch, or the metric is not defined on the validation split.
    """
    store, made = context.store, (start.factory, start.arguments)
    network = build_network(*made)
    network.load_state_dict(store.get_state(start.content))
    result = train.train(
        network.to(context.workspace.device),
        load_training_data(inputs, context),
        spec,
        checkpoint=context.checkpoint,
        on_epoch=train.report_epochs(context.progress, spec.epochs, inputs.metric),
    )
    content, parity = store_network(network, build_network(*made), inputs.prepared, store)
    knobs = {**inputs.knobs, "train": spec.model_dump(mode="json")}
    record = store.put_json({**dataclasses.asdict(result), "parity": parity})
    return start.after(Step("cycle", 1, knobs, None, record, start.digest), content)
