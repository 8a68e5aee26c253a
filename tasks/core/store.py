"""Store: files addressed by the SHA-256 of their content, so that nothing is overwritten and no locks are needed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class StoreError(Exception):
    """A store entry is missing, incomplete or altered; the message names it."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space, so that equal values give equal text in every process."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(value: Any) -> str:
    """SHA-256 (64 hexadecimal digits) of bytes, or of the canonical JSON of anything else."""
    data = value if isinstance(value, bytes) else canonical_json(value).encode()
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 (64 hexadecimal digits) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name, then renames it, so that readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)  # a temporary file is its owner's alone
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class Store:
    """Files under `root`, each named by the SHA-256 of its content, which is verified before it is read.

    A file is verified once in each process, and again when its size or modification time changes. All `put` methods
    return the digest. All `get` methods raise StoreError when the entry is missing or altered.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: dict[str, tuple[int, int]] = {}

    def _place(self, digest: str) -> Path:
        return self.root / digest[:2] / digest

    def put(self, data: bytes) -> str:
        """Stores bytes and returns their digest; bytes that are already stored are only verified."""
        digest = digest_of(data)
        if not self.holds(digest):
            write_atomically(self._place(digest), data)
        return digest

    def path(self, digest: str) -> Path:
        """The path of an entry, after verification. Raises StoreError when it is missing or altered."""
        place = self._place(digest)
        try:
            status = place.stat()
        except FileNotFoundError:
            raise StoreError(f"store entry {digest} is missing from {self.root}") from None
        stamp = (status.st_size, status.st_mtime_ns)
        if self._verified.get(digest) != stamp:
            if digest_file(place) != digest:
                raise StoreError(f"store entry {place} was altered or half-written: its content has another digest")
            self._verified[digest] = stamp
        return place

    def holds(self, digest: str) -> bool:
        """Whether the entry exists and is intact."""
        try:
            self.path(digest)
        except StoreError:
            return False
        return True

    def get(self, digest: str) -> bytes:
        """The bytes of an entry."""
        return self.path(digest).read_bytes()

    def put_json(self, value: Any) -> str:
        """Stores a JSON value in its canonical form."""
        return self.put(canonical_json(value).encode())

    def get_json(self, digest: str) -> Any:
        """The JSON value of an entry."""
        return json.loads(self.get(digest))

    def put_array(self, array: np.ndarray) -> str:
        """Stores one array as .npy (no pickled objects)."""
        import numpy as np

        stream = io.BytesIO()
        np.save(stream, np.asarray(array, order="C"), allow_pickle=False)
        return self.put(stream.getvalue())

    def get_array(self, digest: str) -> np.ndarray:
        """The array of an entry, memory-mapped read-only, so that processes share its memory."""
        import numpy as np

        array: np.ndarray = np.load(self.path(digest), mmap_mode="r", allow_pickle=False)
        return array

    def put_frame(self, frame: pd.DataFrame) -> str:
        """Stores a data frame as Parquet, without its index."""
        stream = io.BytesIO()
        frame.to_parquet(stream, index=False)
        return self.put(stream.getvalue())

    def get_frame(self, digest: str) -> pd.DataFrame:
        """The data frame of an entry."""
        import pandas as pd

        return pd.read_parquet(self.path(digest))

    def put_state(self, state: dict[str, Any]) -> str:
        """Stores a torch state dict (tensors only)."""
        import torch

        stream = io.BytesIO()
        torch.save({name: tensor.detach().cpu() for name, tensor in state.items()}, stream)
        return self.put(stream.getvalue())

    def get_state(self, digest: str) -> dict[str, Any]:
        """The state dict of an entry, on the CPU, read with `weights_only`: no code in it can run."""
        import torch

        state: dict[str, Any] = torch.load(self.path(digest), map_location="cpu", weights_only=True)
        return state
