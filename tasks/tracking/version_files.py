"""Version files: what lies beside a version in the registry: its ONNX file, and texts that were attached to it."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.core import Refusal, digest_file, digest_of
from tasks.tracking.client import open_client

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

MODEL_FILE = "model.onnx"


def file_of(uri: str, name: str, version: int, folder: Path | None = None) -> Path:
    """The path of a version's ONNX file, whose digest is checked.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        version: a version that the registry holds.
        folder: as for `champion`.

    Raises:
        Refusal: the file is gone, or differs from the registered one.
    """
    client = open_client(uri)
    found = client.get_model_version(name, str(version))
    with said_as_gone(f"{name} version {version}: its file"):
        file = download(client, uri, found, folder) / MODEL_FILE
        digest = digest_file(file)
    if found.tags.get("paredown.file") not in (None, digest):
        raise Refusal(f"{name} version {version}: {file} was altered since it was registered")
    return file


def attach_text(uri: str, name: str, version: int, file: str, tag: str, text: str) -> None:
    """Writes a text beside a version's model, as `attach_bytes` does."""
    attach_bytes(uri, name, version, file, tag, text.encode())


def attach_bytes(uri: str, name: str, version: int, file: str, tag: str, content: bytes) -> None:
    """Writes a file beside a version's model; a tag of the version has its digest.

    The same content is written once; another one replaces it.

    Args:
        uri: URI of the tracking server and registry.
        name: name of the registered model.
        version: a version that the registry holds.
        file: name of the file.
        tag: name of the tag.
        content: what it holds.
    """
    client, digest = open_client(uri), digest_of(content)
    found = client.get_model_version(name, str(version))
    if found.tags.get(tag) == digest:
        return
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch:
        (Path(scratch) / file).write_bytes(content)
        client.log_model_artifacts(_logged_model(found), scratch)
    client.set_model_version_tag(name, str(version), tag, digest)


def attached_text(uri: str, name: str, version: int, file: str, tag: str) -> str | None:
    """A text beside a version, as `attached_bytes` reads it; None where none was attached."""
    found = attached_bytes(uri, name, version, file, tag)
    return None if found is None else found.decode()


def attached_bytes(uri: str, name: str, version: int, file: str, tag: str) -> bytes | None:
    """A file beside a version, whose digest is checked; None where none was attached.

    Raises:
        Refusal: the file is gone, or differs from the one that was attached.
    """
    from mlflow.artifacts import download_artifacts

    client = open_client(uri)
    found = client.get_model_version(name, str(version))
    if tag not in found.tags:
        return None
    place = client.get_model_version_download_uri(name, str(version))
    gone = said_as_gone(f"{name} version {version}: {file}")
    with tempfile.TemporaryDirectory(prefix="paredown-") as scratch, gone:
        kept = download_artifacts(artifact_uri=f"{place}/{file}", dst_path=scratch, tracking_uri=uri)
        data = Path(kept).read_bytes()
    if digest_of(data) != found.tags[tag]:
        raise Refusal(f"{name} version {version}: {file} was altered since it was registered")
    return data


@contextmanager
def said_as_gone(what: str) -> Iterator[None]:
    """Turns the error that a file is missing into a Refusal; one that a server is away stays what it is."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(f"{what} is gone from the registry") from None
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
            raise
        raise Refusal(f"{what} is gone from the registry") from None


def download(client: MlflowClient, uri: str, version: ModelVersion, folder: Path | None = None) -> Path:
    """The local folder of a version's model: without `folder` a new temporary one, or where it lies on this machine."""
    from mlflow.artifacts import download_artifacts

    place = client.get_model_version_download_uri(version.name, version.version)
    target = None if folder is None else str(folder)
    return Path(download_artifacts(artifact_uri=place, dst_path=target, tracking_uri=uri))


def _logged_model(version: ModelVersion) -> str:
    """The id of the model that a version is of: MLflow's stores keep it in the version's source alone."""
    found = re.search(r"m-[0-9a-f]{32}", version.source or "")
    return str(version.model_id or (found and found.group()))
