"""Registry: products as versions of a named MLflow model, under the aliases `champion` and `challenger`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any, Literal

from tasks.core import InputError, Refusal, digest_file, nearest
from tasks.tracking import open_client, quoted

if TYPE_CHECKING:
    import numpy as np
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

Alias = Literal["champion", "challenger"]
Provider = Literal["cpu", "cuda"]
TOLERANCE = 1e-4
"""Largest difference of MLflow's predictions from ours, as a share of the largest output (at least 1)."""
_FILE = "model.onnx"
_PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
_PACKAGES = {"cpu": "onnxruntime", "cuda": "onnxruntime-gpu"}


@dataclass(frozen=True)
class Version:
    """One version of a registered model, and the alias that `register` or `champion` found or gave it."""

    name: str
    version: int
    alias: Alias
    run_id: str


def register(
    uri: str,
    model: Path,
    name: str,
    run_id: str,
    tags: Mapping[str, str],
    inputs: Mapping[str, np.ndarray],
    expected: np.ndarray,
    provider: Provider = "cpu",
) -> Version:
    """Logs an ONNX file into a run, makes it a version of `name`, and proves that MLflow predicts with it.

    Users load it with `mlflow.pyfunc.load_model("models:/<name>@champion")`. The signature is the file's own:
    `predict` takes a dictionary from input names to arrays (images (batch, height, width, channels), uint8 or
    float32; a table's columns (batch, 1), float32 or str objects) and returns one from output names to
    arrays. A table may also be a DataFrame with the raw columns: numbers of any type, a fresh index (0, 1 …),
    and empty text where text is missing, because MLflow turns NaN into the word `nan`.

    The name's first version becomes `champion`, a later one `challenger` in place of the earlier challenger.
    The same file with the same `paredown.candidate` tag is registered once: its version comes back.

    Args:
        model: an ONNX file without external data; the registry keeps its bytes.
        tags: the version's tags; `paredown.candidate` is its identity, `artifacts.flat.scorecard_tags` gives it.
        inputs: a few examples as the product takes them; the signature comes from their types and shapes.
        expected: the product's first output for `inputs`, measured before.
        provider: where MLflow shall run it.

    Raises:
        InputError: the name holds a slash or a colon, or nothing.
        Refusal: the version that was read back predicts something else; it is removed from the registry.
    """
    if not name.strip() or set(name) & set("/:"):
        raise InputError("a model's name must not be empty nor hold / or :", path="name", value=name)
    client, marks = open_client(uri), {**tags, "paredown.file": digest_file(model)}
    _create_name(client, name)
    version = _find(client, name, marks) or _create_version(
        client, model, name, run_id, marks, _signature(model, inputs, expected), provider
    )
    if version.tags.get("paredown.verified") != "true":
        _verify(client, uri, version, inputs, expected)
        client.set_model_version_tag(name, version.version, "paredown.verified", "true")
    return _offer(client, version)


def champion(uri: str, name: str, folder: Path | None = None) -> tuple[Version, Path]:
    """The champion of a name, and its ONNX file, whose digest is checked.

    The file is brought to `folder` (absent: a new temporary folder, or left in place if on this machine).

    Raises:
        InputError: there is no such name (the message has the most similar one), or it has no champion.
        Refusal: the file is not the one that was registered.
    """
    client = open_client(uri)
    known = _names(client)
    if name not in known:
        law = "there must be a registered model of this name" + ("" if known else ", but none is registered")
        raise InputError(law, path="name", value=name, nearest=nearest(name, known))
    if "champion" not in known[name].aliases:
        raise InputError("the registered model must have a champion", path="name", value=name)
    version = client.get_model_version(name, str(known[name].aliases["champion"]))
    file = _download(client, uri, version, folder) / _FILE
    if version.tags.get("paredown.file") not in (None, digest_file(file)):
        raise Refusal(f"{name} version {version.version}: {file} was altered since it was registered")
    return Version(name, int(version.version), "champion", version.run_id), file


def _names(client: MlflowClient) -> dict[str, RegisteredModel]:
    known: dict[str, RegisteredModel] = {}
    token = None
    while True:
        page = client.search_registered_models(max_results=1000, page_token=token)
        known |= {model.name: model for model in page}
        token = page.token
        if not token:
            return known


def _create_name(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _find(client: MlflowClient, name: str, marks: Mapping[str, str]) -> ModelVersion | None:
    """The version with the same candidate and the same bytes."""
    wanted = [f"name = {quoted(name)}", f"tags.`paredown.file` = '{marks['paredown.file']}'"]
    for found in client.search_model_versions(" and ".join(wanted)):
        if found.tags.get("paredown.candidate") == marks.get("paredown.candidate"):
            return found
    return None


def _signature(model: Path, inputs: Mapping[str, np.ndarray], expected: np.ndarray) -> ModelSignature:
    """One named tensor for each input and for the output; the first axis is free, unless the file fixes it.

    Tensors, not MLflow's columns: it feeds a column to the file as (batch,), and the file takes (batch, 1).
    """
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from tasks.kernels.onnx import description, sessions

    count = description.fixed_batch(model) or -1

    def spec(name: str, array: np.ndarray) -> Any:
        kind = np.dtype(object) if array.dtype.kind in "OU" else array.dtype
        return TensorSpec(kind, (count, *array.shape[1:]), name)

    output = sessions.open_session(model).get_outputs()[0].name
    columns = [spec(name, array) for name, array in inputs.items()]
    return ModelSignature(inputs=Schema(columns), outputs=Schema([spec(output, expected)]))


def _create_version(
    client: MlflowClient,
    model: Path,
    name: str,
    run_id: str,
    marks: Mapping[str, str],
    signature: ModelSignature,
    provider: Provider,
) -> ModelVersion:
    """MLflow's own steps of logging and registering a model, but through this client, not its global one."""
    import mlflow.onnx
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    run = client.get_run(run_id)
    logged = client.create_logged_model(run.info.experiment_id, "model", run_id, dict(marks))
    place, identity = logged.artifact_location, logged.model_id
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        folder = Path(scratch) / "model"
        mlflow.onnx.save_model(
            model.read_bytes(),
            str(folder),
            mlflow_model=Model(artifact_path=place, run_id=run_id, model_uuid=identity, model_id=identity),
            signature=signature,
            pip_requirements=[_PACKAGES[provider]],
            onnx_execution_providers=_PROVIDERS[provider],
            save_as_external_data=False,
        )
        copyfile(model, folder / _FILE)  # MLflow writes the graph anew; the product keeps its bytes
        client.log_model_artifacts(identity, str(folder))
    client.finalize_logged_model(identity, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(identity, step=0)])
    return client.create_model_version(name, place, run_id, tags=dict(marks), model_id=identity)


def _download(client: MlflowClient, uri: str, version: ModelVersion, folder: Path | None = None) -> Path:
    from mlflow.artifacts import download_artifacts

    place = client.get_model_version_download_uri(version.name, version.version)
    target = None if folder is None else str(folder)
    return Path(download_artifacts(artifact_uri=place, dst_path=target, tracking_uri=uri))


def _verify(
    client: MlflowClient,
    uri: str,
    version: ModelVersion,
    inputs: Mapping[str, np.ndarray],
    expected: np.ndarray,
) -> None:
    """Reads the version back and predicts with MLflow's pyfunc, signature and all."""
    import mlflow.pyfunc
    import numpy as np

    feeds = {name: x.astype(object) if x.dtype.kind == "U" else x for name, x in inputs.items()}
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        loaded = mlflow.pyfunc.load_model(str(_download(client, uri, version, Path(scratch))))
        outputs = loaded.predict(feeds)
    predicted = np.asarray(next(iter(outputs.values())))
    if predicted.shape == expected.shape:
        difference = float(np.abs(predicted - expected).max())
        bound = TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if difference <= bound:
            return
        reason = f"outputs differ by {difference:.2g}, more than {TOLERANCE:g} of the largest output"
    else:
        reason = f"outputs have the shape {predicted.shape} instead of {expected.shape}"
    client.delete_model_version(version.name, version.version)
    raise Refusal(f"ONNX file → MLflow model {version.name} version {version.version}: {reason}")


def _offer(client: MlflowClient, version: ModelVersion) -> Version:
    """Champion where the name has none, else challenger; the champion stays what it is."""
    aliases = client.get_registered_model(version.name).aliases
    number = int(version.version)
    alias: Alias = "champion" if int(aliases.get("champion", number)) == number else "challenger"
    if int(aliases.get(alias, 0)) != number:
        client.set_registered_model_alias(version.name, alias, version.version)
    return Version(version.name, number, alias, version.run_id)
