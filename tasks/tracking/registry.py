"""Model registry: products as versions of a named MLflow model, with the aliases `champion` and `challenger`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Literal

from tasks.core import InputError, Refusal, digest_file
from tasks.tracking import open_client, quoted
from tasks.tracking.client import model_named
from tasks.tracking.signature import output_difference, predict_as_user, signature_of
from tasks.tracking.version_files import MODEL_FILE, download, file_of

if TYPE_CHECKING:
    import numpy as np
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature
    from mlflow.tracking import MlflowClient

Alias = Literal["champion", "challenger"]
Provider = Literal["cpu", "cuda"]
LEARNED = "paredown.learned"
"""Tag of a version: `false` where its baseline is no better than a constant answer."""
REASON, PROMOTED = "paredown.reason", "paredown.promoted"
"""Tags of a version: why it has its place, in words, and since when it is, or when it became, champion (ISO 8601)."""
_PROVIDERS = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
_PACKAGES = {"cpu": "onnxruntime", "cuda": "onnxruntime-gpu"}


@dataclass(frozen=True)
class Version:
    """One version of a registered model, and the alias that it has, if any."""

    name: str
    version: int
    alias: Alias | None
    run_id: str

    @property
    def uri(self) -> str:
        """Where MLflow finds the version, with its alias, as text."""
        return f"models:/{self.name}/{self.version} ({self.alias or 'no alias'})"


def register(
    uri: str,
    model: Path,
    name: str,
    run_id: str,
    tags: Mapping[str, str],
    inputs: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    provider: Provider = "cpu",
) -> Version:
    """Logs an ONNX file to a run, registers it as a version of `name`, and checks MLflow's predictions with it.

    Users load it with `mlflow.pyfunc.load_model("models:/<name>@champion")`. The signature is that of the file:
    `predict` takes a dictionary of input name → array (images: uint8 or float32 (batch, height, width, channels);
    columns of a table: float32, float64 or str objects (batch, 1)) and returns a dictionary of output name → array. For
    a table it also takes a DataFrame of the raw columns: numbers of any type, the index 0, 1, …, and empty text for
    missing text, because MLflow converts NaN to the text `nan`.

    A wide table, whose columns are one input of the file, takes a DataFrame of its named columns only, in any order and
    of any type but int64 (MLflow does not convert it). The answer is a DataFrame with the rows of the file's output one
    after the other: `answer["logits"].to_numpy().reshape(len(frame), -1)`.

    The first version of a name becomes `champion`; a later one becomes `challenger` and replaces the one before.
    A file with the same bytes and the same `paredown.candidate` tag is registered only once; then its version is
    returned.

    Args:
        uri: URI of the tracking server and registry.
        model: an ONNX file without external data; the registry keeps its bytes unchanged.
        name: name of the registered model.
        run_id: the MLflow run to which the file is logged.
        tags: the version's tags, as `metric_names.scorecard_tags` returns them; `paredown.candidate` is its identity.
        inputs: a few examples as the product takes them; the signature has their types and shapes.
        expected: the product's outputs for `inputs` by name, computed before, (count, …) each.
        provider: the execution provider with which MLflow runs it.

    Raises:
        InputError: the name is empty or contains a slash or a colon.
        Refusal: the registered version predicts something else; it is removed from the registry.
    """
    if not name.strip() or set(name) & set("/:"):
        raise InputError("a model's name must not be empty nor hold / or :", path="name", value=name)
    client, marks = open_client(uri), {**tags, "paredown.file": digest_file(model)}
    _create_name(client, name)
    version = _find(client, name, marks) or _create_version(
        client, model, name, run_id, marks, signature_of(model, inputs, expected), provider
    )
    if version.tags.get("paredown.verified") != "true":
        _verify(client, uri, version, inputs, expected)
        client.set_model_version_tag(name, version.version, "paredown.verified", "true")
    return _offer(client, version)


def champion(uri: str, name: str, folder: Path | None = None) -> tuple[Version, Path]:
    """The champion version of a registered model, and the path of its ONNX file, whose digest is checked.

    The file is downloaded to `folder`. Without a folder: to a new temporary one, or a file on this machine stays where
    it is.

    Raises:
        InputError: there is no model of this name (the message names the most similar one), or it has no champion.
        Refusal: the file differs from the registered one.
    """
    client = open_client(uri)
    aliases = model_named(client, name).aliases
    if "champion" not in aliases:
        law = "the registered model must have a champion"
        newest = client.search_model_versions(f"name = {quoted(name)}", max_results=1)
        if newest and newest[0].tags.get(LEARNED) == "false":
            law = f"{law}; the baseline of its version {newest[0].version} is no better than a constant answer"
        raise InputError(law, path="name", value=name)
    version = client.get_model_version(name, str(aliases["champion"]))
    file = file_of(uri, name, int(version.version), folder)
    return Version(name, int(version.version), "champion", version.run_id), file


def _create_name(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _find(client: MlflowClient, name: str, marks: Mapping[str, str]) -> ModelVersion | None:
    """The version with the same candidate and the same bytes; None if there is none."""
    wanted = [f"name = {quoted(name)}", f"tags.`paredown.file` = '{marks['paredown.file']}'"]
    for found in client.search_model_versions(" and ".join(wanted)):
        if found.tags.get("paredown.candidate") == marks.get("paredown.candidate"):
            return found
    return None


def _create_version(
    client: MlflowClient,
    model: Path,
    name: str,
    run_id: str,
    marks: Mapping[str, str],
    signature: ModelSignature,
    provider: Provider,
) -> ModelVersion:
    """Logs and registers the model as MLflow does, but through this client instead of MLflow's global one."""
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
        copyfile(model, folder / MODEL_FILE)  # the original bytes: MLflow serialized the graph again
        client.log_model_artifacts(identity, str(folder))
    client.finalize_logged_model(identity, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(identity, step=0)])
    return client.create_model_version(name, place, run_id, tags=dict(marks), model_id=identity)


def _verify(
    client: MlflowClient,
    uri: str,
    version: ModelVersion,
    inputs: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
) -> None:
    """Downloads the version and compares the predictions of MLflow's pyfunc, with its signature, with `expected`.

    Raises:
        Refusal: they differ by more than `signature.TOLERANCE`; the version is removed.
    """
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        folder = download(client, uri, version, Path(scratch))
        outputs = predict_as_user(mlflow.pyfunc.load_model(str(folder)), folder / MODEL_FILE, inputs, expected)
    reasons = (output_difference(outputs[name], each) for name, each in expected.items())
    reason = next(filter(None, reasons), None)
    if reason is None:
        return
    client.delete_model_version(version.name, version.version)
    raise Refusal(f"ONNX file → MLflow model {version.name} version {version.version}: {reason}")


def _offer(client: MlflowClient, version: ModelVersion) -> Version:
    """Makes the version champion if the name has none, otherwise challenger; an existing champion is not replaced.

    A version whose tag LEARNED is `false` gets no alias.
    """
    if version.tags.get(LEARNED) == "false":
        return Version(version.name, int(version.version), None, version.run_id)
    aliases = client.get_registered_model(version.name).aliases
    number = int(version.version)
    alias: Alias = "champion" if int(aliases.get("champion", number)) == number else "challenger"
    if int(aliases.get(alias, 0)) != number:
        client.set_registered_model_alias(version.name, alias, version.version)
    if alias == "champion" and PROMOTED not in version.tags:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        for key, value in {REASON: "there was no champion", PROMOTED: since}.items():
            client.set_model_version_tag(version.name, version.version, key, value)
    return Version(version.name, number, alias, version.run_id)
