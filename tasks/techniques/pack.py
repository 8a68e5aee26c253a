"""Packing: constants with many zeros take less room in the file, and are dense again once it is open."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from tasks.core import Refusal
from tasks.techniques.base import Batches, Lowers, Technique

EXAMPLES = 256
"""How many examples the answers are compared on, at most."""


class Pack(Technique):
    """Stores constants of which many entries are zero as one bit an entry and the other entries.

    How: each such constant becomes a node that unfolds it, an ONNX function of standard operators, which any
    ONNX Runtime computes once while it opens the file. What it runs afterwards is the dense network: time and
    multiply-accumulates stay as they are, and so does every number of the answers. A constant that would not
    get smaller stays as it is. In float a share of zeros above 1/32 pays, in eight bits one above 1/8.

    Measured on ResNet-20 (CIFAR-10), weights pruned by global magnitude, in bytes of the file: float 1,097,932 →
    599,022 at 50 % zeros, 277,006 at 80 %, 169,660 at 90 %; in eight bits 322,063 → 226,109, 145,702 and 118,934.
    ONNX's own sparse initializers, which store an index of eight bytes beside each value, took 1,634,988, 668,959
    and 346,930 in float. On a 2-core Xeon with AVX-512 VNNI, ONNX Runtime 1.31, in five processes: speed at batch 1
    against the same file unpacked 1.00 [0.94, 1.06] in float and 0.99 [0.98, 1.01] in eight bits at 80 % zeros.

    What it costs: opening took 16 ms instead of 4, and for a matrix of 8.4 million entries 2.5 s instead of 0.6
    and 324 MiB of memory for a moment instead of 72. It does not help where nothing was pruned: then it refuses.
    It comes last: `int8`, `fp16` and `clean` write the constants anew, and dense.
    """

    version: ClassVar[int] = 1
    form: ClassVar[Literal["torch", "onnx"]] = "onnx"
    lowers: ClassVar[tuple[Lowers, ...]] = ("bytes",)

    step: Literal["pack"] = "pack"

    def plan(self, model: bytes, batches: Batches) -> dict[str, Any]:
        """Which constants are packed: `{"constants": [name], "bytes": [before, after], "examples": n}`.

        The packed file holds the same constants, and gave the same answers, number by number, on `examples`
        calibration examples.

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


def _compare(model: bytes, packed: bytes, batches: Batches) -> int:
    """How many examples both files gave the same answers for, bit by bit. Raises Refusal when one differs."""
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
