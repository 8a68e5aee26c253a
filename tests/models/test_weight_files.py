"""Weight files: they are loaded whole or not at all, and a candidate is loaded by replaying its plans."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {**s, "0.weight": torch.zeros(1)}, r"tensor '0\.weight' must have shape \(4, 1, 3, 3\), but got"),
        (lambda s: {name.replace("0.", "O."): t for name, t in s.items()}, r"the file lacks '0\.weight'.*O\.weight"),
        (lambda s: {**s, "head.weight": torch.zeros(1)}, r"a tensor 'head\.weight' that the model lacks"),
        (lambda s: {**s, "0.weight": s["0.weight"] / 0}, r"must hold finite numbers.* in '0\.weight'"),
        (lambda s: {**s, "0.weight": s["0.weight"].to(torch.int8)}, r"tensor '0\.weight' must hold real numbers"),
    ],
)
def test_weights_are_loaded_whole_or_not_at_all(change: Any, message: str, tmp_path: Path) -> None:
    model, file = models.build(seed=1), tmp_path / "weights.pt"
    torch.save(change(dict(models.build(seed=2).state_dict())), file)
    with pytest.raises(InputError, match=message):
        weight_files.load_weights(model, file)
    assert models.same(model, models.build(seed=1))


def test_half_precision_is_cast(tmp_path: Path) -> None:
    model, file = models.build(seed=1), tmp_path / "weights.pt"
    torch.save(
        {name: t.half() if t.is_floating_point() else t for name, t in models.build(seed=2).state_dict().items()}, file
    )
    weight_files.load_weights(model, file)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.allclose(model.state_dict()["0.weight"], models.build(seed=2).state_dict()["0.weight"], atol=1e-3)


def test_a_key_names_the_state_dict(tmp_path: Path) -> None:
    plain, averaged, file = models.build(seed=1), models.build(seed=2), tmp_path / "weights.pt"
    torch.save({"state_dict": plain.state_dict(), "state_dict_ema": averaged.state_dict()}, file)
    model = models.build()
    weight_files.load_weights(model, file, "state_dict_ema")
    assert models.same(model, averaged)
    weight_files.load_weights(model, file)
    assert models.same(model, plain)
    with pytest.raises(InputError, match=r"model\.key: .*'state_dict_emma'; nearest valid choice: state_dict_ema"):
        weight_files.load_weights(model, file, "state_dict_emma")


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
