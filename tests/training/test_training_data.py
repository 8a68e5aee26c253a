"""Training data: inputs that stay in their file give the same training, and take no memory of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from support.datasets import prepared_squares
from support.small_trainings import same, state

from tasks.architectures import convnet
from tasks.core import Store
from tasks.data.augmentation import Crop, Flip
from tasks.data.preprocessing import training_arrays
from tasks.data.preprocessing_spec import Normalize
from tasks.training.train import train
from tasks.training.train_spec import TrainSpec
from tasks.training.training_data import TrainingInputs, placed, to_tensors

LARGE = """
import re, sys
from pathlib import Path
import numpy as np, torch
from support.datasets import picture_set
from tasks.core import Store
from tasks.data.preprocessing import preprocess, training_arrays
from tasks.training.training_data import TrainingInputs, to_tensors
from tasks.kernels.training import loops

def own():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

store = Store(Path(sys.argv[1]))
few = np.zeros((8, 64, 64, 3), np.uint8)
prepared = preprocess(picture_set(store, {"train": few, "validation": few}), (), store)
large = store.put_array(np.zeros((8000, 64, 64, 3), np.uint8))
prepared.inputs["train"] = large
before = own()
arrays = training_arrays(prepared, store, None if sys.argv[2] == "copied" else 1000)
arrays["train_targets"] = np.zeros(8000, np.int64)
data = to_tensors(arrays, store.get_json(prepared.fitted), TrainingInputs(prepared), "cpu")
source = loops.BatchSource(data.inputs, data.targets, data.transform, None, torch.Generator())
for indices in loops.shuffled_batches(8000, 100, torch.Generator()):
    inputs, _ = source.batch(indices)
print(inputs.shape, own() - before)
"""


def test_mapped_inputs_give_the_same_weights_to_the_bit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    prepared = prepared_squares(store, (Normalize(),))
    weights = []
    for most in (None, 0):
        arrays = training_arrays(prepared, store, most)
        assert (not arrays["train_inputs"].flags.writeable) == (most == 0)
        inputs = TrainingInputs(prepared, (Crop(padding=1), Flip()))
        data = to_tensors(arrays, store.get_json(prepared.fitted), inputs, "cpu")
        torch.manual_seed(0)
        model = convnet((1, 8, 8), 4, width=4, depth=1)
        train(model, data, TrainSpec(epochs=2, batch_size=16))
        weights.append(state(model))
    assert same(*weights)


def test_an_array_in_a_file_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    """94 MiB of images, uint8: as a copy they are in memory whole, and mapped only a batch at a time is."""
    found = {}
    for way in ("mapped", "copied"):
        command = [sys.executable, "-c", LARGE, str(tmp_path / way), way]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
        shape, _, grown = done.stdout.strip().rpartition(" ")
        assert shape == "torch.Size([100, 3, 64, 64])"
        found[way] = float(grown)
    assert found["copied"] > 90
    assert found["mapped"] < 45


def test_a_tensor_is_put_on_the_processor_as_it_is() -> None:
    tensor = torch.from_numpy(np.arange(3))
    assert placed(tensor, torch.device("cpu")) is tensor
