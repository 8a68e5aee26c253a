"""Training cycle: a training that goes on from the end of another one, at its highest learning rate again."""

from __future__ import annotations

from tasks.core import Candidate, Context
from tasks.kernels.host.measurement_lock import shared_use
from tasks.training import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs


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
    return train.train_further(start, "cycle", spec, inputs, context)
