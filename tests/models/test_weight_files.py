"""Weight files: nothing from outside is executed, and a candidate is loaded by replaying its plans."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from support import models, runs

from tasks.compression import fine_tuning
from tasks.core import Candidate, InputError, Prepared, Refusal, Store
from tasks.models import weight_files
from tasks.techniques import Channels, LowRank, Technique, replay
from tasks.training.recovery import Recover
from tasks.training.training_data import TrainingInputs


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
def test_weights_are_found_in_their_wrappers(wrap: Any, tmp_path: Path) -> None:
    trained, fresh = models.build(seed=1), models.build(seed=2)
    file = tmp_path / "weights.pt"
    torch.save(wrap({f"module.{name}": tensor for name, tensor in trained.state_dict().items()}), file)
    weight_files.load_weights(fresh, file)
    assert models.same(trained, fresh)


class Trap:
    """A pickle that leaves a file behind when it is opened."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.place,)


@pytest.mark.parametrize("form", ["plain pickle", "torch", "old torch"])
def test_code_in_a_weights_file_never_runs(form: str, tmp_path: Path) -> None:
    sprung, file = tmp_path / "sprung", tmp_path / "weights.pt"
    content = {"weight": torch.zeros(2), "extra": Trap(sprung)}
    if form == "plain pickle":
        file.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(InputError, match=r"weights\.pt: model\.weights: must hold tensors only.*never executed"):
        weight_files.read_weights(file)
    assert not sprung.exists()


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    with pytest.raises(InputError, match="names a file that does not exist"):
        weight_files.read_weights(file)
    torch.save(models.build().state_dict(), file)
    whole = file.read_bytes()
    for content in (b"", b"hello, these are no weights", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"model\.weights: "):
            weight_files.read_weights(file)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "no weights")
    with pytest.raises(InputError, match="is not a readable torch file"):
        weight_files.read_weights(file)
    for value in ([torch.zeros(1)], {}, {"epoch": 3}, torch.zeros(1)):
        torch.save(value, file)
        with pytest.raises(InputError, match="must hold a state dict"):
            weight_files.read_weights(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {**s, "0.weight": torch.zeros(1)}, r"tensor '0\.weight' must have shape \(4, 1, 3, 3\), but got"),
        (lambda s: {name.replace("0.", "O."): t for name, t in s.items()}, r"no tensor '0\.weight'.*O\.weight"),
        (lambda s: {**s, "head.weight": torch.zeros(1)}, r"a tensor 'head\.weight' that the model lacks"),
    ],
)
def test_weights_are_loaded_whole_or_not_at_all(change: Any, message: str, tmp_path: Path) -> None:
    model, file = models.build(seed=1), tmp_path / "weights.pt"
    torch.save(change(dict(models.build(seed=2).state_dict())), file)
    with pytest.raises(InputError, match=message):
        weight_files.load_weights(model, file)
    assert models.same(model, models.build(seed=1))


@pytest.mark.parametrize(
    ("factory", "arguments"),
    [
        (models.CONVNET, {"width": 32, "depth": 1}),
        ("tasks.architectures:resnet", {"depth": 8, "width": 16}),
        ("tasks.architectures:mlp", {"width": 32}),
    ],
)
@pytest.mark.parametrize("technique", [Channels(), LowRank(ranks="energy", energy=0.5)])
def test_a_replayed_candidate_is_the_compressed_model(
    technique: Technique, factory: str, arguments: dict[str, Any], prepared: Prepared, store: Store
) -> None:
    start = runs.untrained(prepared, store, factory, **arguments)
    compressed = runs.compressed(start, technique, prepared, store)
    plan = store.get_json(compressed.lineage[-1].plan or "")
    direct = technique.apply(replay.load_network(start, store), plan)
    again = replay.load_network(compressed, Store(store.root))
    assert models.same(direct, again)
    assert sum(map(torch.numel, again.parameters())) < sum(
        map(torch.numel, replay.load_network(start, store).parameters())
    )
    batch = torch.randn(5, *prepared.input_shape)
    with torch.inference_mode():
        assert torch.equal(direct.eval()(batch), again(batch))
    assert not again.training
    again.train()(batch).sum().backward()  # it can still be trained


def test_a_longer_lineage_is_replayed_step_by_step(prepared: Prepared, store: Store) -> None:
    inputs, context = TrainingInputs(prepared), runs.context_of(store)
    start = runs.untrained(prepared, store, models.CONVNET, width=32, depth=1)
    cut = runs.compressed(start, Channels(sparsity=0.5), prepared, store)
    repaired = fine_tuning.recover(cut, start, Recover(epochs=1), inputs, context)
    thin = runs.compressed(repaired, LowRank(ranks="energy", energy=0.5), prepared, store)
    assert [step.technique for step in thin.lineage] == ["load", "channels", "recover", "low_rank"]
    assert [step.parent for step in thin.lineage[1:]] == [start.digest, cut.digest, repaired.digest]
    model = replay.load_network(thin, store)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in store.get_state(thin.content).items())
    with torch.inference_mode():
        assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 4)


def test_an_onnx_candidate_is_no_module(store: Store) -> None:
    candidate = Candidate("a", "onnx", "", {}, (), store.put(b"file"))
    with pytest.raises(Refusal, match="a is an ONNX file; only torch candidates"):
        replay.load_network(candidate, store)


def test_the_name_is_not_part_of_the_digest(prepared: Prepared, store: Store) -> None:
    import dataclasses

    start = runs.untrained(prepared, store, models.CONVNET, width=4)
    assert dataclasses.replace(start, name="other").digest == start.digest
    assert dataclasses.replace(start, content="0" * 64).digest != start.digest
