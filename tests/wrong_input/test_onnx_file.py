"""Wrong ONNX files: for each law a file or a recipe that breaks it, and the one message that the command line gives.

Nothing is computed before: the store stays as it was wherever the file alone is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from onnx import TensorProto
from support import onnx_files
from support.wrong_input import answer, files

RUNTIME = f"ONNX Runtime {onnxruntime.__version__}"
PICTURES: dict[str, Any] = {"data": {"source": "pictures.npz"}, "preprocess": [{"step": "normalize"}]}
TABLE: dict[str, Any] = {"data": {"source": "rows.csv", "target": "label"}}
INT8 = {"name": "eight", "steps": [{"step": "int8"}]}
AGAIN = "export it again with operator set 13 or newer"


@dataclass(frozen=True)
class Row:
    """What is wrong, and what is said about it."""

    says: str
    make: Callable[[], object] = lambda: onnx_files.write(onnx_files.network())
    recipe: dict[str, Any] = field(default_factory=dict)
    """Sections laid over a recipe for pictures."""
    alone: bool = False
    """Whether the file is wrong whatever the data are."""
    file: str = "model.onnx"


def content(data: bytes) -> Callable[[], object]:
    return lambda: Path("model.onnx").write_bytes(data)


def whole() -> bytes:
    return bytes(onnx_files.network().SerializeToString())


def network(**options: Any) -> Callable[[], object]:
    return lambda: onnx_files.write(onnx_files.network(**options))


def external(location: str, before: Callable[[], object] = lambda: None, **said: Any) -> Callable[[], object]:
    def make() -> None:
        onnx_files.write_external(onnx_files.network(), location, **said)
        before()

    return make


def undefined() -> None:
    made = onnx_files.network()
    made.graph.node[2].input[0] = "nowhere"
    onnx_files.write(made)


def unknown_domain() -> None:
    made = onnx_files.one_node("Relu", "com.acme")
    del made.opset_import[1]
    onnx_files.write(made)


def sigmoids() -> None:
    made = onnx_files.network()
    made.graph.node[-1].output[0] = "logits"
    made.graph.node.append(onnx.helper.make_node("Sigmoid", ["logits"], ["scores"]))
    onnx_files.write(made)


def infinite() -> None:
    made = onnx_files.network()
    made.graph.initializer[8].CopyFrom(onnx.numpy_helper.from_array(np.full(4, np.inf, np.float32), "offset"))
    onnx_files.write(made)


def fixed_inside() -> None:
    """A free batch outside, a batch of seven in the middle."""
    made = onnx_files.network()
    made.graph.node[7].CopyFrom(onnx.helper.make_node("Reshape", ["mean", "seven"], ["flat"]))
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([7, onnx_files.WIDTH]), "seven"))
    onnx_files.write(made)


def steps(*found: Any) -> dict[str, Any]:
    return {"compress": {"branches": [INT8, {"name": "mine", "steps": list(found)}]}}


ROWS = {
    # the file alone
    "missing": Row(
        "model.file: names a file that does not exist, but got 'modle.onnx'; nearest valid choice: model.onnx",
        file="modle.onnx",
        alone=True,
    ),
    "a folder": Row(
        "model.file: must name a file, not a folder, but got 'model.onnx'",
        lambda: Path("model.onnx").mkdir(),
        alone=True,
    ),
    "empty": Row("model.file: model.onnx: is empty", content(b""), alone=True),
    "a text": Row(
        "model.file: model.onnx: is no ONNX file, or it is cut off", content(b"once upon a time\n" * 9), alone=True
    ),
    "cut off": Row(
        "model.file: model.onnx: is no ONNX file, or it is cut off", lambda: content(whole()[:-70])(), alone=True
    ),
    "cut off behind its first words": Row(
        "model.file: model.onnx: is no ONNX file, or it is cut off: it holds no graph",
        lambda: content(whole()[:9])(),
        alone=True,
    ),
    "an operator reads what nothing gives": Row(
        "model.file: model.onnx: fails ONNX's checker (Nodes in a graph must be topologically sorted, however input "
        "'nowhere' of node: )",
        undefined,
        alone=True,
    ),
    "an operator misspelt": Row(
        f"model.file: model.onnx: must hold only operators that {RUNTIME} knows, not ones of its makers' own, but got "
        "'Rellu'; nearest valid choice: Relu",
        lambda: onnx_files.write(onnx_files.one_node("Rellu")),
        alone=True,
    ),
    "an operator of its makers' own": Row(
        f"model.file: model.onnx: must hold only operators that {RUNTIME} knows, not ones of its makers' own, but got "
        "'com.acme:Foo'",
        lambda: onnx_files.write(onnx_files.one_node("Foo", "com.acme")),
        alone=True,
    ),
    "a domain without a version": Row(
        "model.file: model.onnx: must say the version of every domain of its operators; that of one is missing, but "
        "got 'com.acme'",
        unknown_domain,
        alone=True,
    ),
    "an operator set too old": Row(
        "model.file: model.onnx: must be written for operator set 7 or newer, but got 6; nearest valid choice: "
        + AGAIN,
        network(opset=6),
        alone=True,
    ),
    "a form too new": Row(
        f"model.file: model.onnx: must be of a form (IR version) that {RUNTIME} knows, but got 99",
        network(ir=99),
        alone=True,
    ),
    # its external data
    "external data missing": Row(
        "model.file: model.onnx: needs the external data 'weights.bin' beside it, which do not exist",
        external("weights.bin", lambda: Path("weights.bin").unlink()),
        alone=True,
    ),
    "external data outside": Row(
        "model.file: model.onnx: must keep its external data inside its own folder, but tensor 'kernel' lies at "
        "'../secret.bin', which is not read",
        external("../secret.bin"),
        alone=True,
    ),
    "external data outside, by the way of a folder inside": Row(
        "model.file: model.onnx: must keep its external data inside its own folder, but tensor 'kernel' lies at "
        "'home/../../secret.bin', which is not read",
        external("home/../../secret.bin"),
        alone=True,
    ),
    "external data at an absolute path": Row(
        "model.file: model.onnx: must keep its external data inside its own folder, but tensor 'kernel' lies at "
        "'/etc/passwd', which is not read",
        external("/etc/passwd"),
        alone=True,
    ),
    "external data behind a link that leaves the folder": Row(
        "model.file: model.onnx: must keep its external data inside its own folder, but tensor 'kernel' lies at "
        "'link.bin', which is not read",
        external("link.bin", lambda: (Path("link.bin").unlink(), Path("link.bin").symlink_to("/etc/passwd"))),
        alone=True,
    ),
    "external data cut off": Row(
        "model.file: model.onnx: must have its external data whole, but tensor 'kernel' in weights.bin ends at byte "
        "1728 of 100",
        external("weights.bin", lambda: os.truncate("weights.bin", 100), length=1728),
        alone=True,
    ),
    "external data that are no file": Row(
        "model.file: model.onnx: must have its external data in plain files, but weights.bin is none",
        external("weights.bin", lambda: (Path("weights.bin").unlink(), os.mkfifo("weights.bin"))),
        alone=True,
    ),
    # what the recipe asks of it
    "a factory beside it": Row(
        "model.factory: must be left out beside model.file, which holds the network and its weights, but got "
        "'tasks.architectures:mlp'",
        recipe={"model": {"file": "model.onnx", "factory": "tasks.architectures:mlp"}},
        alone=True,
    ),
    "weights beside it": Row(
        "model.weights: must be left out beside model.file, which holds the network and its weights, but got 'a.pt'",
        recipe={"model": {"file": "model.onnx", "weights": "a.pt"}},
        alone=True,
    ),
    "training": Row(
        "train: must be left out: model.file is an ONNX file, which is never trained",
        recipe={"train": {"epochs": 3}},
        alone=True,
    ),
    "a search": Row(
        "search: must be left out: model.file is an ONNX file, which is never trained",
        recipe={"search": {"space": {"train.learning_rate": {"loguniform": [0.001, 0.1]}}}},
        alone=True,
    ),
    "augmentation": Row(
        "augment: must be left out: model.file is an ONNX file, which is never trained",
        recipe={"augment": [{"step": "flip"}]},
        alone=True,
    ),
    "a technique for torch": Row(
        "compress.branches.1.steps.1: needs a torch network, but branch 'mine' begins with the ONNX file of "
        "model.file, but got 'channels'; nearest valid choice: one of {possible}",
        recipe=steps({"step": "int8"}, {"step": "channels", "sparsity": 0.5}),
        alone=True,
    ),
    "recovery": Row(
        "compress.branches.1.steps.0: needs a torch network, but branch 'mine' begins with the ONNX file of "
        "model.file, but got 'recover'; nearest valid choice: one of {possible}",
        recipe=steps({"step": "recover", "epochs": 1}),
        alone=True,
    ),
    "a layer to leave alone that it does not have": Row(
        "compress.branches.0.steps.0.ignore: names no layer of the file, but got 'kernal'; nearest valid choice: "
        "kernel",
        recipe={"compress": {"branches": [{"name": "a", "steps": [{"step": "int8", "ignore": ["kernal"]}]}]}},
    ),
    # how it suits the data
    "another size of picture": Row(
        "model.file: model.onnx: must take one input, images of shape (batch, 3, 8, 8) or (batch, 8, 8, 3), but got "
        "'pixels float32 (n, 3, 9, 9)'; nearest valid choice: data.size: 9",
        network(shape=("n", 3, 9, 9)),
    ),
    "a batch of four": Row(
        "model.file: model.onnx: must take one example at a time, or any number of them, but got 'pixels float32 (4, "
        "3, 8, 8)'",
        network(shape=(4, 3, 8, 8)),
    ),
    "a batch of one, timed in batches of eight": Row(
        "runtime.batch: must be 1: model.onnx takes one example at a time, but got 8; nearest valid choice: 1",
        network(shape=(1, 3, 8, 8)),
        {"runtime": {"batch": 8}},
    ),
    "a batch that its inside does not take": Row(
        "model.file: model.onnx: does not run on the data (Non-zero status code returned while running Reshape node.…",
        fixed_inside,
    ),
    "other classes": Row(
        "model.file: model.onnx: must have an output of floats of shape (batch, 4) for the 4 classes of the data, but "
        "got 'scores float32 (batch, 5), flat float32 (batch, 32)'",
        network(classes=5, extra=True),
    ),
    "answers that are no numbers": Row("model.file: model.onnx: must answer the data with finite numbers", infinite),
    "shares that are no probabilities where logits are needed": Row(
        "goal.metric: needs logits, or probabilities that sum to 1, but model.onnx answers with other numbers from 0 "
        "to 1, but got 'log_loss'; nearest valid choice: accuracy",
        sigmoids,
        {"goal": {"metric": "log_loss"}},
    ),
    "pixels as whole numbers that are no bytes": Row(
        "model.file: model.onnx: must take pixels as the data are (uint8), or as float32, but got 'int64'",
        network(dtype=TensorProto.INT64),
    ),
    "no word on how pixels become floats": Row(
        "preprocess: must say how pixels from 0 to 255 become what model.onnx takes (float32 numbers); nearest valid "
        "choice: [{step: normalize, scale: 255, mean: [0, 0, 0], std: [1, 1, 1]}], or as it was trained",
        recipe={"preprocess": []},
    ),
    "normalization of what is taken raw": Row(
        "preprocess: must be left out: model.onnx takes raw pixels", network(dtype=TensorProto.UINT8)
    ),
    "a column of another name": Row(
        "model.file: model.onnx: takes a column that the data do not have, but got 'label'; nearest valid choice: a, b",
        lambda: onnx_files.write(onnx_files.table({"a": onnx_files.FLOAT, "label": onnx_files.FLOAT})),
        {**TABLE, "preprocess": []},
    ),
    "raw columns, and preprocessing": Row(
        "preprocess: must be left out: model.onnx takes the raw columns",
        lambda: onnx_files.write(onnx_files.table({"a": onnx_files.FLOAT, "b": onnx_files.FLOAT})),
        {**TABLE, "preprocess": [{"step": "scale"}]},
    ),
    "another number of features": Row(
        "model.file: model.onnx: must take the 2 features that the data give (a, b), but got 'rows float32 (n, 3)'",
        lambda: onnx_files.write(onnx_files.table(dict.fromkeys("abc", onnx_files.FLOAT), given="rows")),
        {**TABLE, "preprocess": [{"step": "scale"}]},
    ),
    "text, and no word on how it becomes numbers": Row(
        "preprocess: must say how column 'town', which holds text, becomes features of model.onnx; nearest valid "
        "choice: [{step: one_hot}], or as it was trained",
        lambda: (
            onnx_files.write(onnx_files.table(dict.fromkeys("ab", onnx_files.FLOAT), given="rows")),
            Path("rows.csv").write_text("town,b,label\n" + "Rome,1,yes\nBonn,2,no\n" * 30),
        ),
        {**TABLE, "preprocess": []},
    ),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with data, and a home that holds a product and a store entry."""
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    monkeypatch.setenv("PAREDOWN_HOME", str(inside / "home"))
    rows = "\n".join(f"{row},{row % 7},{'yes' if row % 3 else 'no'}" for row in range(60))
    Path("rows.csv").write_text(f"a,b,label\n{rows}\n")
    np.savez("pictures.npz", x=np.arange(40 * 64 * 3).reshape(40, 8, 8, 3) % 256, y=np.arange(40) % 4)
    for file in ("home/products/good/model.onnx", "home/store/ab/abcd"):
        Path(file).parent.mkdir(parents=True)
        Path(file).write_text("as it was")
    return inside


def write(row: Row) -> None:
    row.make()
    recipe = {"name": "good", **PICTURES, "model": {"file": row.file}, **row.recipe}
    Path("a.yaml").write_text(yaml.safe_dump(recipe))


def possible() -> str:
    from tasks.techniques import TAGS

    return ", ".join(tag for tag, kind in TAGS.items() if kind.form == "onnx")


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ROWS[name]
    write(row)
    before = files(place)
    code, out, err = answer(capsys, "plan", "a.yaml")
    says = f"paredown: a.yaml: {row.says.replace('{possible}', possible())}"
    assert (code, out) == (2, "")
    if says.endswith("…"):  # the runtime's own words go on
        assert err.startswith(says[:-1])
        assert err.count("\n") == 1
    else:
        assert err == f"{says}\n"
    after = files(place)
    assert {file: after.get(file) for file in before} == before
    stores = [{file for file in found if file.startswith("home/store")} for found in (before, after)]
    assert stores[0] == stores[1] or not row.alone, "nothing is computed for a file that is wrong in itself"


@pytest.mark.parametrize("name", ["cut off", "external data outside", "other classes"])
def test_the_main_job_says_the_same_and_computes_nothing(name: str, place: Path) -> None:
    from support import runs

    from flows.pipeline import pipeline
    from flows.pipeline.run_context import Job
    from flows.recipe.loading import load_recipe
    from tasks.core import Context, InputError

    row = ROWS[name]
    write(row)
    runner = runs.Remembering()
    with pytest.raises(InputError) as said:
        pipeline.run_pipeline(Job(load_recipe(Path("a.yaml")), Context(runs.workspace(place / "home")), runner))
    assert row.says.startswith("model.file: model.onnx: " + said.value.law)
    assert runner.worked == ([] if row.alone else ["ingest pictures.npz", "preprocess"])
