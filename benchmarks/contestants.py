"""Contestants: the files of Paredown, of its controls and of the peers, each with the minutes that it took."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comparison import Entry

from flows.results.branch_search_report import describe_steps
from tasks.core import Context, Workspace
from tasks.data import preprocessing
from tasks.evaluation.metric_choice import metric_spec
from tasks.kernels.engines.runtime_record import TITLES, read_runtime
from tasks.techniques import replay
from tasks.training import recovery, train, train_spec
from tasks.training.recovery import Recover
from tasks.training.training_data import TrainingInputs, load_training_data

if TYPE_CHECKING:
    from peers import Task
    from torch import nn

    from flows.results.outcome import Outcome

OURS = "Paredown"
FINE_TUNING = train_spec.TrainSpec(
    epochs=1, optimizer="sgd", learning_rate=0.01, schedule="one_cycle", early_stopping=None
)
"""How the baseline was fine-tuned; with more epochs, how the plain control is."""


def gather(
    options: argparse.Namespace, outcome: Outcome, minutes: float, folder: Path, workspace: Workspace
) -> list[Entry]:
    """All files, the baseline first; `minutes` are those of the whole run that made Paredown's."""
    entries, others = ours(outcome, workspace, minutes, options.minutes), theirs(options, outcome, folder, workspace)
    return [*entries, *others, *in_second_engine([entries[0], *others], folder)]


def ours(outcome: Outcome, workspace: Workspace, minutes: float, budget: float | None) -> list[Entry]:
    """The files of the branches, of those that a search found within its budget of minutes, and of the dense control,
    which is no tool but what training alone would give."""
    tools = {"baseline": "baseline", "candidate": OURS, "control": "dense control"}
    searched = outcome.findings.found
    found = (
        {branch.name: f"{branch.name}: {describe_steps(branch)}" for branch in searched.branches} if searched else {}
    )
    entries = []
    for line in (line for line in outcome.findings.results if line.product):
        path, branch = workspace.store.path(line.product.content), line.branch or line.name
        if branch not in found:
            entries.append(Entry(in_engine(tools[line.role], path), line.name, path, minutes))
        if found and line.role == "candidate":
            # The fixed branches are a search's first points: it answers with one of them when it finds no better one.
            spent = (budget or 0.0) if branch in found else minutes
            name = line.name.replace(branch, found.get(branch, branch), 1)
            entries.append(Entry(in_engine(f"{OURS}, joint search", path), name, path, spent))
    return entries


def in_engine(tool: str, path: Path) -> str:
    """A tool with the second engine, where the file runs in that."""
    engine = read_runtime(path).engine
    return tool if engine == "onnxruntime" else f"{tool}, {TITLES[engine]}"


def in_second_engine(entries: Sequence[Entry], folder: Path) -> list[Entry]:
    """The files of others, and the baseline, once more as they run in OpenVINO."""
    from peers.products import in_openvino

    found = []
    for number, entry in enumerate(entries):
        for words, file in in_openvino(entry.path.read_bytes()):
            path = folder / f"second-engine-{number}-{words.split()[-1]}.onnx"
            path.write_bytes(file)
            is_baseline = entry.tool == "baseline"
            tool, minutes = ("runtime alone", 0.0) if is_baseline else (in_engine(entry.tool, path), entry.minutes)
            found.append(Entry(tool, f"{entry.name} in {words}", path, minutes))
    return found


def theirs(options: argparse.Namespace, outcome: Outcome, folder: Path, workspace: Workspace) -> list[Entry]:
    """The files of the peers that are installed, as products; what they made before is not made again."""
    from peers import Skipped, run
    from peers.products import dress

    prepared = outcome.findings.prepared
    fitted = workspace.store.get_json(prepared.fitted)
    entries = []
    for peer in options.peers:
        record = folder / f"{peer}.json"
        if not record.exists():
            found: list[list[Any]] = []
            for result in run(task(options, outcome, workspace), (peer,)):
                if isinstance(result, Skipped):
                    print(result.sentence)
                    continue
                path = folder / f"{peer}-{len(found)}.onnx"
                path.write_bytes(dress(result.file, prepared.dataset, fitted))
                found.append([result.tool, result.name, str(path), result.minutes])
            record.write_text(json.dumps(found))
        made = json.loads(record.read_text())
        spent = sum(minutes for *_, minutes in made)
        entries += [Entry(tool, name, Path(path), spent) for tool, name, path, _ in made]
    return entries


def task(options: argparse.Namespace, outcome: Outcome, workspace: Workspace) -> Task:
    """What every peer is given: the baseline, the calibration images, and the whole chain's budget of recovery."""
    import torch
    from peers import Task

    store, prepared, asked = workspace.store, outcome.findings.prepared, outcome.findings.recipe
    network = replay.load_network(outcome.findings.results[0].stages[0].model, store)
    fitted = store.get_json(prepared.fitted)
    inputs = TrainingInputs(prepared, asked.augment, metric_spec(asked.goal, prepared.dataset))
    data = load_training_data(inputs, Context(workspace))
    images = torch.from_numpy(preprocessing.compact(prepared, "calibration", store))
    budget = Recover(epochs=sum(options.epochs), precision=options.precision)

    def recover(pruned: nn.Module) -> nn.Module:
        recovery.recover_network(pruned.to(workspace.device), network.to(workspace.device), data, budget)
        return pruned.cpu()

    plain = FINE_TUNING.model_copy(update={"epochs": budget.epochs, "precision": options.precision})

    def fine_tune(pruned: nn.Module) -> nn.Module:
        train.train(pruned.to(workspace.device), data, plain)
        return pruned.cpu()

    calibration = preprocessing.to_network(fitted)(images).numpy()
    return Task(network, prepared.input_shape, calibration, recover, fine_tune, (options.ratio,))
