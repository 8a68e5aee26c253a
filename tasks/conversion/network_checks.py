"""Network checks: what would go wrong after the training, found on the network before it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.conversion import network_probes, onnx_export
from tasks.conversion.network_probes import answer, is_apart, raw_answer
from tasks.core import InputError, Prepared, Store
from tasks.data import input_layout, preprocessing
from tasks.evaluation.parity import compare_outputs
from tasks.kernels.host.measurement_lock import shared_use
from tasks.models.answers import PLACE
from tasks.models.factory import seed_all
from tasks.models.held_values import differing, held, unsaved

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

EXAMPLES = 4
"""Number of examples that a network is tried on."""
ALONE, AGAIN = 1e-3, 1e-5
"""Largest difference of an example alone, and of the same batch again, as a share of the largest output."""


def check_untrained(
    build: Callable[[int], nn.Module], seed: int, prepared: Prepared, tolerance: float | None, store: Store
) -> None:
    """Builds the network three times, runs it on the first examples of the train split, and exports it.

    Nothing stays behind: random numbers go on afterwards as if none had been drawn. Parameters that are nearly zero
    are random numbers here, so that all parts of the network have a say in its answers.

    Args:
        build: gives the network in evaluation mode for a seed, with the user's weights if it has any.
        seed: the seed of the training.
        prepared: the data with their preprocessing.
        tolerance: largest difference between torch's and ONNX Runtime's outputs, as `Export.tolerance`; None: the
            network is not exported.
        store: holds the train split.

    Raises:
        InputError: the network holds complex numbers, does not accept the examples, answers them with something that
            is not finite, is another one when it is built again or loaded, answers the same batch in two ways, answers
            an example by the others of its batch, or cannot be exported.
    """
    with quiet():
        examples = first_examples(prepared, store)
        hint = way_to_places(prepared, store)
        network, again, other = (started(build, each, examples, hint) for each in (seed, seed, seed + 1))
        if prepared.dataset.kind != "images":
            answer(network, extreme_examples(prepared, store), "the examples with the most extreme numbers", hint)
        check_same_build(network, again)
        with seed_all(seed):
            network_probes.wake(network)
            check_same_answer(network, examples)
            check_loading(network, other, examples)
            check_batch(network, examples)
            if tolerance is not None:
                check_file(network, examples, prepared, tolerance, store)


@contextmanager
def quiet() -> Iterator[None]:
    """Context without warnings and log lines: what they tell is checked here."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def first_examples(prepared: Prepared, store: Store) -> Tensor:
    """The network's inputs for the first examples of the train split."""
    return network_inputs(store.get_array(prepared.inputs["train"])[:EXAMPLES], prepared, store)


def extreme_examples(prepared: Prepared, store: Store) -> Tensor:
    """The network's inputs for the examples of train and validation with their smallest and their largest number."""
    import numpy as np

    arrays = [store.get_array(prepared.inputs[split]) for split in ("train", "validation") if split in prepared.inputs]
    rows = [array[place // array[0].size] for array in arrays for place in (int(array.argmin()), int(array.argmax()))]
    return network_inputs(np.stack(rows), prepared, store)


def network_inputs(rows: np.ndarray, prepared: Prepared, store: Store) -> Tensor:
    """Rows of the stored inputs as the network takes them."""
    import numpy as np
    import torch

    rows = rows.transpose(0, 3, 1, 2) if prepared.dataset.kind == "images" else rows
    return preprocessing.to_network(store.get_json(prepared.fitted))(torch.from_numpy(np.array(rows, order="C")))


def way_to_places(prepared: Prepared, store: Store) -> str | None:
    """What a user can do when an embedding has no place for a number; None for images."""
    if prepared.dataset.kind == "images":
        return None
    examples = extreme_examples(prepared, store)
    if bool((examples == examples.round()).all() and examples.min() >= 0):
        return f"an embedding of at least {int(examples.max()) + 1} places"
    return "preprocess: [{step: scale, method: none}]"


def started(build: Callable[[int], nn.Module], seed: int, examples: Tensor, hint: str | None) -> nn.Module:
    """The network of a seed after its first run. Raises InputError when it holds or gives what no network should."""
    import torch

    with seed_all(seed):
        network = build(seed)
        for name, value in network.state_dict().items():
            if torch.is_tensor(value) and value.is_complex():
                raise InputError(f"must hold real numbers, but {name!r} holds complex ones", path=PLACE)
        if not torch.isfinite(raw_answer(network, examples, hint=hint)).all():
            raise InputError(f"must answer {network_probes.FIRST} with finite numbers", path=PLACE)
    return network.eval()


def check_same_build(network: nn.Module, again: nn.Module) -> None:
    """Checks that two builds of one seed have the same state dict. Raises InputError, with the first that differs."""
    if names := differing(network.state_dict(), again.state_dict()):
        law = f"must give the same network for the same seed, but {names[0]!r} differs from one build to the next"
        raise InputError(law, path=PLACE, nearest="random numbers of torch, which follow train.seed")


def check_same_answer(network: nn.Module, examples: Tensor) -> None:
    """Checks that two runs answer the same.

    Raises:
        InputError: they do not; names the place where random numbers are drawn, or what a run changes.
    """
    before = held(network)
    if not is_apart(answer(network, examples), answer(network, examples), AGAIN):
        return
    law = "must answer the same batch twice the same in evaluation mode, but "
    stacks = network_probes.draws(network, examples)
    if not stacks:
        changed = differing(before, held(network))
        raise InputError(law + (f"every run changes {changed[0]}" if changed else "two runs differ"), path=PLACE)
    where = network_probes.user_line(stacks[0])
    at = f" ({where})" if where else ""
    if any("dropout" in frame.name for frame in stacks[0]):
        near = "F.dropout(…, training=self.training)"
        raise InputError(f"{law}a dropout is always on{at}", path=PLACE, nearest=near)
    raise InputError(f"{law}random numbers are drawn{at}", path=PLACE, nearest="if self.training: …")


def check_loading(network: nn.Module, other: nn.Module, examples: Tensor) -> None:
    """Checks that the network of another seed answers the same once it has this one's state dict.

    Raises:
        InputError: it does not, so what is loaded after the training would be another network; names what differs.
    """
    what = [*differing(unsaved(network), unsaved(other)), "a part of it"][0]
    law = f"draws {what} when it is built and keeps it out of its state dict, so a loaded network has another"
    try:
        other.load_state_dict(network.state_dict())
    except RuntimeError as error:
        raise InputError("must give layers of the same shapes every time it is called", path=PLACE) from error
    if is_apart(answer(network, examples), answer(other, examples), AGAIN):
        raise InputError(law, path=PLACE, nearest="a buffer of the module, with persistent=True")


def check_batch(network: nn.Module, examples: Tensor) -> None:
    """Checks that the first and the last example alone are answered as they are among the others.

    Raises:
        InputError: one is not; names the batch norms without running statistics.
    """
    from torch.nn.modules.batchnorm import _BatchNorm

    among = answer(network, examples)
    layers = [(name, each) for name, each in network.named_modules() if isinstance(each, _BatchNorm)]
    norms = [repr(name) for name, each in layers if each.running_mean is None]
    law = "must answer an example by itself, but the others of its batch change the answer"
    for place in (0, len(examples) - 1):
        try:
            alone = answer(network, examples[place : place + 1], "one example alone")
            apart = bool((alone - among[place]).abs().max() > ALONE * among.abs().max())
        except InputError:
            if not norms:
                raise
            apart = True
        if apart and norms:
            law = f"{law} (batch norm {', '.join(norms[:3])})"
            raise InputError(law, path=PLACE, nearest="track_running_stats=True")
        if apart:
            raise InputError(law, path=PLACE)


@shared_use()
def check_file(network: nn.Module, examples: Tensor, prepared: Prepared, tolerance: float, store: Store) -> None:
    """Exports the network, and runs the file on the examples and on the first of them alone.

    Raises:
        InputError: the network cannot be exported, or the file does not run or answers otherwise than torch.
    """
    from tasks.kernels.onnx import sessions
    from tasks.kernels.statistics.target_map import in_data_unit

    expected, fitted = answer(network, examples).numpy(), store.get_json(prepared.fitted)
    try:
        data = onnx_export.serialize_network(network, prepared.dataset, fitted, prepared.input_shape)
    except Exception as error:  # torch's exporter fails in any way; the cause is in the message
        raise export_error(error) from error
    if "target" in fitted:
        expected = in_data_unit(expected, fitted["target"])
    rows, count = input_layout.product_inputs(prepared, "train", store), len(examples)
    places = [*range(count), 0]  # in batches of `count`: the examples, then the first alone
    try:
        given = sessions.predict(data, {name: array[places] for name, array in rows.items()}, count, optimized=False)
    except Exception as error:  # the runtime's errors have no class in common
        law = f"gives an ONNX file that does not run ({network_probes.first_line(error)})"
        raise InputError(law, path=PLACE) from error
    hop = compare_outputs("torch → ONNX", expected[places], given, tolerance)
    if not hop.passed:
        raise InputError(f"gives an ONNX file that answers {hop.max_difference:.2g} off ({hop.law})", path=PLACE)


def export_error(error: Exception) -> InputError:
    """The mistake behind an error of torch's exporter, with the user's line if it is known."""
    import traceback

    chain = network_probes.causes(error)
    lines = [network_probes.user_line(traceback.extract_tb(each.__traceback__)) for each in chain]
    where = f" ({lines[-1]})" if lines[-1] else ""
    if "data-dependent" in str(chain[-1]):
        law = f"cannot be exported to ONNX, since its way depends on the values of the data{where}"
        return InputError(law, path=PLACE, nearest="torch.where")
    return InputError(f"cannot be exported to ONNX: {network_probes.first_line(chain[-1])}{where}", path=PLACE)
