"""Teacher answers: what a frozen teacher answers to a training batch, kept in files for the trainings that follow."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tasks.core import write_atomically

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

UNREADABLE = (OSError, ValueError, zipfile.BadZipFile)
"""Errors of a file that is damaged, or was removed by a training beside this one."""
MOST_BYTES = 2**28
"""Size of the files of one teacher, above which no more answers are kept."""
MOST_FILES = 1000
"""Files of one teacher, above which no more answers are kept."""
MOST_TEACHERS = 8
"""Folders of teachers that are kept; the one that was not used for longest goes first."""


class TeacherAnswers:
    """A frozen teacher that looks a batch up before it computes.

    The batches of an epoch depend on the seed and the number of the epoch alone, so the trainings of all branches,
    trials and controls meet the same ones, and only the first pays for the teacher. A batch is known by a digest of
    its values. Answers are float32, and the same whether they were kept or computed.
    """

    def __init__(self, teacher: nn.Module, example: Tensor, folder: Path | None) -> None:
        """Opens what earlier trainings kept.

        Args:
            teacher: the frozen network.
            example: a few of its inputs (count, …); with the answer to them it identifies the teacher.
            folder: where the answers of all teachers are kept; None: nowhere. Nothing is kept for a network on a GPU,
                where a batch would have to be copied for its digest.
        """
        self.teacher = teacher
        self.folder = folder / identify(teacher, example) if folder and example.device.type == "cpu" else None
        self.files: dict[str, Path] = {}
        """Digest of a batch → the file with the answers to it."""
        self.opened: tuple[Path, np.lib.npyio.NpzFile] | None = None
        """The file that was read last: the next batch of an epoch is most often in the same one."""
        self.fresh: dict[str, np.ndarray[Any, Any]] = {}
        """Digest of a batch → answers that are in no file yet."""
        self.size, self.count = 0, 0
        """Bytes and number of the files, answers that are in none included."""
        if self.folder:
            forget_old_teachers(self.folder)
            for path in self.folder.glob("*.npz"):
                self._index(path)

    def __call__(self, inputs: Tensor) -> Tensor:
        """The teacher's answers to network inputs (count, …), float32; called without gradients."""
        import torch

        if self.folder is None:
            return self._compute(inputs)
        key = digest_of_batch(inputs)
        if key in self.files:
            try:
                return torch.from_numpy(self._open(self.files[key])[key])
            except UNREADABLE:
                del self.files[key]  # computed again
        answers = self._compute(inputs)
        if self.size < MOST_BYTES and self.count < MOST_FILES:
            self.fresh[key] = answers.numpy()
            self.size += answers.nbytes
        return answers

    def save(self) -> None:
        """Writes what is new into a file of its own."""
        import numpy as np

        if self.folder is None or not self.fresh:
            return
        content, path = io.BytesIO(), self.folder / f"{uuid4().hex}.npz"
        np.savez(content, **self.fresh)  # type: ignore[arg-type]
        write_atomically(path, content.getvalue())
        self.size -= sum(each.nbytes for each in self.fresh.values())
        self.fresh = {}
        self._index(path)

    def _compute(self, inputs: Tensor) -> Tensor:
        return self.teacher(inputs).float()  # type: ignore[no-any-return]

    def _index(self, path: Path) -> None:
        try:
            self.files |= dict.fromkeys(self._open(path).files, path)
            self.size, self.count = self.size + path.stat().st_size, self.count + 1
        except UNREADABLE:
            return

    def _open(self, path: Path) -> np.lib.npyio.NpzFile:
        import numpy as np

        if self.opened is None or self.opened[0] != path:
            self.opened = path, np.load(path, allow_pickle=False)
        return self.opened[1]


def identify(teacher: nn.Module, example: Tensor) -> str:
    """Digest of a teacher's weights and of its answer to an example, hexadecimal."""
    import torch

    from tasks.kernels.training.checkpoints import fingerprint

    with torch.no_grad():
        answer = teacher(example)
    parts = [torch.__version__, fingerprint(answer), *map(fingerprint, teacher.state_dict().values())]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:32]


def digest_of_batch(inputs: Tensor) -> str:
    """Digest of the values and the shape of a batch, and of the arithmetic in which it would be computed now."""
    import torch

    arithmetic = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32
    found = hashlib.sha256(f"{arithmetic} {inputs.dtype} {tuple(inputs.shape)}".encode())
    found.update(inputs.detach().contiguous().numpy().data)
    return found.hexdigest()


def forget_old_teachers(folder: Path) -> None:
    """Marks a teacher's folder as used, and removes those beside it that were not used for longest."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    by_use = sorted(folder.parent.iterdir(), key=_last_use, reverse=True)
    for old in by_use[MOST_TEACHERS:]:
        shutil.rmtree(old, ignore_errors=True)


def _last_use(folder: Path) -> float:
    """When a folder was marked; 0 where a training beside this one has just removed it."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
