"""Packing: stores constants with many zeros in fewer bytes; the runtime unpacks them when it opens the file."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Technique

EXAMPLES = 256
"""How many examples the answers are compared on, at most."""


class Pack(Technique):
    """Stores constants with many zeros as one bit for each entry, and the entries that are not zero.

    ONNX Runtime unpacks them while it opens the file, so answers and time stay as they are. No paper; the node is an
    ONNX function of standard operators.

    Must be the last step: `int8`, `fp16` and `clean` write the constants anew, and dense. Leaves alone constants
    that would not get smaller. Refuses when nothing would get smaller, when the file is too old, and when a constant
    or an answer changes.

    Card: docs/techniques/pack.md.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes",)

    step: Literal["pack"] = "pack"

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """The constants to pack: `{"constants": [name], "bytes": [before, after], "examples": n}`.

        It was checked that the packed file holds the same constants, and gives bit by bit the same answers on n
        calibration examples.

        Args:
            model: the bytes of an ONNX file.
            batches: pairs of inputs ({name: array (count, ...)}) and targets, which are not used.

        Raises:
            Refusal: nothing would get smaller, the file is too old, or an answer changes.
        """
        from tasks.kernels.onnx import sparse_storage

        names = sorted(sparse_storage.savings(model))
        packed = self.apply(model, {"constants": names}) if names else model
        if len(packed) >= len(model):
            weights = ", ".join(sparse_storage.largest(model)) or "there are no constants"
            raise Refusal(f"pack: too few entries are zero to save a byte: {weights}")
        if not sparse_storage.same_constants(model, packed):
            raise Refusal(f"pack: the runtime does not give {', '.join(names[:3])} back exactly")
        examples = _compare(model, packed, batches)
        return {"constants": names, "bytes": [len(model), len(packed)], "examples": examples}

    def apply(self, model: bytes, plan: dict[str, Any]) -> bytes:
        """The file with the plan's constants packed.

        Raises:
            Refusal: the plan was made for another graph, or the file is too old.
        """
        from tasks.kernels.onnx import sparse_storage

        try:
            return sparse_storage.pack_weights(model, plan["constants"])
        except KeyError as error:
            sentence = f"pack: the plan was made for another graph: constant {error.args[0]} is not in this one"
            raise Refusal(sentence) from error
        except ValueError as error:
            raise Refusal(f"pack: the file cannot hold packed constants: {error}") from error

    def own_words(self, plan: dict[str, Any]) -> str:
        """The file's bytes before and after."""
        return f"{plan['bytes'][0]:,} → {plan['bytes'][1]:,} bytes"


def _compare(model: bytes, packed: bytes, batches: Batches) -> int:
    """On how many examples the answers were compared, bit by bit. Raises Refusal when one differs."""
    from tasks.kernels.onnx.sessions import open_session

    sessions = [open_session(data) for data in (model, packed)]
    seen = 0
    for inputs, _ in batches:
        piece = {name: array[: EXAMPLES - seen] for name, array in inputs.items()}
        count = len(next(iter(piece.values())))
        if not count:
            break
        before, after = (session.run(None, piece) for session in sessions)
        if not all(_same(*pair) for pair in zip(before, after, strict=True)):
            raise Refusal("pack: the packed file answers differently, so the runtime does not unfold it while opening")
        seen += count
    return seen


def _same(before: Any, after: Any) -> bool:
    """Whether two outputs, arrays of numbers or of text, or sequences, are equal; NaN equals NaN."""
    import numpy as np

    one, two = np.asarray(before), np.asarray(after)
    return np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
