"""ONNX import: whatever a file of others takes, the product takes what the user has, and answers as the file does."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from support import datasets, onnx_files, runs

from tasks.conversion import input_adapter, onnx_import
from tasks.conversion.onnx_export import Export
from tasks.core import Candidate, InputError, Prepared, Refusal, Store
from tasks.data import input_layout, preprocessing
from tasks.data.preprocessing_spec import Normalize, PreprocessStep
from tasks.data.tables.column_steps import Scale
from tasks.evaluation import parity
from tasks.kernels.onnx import description, foreign_models, sessions
from tasks.models.model_spec import ModelSpec
from tasks.techniques import Clean, Int8, Technique

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
NORMALIZE = (Normalize(mean=MEAN, std=STD),)
COUNT = 40


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def pixels(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)


def pictures(
    store: Store, steps: tuple[PreprocessStep, ...] = NORMALIZE, change: Any = lambda images: images
) -> Prepared:
    splits = {name: change(pixels(COUNT, seed)) for seed, name in enumerate(datasets.ORDER)}
    return preprocessing.preprocess(datasets.picture_set(store, splits), steps, store)


def import_file(
    prepared: Prepared, store: Store, file: Path, asked: bool = True, output: str | None = None
) -> Candidate:
    model, stamp = ModelSpec(file=str(file), output=output), onnx_import.file_stamp(str(file))
    return onnx_import.import_onnx(prepared, model, asked, Export(), stamp, store)


def arranged(candidate: Candidate, prepared: Prepared, store: Store) -> Prepared:
    """The data in the layout that the product's metadata name."""
    said = description.metadata(store.get(candidate.content))
    return replace(prepared, layout=input_layout.layout_of(said))


def answers(candidate: Candidate, prepared: Prepared, store: Store) -> NDArray[Any]:
    inputs = input_layout.product_inputs(arranged(candidate, prepared, store), "validation", store)
    found: NDArray[Any] = sessions.predict(store.get(candidate.content), inputs)
    return found


def by_hand(images: NDArray[Any]) -> NDArray[Any]:
    """Normalized planes."""
    floats = (images / 255 - np.array(MEAN)) / np.array(STD)
    planes: NDArray[Any] = np.ascontiguousarray(floats.transpose(0, 3, 1, 2)).astype(np.float32)
    return planes


def last_image(made: onnx.ModelProto, dtype: int) -> onnx.ModelProto:
    """The network behind a transposition: it takes (n, 8, 8, 3)."""
    made.graph.node[0].input[0] = "planes"
    made.graph.node.insert(0, onnx.helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]))
    made.graph.input[0].CopyFrom(onnx.helper.make_tensor_value_info("pixels", dtype, ["n", 8, 8, 3]))
    return made


def test_normalization_and_planes_are_put_in_front(store: Store, tmp_path: Path) -> None:
    file, prepared = onnx_files.write(onnx_files.network(), tmp_path / "model.onnx"), pictures(store)
    imported = import_file(prepared, store, file)
    (image,) = description.describe(store.get(imported.content)).inputs
    assert (image.name, image.shape, image.dtype) == ("pixels", ("batch", 3, 8, 8), "uint8")
    expected = sessions.predict(file, {"pixels": by_hand(pixels(COUNT, 1))})
    np.testing.assert_allclose(answers(imported, prepared, store), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_pixels_become_the_file_s_own_floats(dtype: int, store: Store, tmp_path: Path) -> None:
    file, prepared = onnx_files.write(onnx_files.network(dtype=dtype), tmp_path / "model.onnx"), pictures(store)
    planes = by_hand(pixels(COUNT, 1)).astype(onnx.helper.tensor_dtype_to_np_dtype(dtype))
    expected = sessions.predict(file, {"pixels": planes})
    np.testing.assert_allclose(
        answers(import_file(prepared, store, file), prepared, store), expected, rtol=1e-3, atol=1e-3
    )


def test_channels_last_stay_last(store: Store, tmp_path: Path) -> None:
    made = last_image(onnx_files.network(), TensorProto.FLOAT)
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), pictures(store)
    expected = sessions.predict(file, {"pixels": by_hand(pixels(COUNT, 1)).transpose(0, 2, 3, 1)})
    np.testing.assert_allclose(
        answers(import_file(prepared, store, file), prepared, store), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("planes", [True, False])
def test_raw_pixels_are_given_as_they_are(planes: bool, store: Store, tmp_path: Path) -> None:
    made = onnx_files.network(dtype=TensorProto.UINT8)
    made = made if planes else last_image(made, TensorProto.UINT8)
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), pictures(store, ())
    raw = pixels(COUNT, 1)
    expected = sessions.predict(file, {"pixels": raw.transpose(0, 3, 1, 2) if planes else raw})
    imported = import_file(prepared, store, file, asked=False)
    np.testing.assert_allclose(answers(imported, prepared, store), expected, rtol=1e-6)
    assert imported.lineage[0].knobs["in_front"] == "nothing"
    assert description.interface(store.get(imported.content)) == description.interface(file)


def test_floats_are_given_as_they_are_unless_the_recipe_says_otherwise(store: Store, tmp_path: Path) -> None:
    def change(images: NDArray[Any]) -> NDArray[Any]:
        return (images / 100).astype(np.float32)

    file, prepared = onnx_files.write(onnx_files.network(), tmp_path / "model.onnx"), pictures(store, (), change)
    expected = sessions.predict(file, {"pixels": change(pixels(COUNT, 1)).transpose(0, 3, 1, 2)})
    imported = import_file(prepared, store, file, asked=False)
    np.testing.assert_allclose(answers(imported, prepared, store), expected, rtol=1e-5)


def test_a_product_comes_in_again_as_it_is(store: Store, tmp_path: Path) -> None:
    prepared, file = pictures(store), tmp_path / "model.onnx"
    onnx_files.write(onnx_files.network(), file)
    first = import_file(prepared, store, file)
    file.write_bytes(store.get(first.content))
    again = import_file(prepared, store, file, asked=False)
    np.testing.assert_array_equal(answers(again, prepared, store), answers(first, prepared, store))
    counts = [description.count_operators(store.get(each.content)) for each in (first, again)]
    assert counts[0] == counts[1]
    assert again.lineage[0].knobs["in_front"] == "nothing"


@pytest.mark.parametrize("opset", [7, 9, 11, 17, 21])
@pytest.mark.parametrize("ir", [3, 4, 8])
def test_old_files_that_list_their_constants_among_the_inputs(
    opset: int, ir: int, store: Store, tmp_path: Path
) -> None:
    made = onnx_files.network(opset=opset, ir=ir, listed=True)
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), pictures(store)
    imported = import_file(prepared, store, file)
    expected = sessions.predict(file, {"pixels": by_hand(pixels(COUNT, 1))})
    np.testing.assert_allclose(answers(imported, prepared, store), expected, rtol=1e-4, atol=1e-4)
    proto = onnx.load_from_string(store.get(imported.content))
    # In the newer forms a caller could replace them, and the runtime waits for that: the baseline is as slow.
    assert len(proto.graph.input) == (1 if ir < foreign_models.FREE else 1 + len(onnx_files.NORM) + 5)
    assert [tensor.name for tensor in description.describe(store.get(imported.content)).inputs] == ["pixels"]
    assert foreign_models.opset_of(proto) == max(opset, foreign_models.COMMON)


@pytest.mark.parametrize("technique", [Clean(), Int8(variants=("u8s8_reduced",))], ids=lambda each: each.step)
def test_an_old_file_is_compressed(technique: Technique, store: Store, tmp_path: Path) -> None:
    file = onnx_files.write(onnx_files.network(opset=9, ir=4, listed=True), tmp_path / "model.onnx")
    prepared = pictures(store)
    imported = import_file(prepared, store, file)
    compressed = runs.compressed(imported, technique, arranged(imported, prepared, store), store)
    assert len(store.get(compressed.content)) < len(store.get(imported.content))
    assert [step.technique for step in compressed.lineage] == ["load", technique.step]
    assert [hop.hop for hop in parity.parity_of(compressed, store)][2:] == [f"float → {technique.step}"]


def test_operators_get_names_of_their_own() -> None:
    made = onnx_files.network()
    for node in made.graph.node[1:4]:
        node.name = "same"
    names = [
        node.name for node in onnx.load_from_string(foreign_models.normalize_graph(made.SerializeToString())).graph.node
    ]
    assert len(set(names)) == 9
    assert all(names)
    assert names[1] == "Conv_1"


def test_a_batch_of_one_stays_one(store: Store, tmp_path: Path) -> None:
    file, prepared = onnx_files.write(onnx_files.network(shape=(1, 3, 8, 8)), tmp_path / "m.onnx"), pictures(store)
    imported = import_file(prepared, store, file)
    data = store.get(imported.content)
    assert description.fixed_batch(data) == 1
    assert description.describe(data).outputs[0].shape == (1, 4)
    expected = sessions.predict(file, {"pixels": by_hand(pixels(COUNT, 1))})
    np.testing.assert_allclose(answers(imported, prepared, store), expected, rtol=1e-4, atol=1e-4)
    inputs = arranged(imported, prepared, store)
    eight = runs.compressed(imported, Int8(variants=("u8s8_reduced",)), inputs, store)
    assert answers(eight, prepared, store).shape == (COUNT, 4)


def test_all_outputs_stay_and_the_first_is_measured(store: Store, tmp_path: Path) -> None:
    file, prepared = onnx_files.write(onnx_files.network(extra=True), tmp_path / "model.onnx"), pictures(store)
    imported = import_file(prepared, store, file)
    data, inputs = store.get(imported.content), arranged(imported, prepared, store)
    outputs = description.interface(data)[1]
    assert [(tensor.name, tensor.shape[1:]) for tensor in outputs] == [("scores", (4,)), ("flat", (32,))]
    before = sessions.run_all(file, {"pixels": by_hand(pixels(COUNT, 1))})
    after = sessions.run_all(data, input_layout.product_inputs(inputs, "validation", store))
    for name, found in before.items():
        np.testing.assert_allclose(after[name], found, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(answers(imported, prepared, store), after["scores"])


def test_where_it_comes_from_is_in_its_lineage(store: Store, tmp_path: Path) -> None:
    made = onnx_files.network()
    onnx.helper.set_model_props(made, {"author": "somebody", "classes": "none"})
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), pictures(store)
    imported = import_file(prepared, store, file)
    assert (imported.name, imported.form, imported.factory, imported.arguments) == ("baseline", "onnx", "", {})
    (step,) = imported.lineage
    assert (step.technique, step.plan, step.parent) == ("load", None, None)
    assert step.knobs["file"] == onnx_import.file_stamp(str(file))
    hops = parity.parity_of(imported, store)
    assert [(hop.hop, hop.n, hop.passed) for hop in hops] == [
        ("file → product", COUNT, True),
        ("ONNX → fused", COUNT, True),
    ]
    said = description.metadata(store.get(imported.content))
    assert (said["author"], said["task"], said["classes"][:10]) == ("somebody", "classification", '["class 0"')
    assert json.loads(said["measured"]) == {"name": "scores", "form": "rows"}
    assert json.loads(said["layout"]) == {"name": "pixels", "axes": "NCHW", "dtype": "uint8"}


def test_a_front_that_changes_the_answers_is_found(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, prepared = onnx_files.write(onnx_files.network(), tmp_path / "model.onnx"), pictures(store)
    right = input_adapter.prefix

    def wrong(front: Any, dataset: Any) -> Any:
        made = right(front, dataset)
        made.graph.initializer[0].CopyFrom(
            onnx.numpy_helper.from_array(np.ones((1, 3, 1, 1), np.float32), made.graph.initializer[0].name)
        )
        return made

    monkeypatch.setattr(input_adapter, "prefix", wrong)
    with pytest.raises(InputError, match="must answer the same on the hop file → product"):
        import_file(prepared, store, file)


# --- tables ---------------------------------------------------------------------------------------------------


def rows(store: Store, steps: tuple[PreprocessStep, ...], classes: int = 2) -> Prepared:
    def part(seed: int) -> tuple[pd.DataFrame, NDArray[Any]]:
        generator = np.random.default_rng(seed)
        frame = pd.DataFrame(generator.normal(5, 2, (COUNT, 2)).astype(np.float32), columns=["a", "b"])
        return frame, (frame["a"] > 5).to_numpy(dtype="int64")

    splits = {name: part(seed) for seed, name in enumerate(datasets.ORDER)}
    return preprocessing.preprocess(datasets.table_set(store, splits, classes), steps, store)


def test_columns_are_put_together_and_scaled(store: Store, tmp_path: Path) -> None:
    made = onnx_files.table({"x": onnx_files.FLOAT, "y": onnx_files.FLOAT}, given="rows")
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), rows(store, (Scale(),))
    imported = import_file(prepared, store, file)
    train, validation = (store.get_frame(prepared.dataset.splits[name].inputs) for name in ("train", "validation"))
    scaled = ((validation - train.mean()) / train.std(ddof=0)).to_numpy(np.float32)
    np.testing.assert_allclose(
        answers(imported, prepared, store), sessions.predict(file, {"rows": scaled}), rtol=1e-4, atol=1e-4
    )
    assert [tensor.name for tensor in description.describe(store.get(imported.content)).inputs] == ["a", "b"]


def test_columns_are_given_side_by_side_as_they_are(store: Store, tmp_path: Path) -> None:
    made = onnx_files.table({"x": onnx_files.FLOAT, "y": onnx_files.FLOAT}, given="rows")
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), rows(store, ())
    raw = store.get_frame(prepared.dataset.splits["validation"].inputs).to_numpy(np.float32)
    imported = import_file(prepared, store, file, asked=False)
    np.testing.assert_allclose(answers(imported, prepared, store), sessions.predict(file, {"rows": raw}), rtol=1e-6)
    assert [tensor.name for tensor in description.interface(store.get(imported.content))[0]] == ["rows"]


def test_columns_by_their_names_are_given_as_they_are(store: Store, tmp_path: Path) -> None:
    made = onnx_files.table({"b": onnx_files.FLOAT, "a": onnx_files.FLOAT})
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), rows(store, ())
    imported = import_file(prepared, store, file, asked=False)
    inputs = input_layout.product_inputs(prepared, "validation", store)
    np.testing.assert_array_equal(answers(imported, prepared, store), sessions.predict(file, inputs))


def test_a_regression_answers_in_its_own_unit(store: Store, tmp_path: Path) -> None:
    made = onnx_files.table({"x": onnx_files.FLOAT, "y": onnx_files.FLOAT}, classes=1, given="rows")
    file, prepared = onnx_files.write(made, tmp_path / "model.onnx"), rows(store, (), classes=0)
    raw = store.get_frame(prepared.dataset.splits["validation"].inputs).to_numpy(np.float32)
    imported = import_file(prepared, store, file, asked=False)
    np.testing.assert_allclose(answers(imported, prepared, store), sessions.predict(file, {"rows": raw}), rtol=1e-6)


def test_a_file_in_eight_bits_comes_in_and_is_not_compressed_further(store: Store, tmp_path: Path) -> None:
    prepared, file = pictures(store), tmp_path / "model.onnx"
    onnx_files.write(onnx_files.network(), file)
    first = import_file(prepared, store, file)
    inputs = arranged(first, prepared, store)
    eight = runs.compressed(first, Int8(variants=("u8s8_reduced",)), inputs, store)
    file.write_bytes(store.get(eight.content))
    assert foreign_models.is_rounded(file.read_bytes())
    imported = import_file(prepared, store, file, asked=False)
    np.testing.assert_array_equal(answers(imported, prepared, store), answers(eight, prepared, store))
    with pytest.raises(Refusal, match="int8"):
        runs.compressed(imported, Int8(variants=("u8s8_reduced",)), inputs, store)


def test_external_data_inside_the_folder_are_read_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = onnx_files.network()
    plain = made.SerializeToString()
    onnx_files.write_external(made, "weights.bin")
    first = onnx_import.file_stamp("model.onnx")
    data = onnx_import.read_onnx("model.onnx")
    shutil.move("weights.bin", "elsewhere.bin")
    pixels = {"pixels": np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32)}
    np.testing.assert_array_equal(sessions.predict(data, pixels), sessions.predict(plain, pixels))
    weights = bytearray(Path("elsewhere.bin").read_bytes())
    weights[0] ^= 1
    Path("weights.bin").write_bytes(weights)
    assert onnx_import.file_stamp("model.onnx") != first, "other weights are another model"
