"""The contract suite's table: every technique on every kind of network, and why it refuses.

    PYTHONPATH=tests python -m support.contract_table [--architectures] [technique …]

With `--architectures`, the networks are those out of the box, and the techniques by default those on torch models and
FILES: the table of docs/architectures.md, which a test compares with it.

One row a network, one column a technique: `yes` when the whole contract holds, a number when it refuses; the
sentences stand below. Techniques on ONNX files get the network as the exporter writes it; `pack`, which stores zeros,
gets it as `weights` leaves it. Knobs are the defaults, but
for those that networks of this size leave no choice.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import contract
import torch

from support import architectures, networks
from support.networks import Network
from tasks.core import InputError, Refusal
from tasks.kernels.onnx import torch_export
from tasks.techniques import TAGS, Batches, Technique, Weights

KNOBS: dict[str, dict[str, Any]] = {"channels": {"multiple": 4}, "low_rank": {"energy": 0.5}}
ARCHITECTURE_KNOBS = {**KNOBS, "low_rank": {"energy": 0.5, "ranks": "energy"}, "blocks": {"share": 0.5}}
"""Without the host's word, so that the table is the same everywhere."""
FILES = ("fp16", "weight_only", "pack")
"""Techniques on ONNX files that ask no host."""
ZEROS = Weights(sparsity=0.8)
"""What is done to a network before `pack`."""


def main(tags: list[str]) -> None:
    """Prints the table as Markdown."""
    if tags[:1] == ["--architectures"]:
        print(table(tags[1:] or architecture_tags(), architectures.NETWORKS, ARCHITECTURE_KNOBS))
    else:
        print(table(tags or list(TAGS), {network.__name__: network for network in networks.NETWORKS}, KNOBS))


def architecture_tags() -> list[str]:
    """The columns of the table of architectures."""
    return [*(tag for tag, technique in TAGS.items() if technique.form == "torch"), *FILES]


def table(tags: Iterable[str], rows: Mapping[str, Network], knobs: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of these techniques on these networks, and the sentences of refusals below."""
    techniques = [TAGS[tag](**knobs.get(tag, {})) for tag in tags]
    sentences: list[str] = []
    lines = [
        f"| network | {' | '.join(technique.step for technique in techniques)} |",
        "|---|" + "---|" * len(techniques),
    ]
    for name, network in rows.items():
        cells = []
        for technique in techniques:
            sentence = refusal(technique, network)
            if sentence is not None and sentence not in sentences:
                sentences.append(sentence)
            cells.append("yes" if sentence is None else str(1 + sentences.index(sentence)))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, *(f"\n{number}. {sentence}" for number, sentence in enumerate(sentences, start=1))])


def refusal(technique: Technique, network: Network) -> str | None:
    """Why the technique refuses; None when it keeps the contract. Raises AssertionError when it breaks it."""
    inputs = network(0)[1]
    targets = torch.arange(len(inputs)) % 5
    batches: Batches = [(inputs, targets), (inputs.flip(0)[:3], targets[:3])]
    if technique.form == "onnx":
        batches = [({"input": examples.numpy()}, classes.numpy()) for examples, classes in batches]
    try:
        model = converted(network, technique.step == "pack") if technique.form == "onnx" else None
        plan = contract.check(technique, lambda seed: model or network(seed)[0], batches)
        if plan is None:
            technique.plan(model or network(0)[0], batches)
    except (Refusal, InputError) as answer:
        return str(answer)
    return None


@cache
def converted(network: Network, is_sparse: bool) -> bytes:
    """The network as an ONNX file, with ZEROS if `is_sparse`. Raises Refusal where the exporter cannot."""
    model, inputs = network(0)
    if is_sparse:
        model = ZEROS.apply(model, ZEROS.plan(model, [(inputs, torch.arange(len(inputs)) % 5)]))
    try:
        return bytes(torch_export.convert(model, tuple(inputs.shape[1:])).SerializeToString(deterministic=True))
    except torch.onnx.OnnxExporterError as error:
        raise Refusal(f"the exporter cannot write {type(model).__name__}: {str(error).splitlines()[0]}") from error


if __name__ == "__main__":
    main(sys.argv[1:] or list(TAGS))
