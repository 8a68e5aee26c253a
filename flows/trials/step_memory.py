"""Step memory: what the trials of a search computed on this node, so that none computes it again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tasks.compression.branch import AnyStep
from tasks.core import Candidate, Latency, Store, digest_of, write_atomically
from tasks.core.cache_key import identity, references
from tasks.core.candidate import candidate_from

LATENCY: TypeAdapter[Latency] = TypeAdapter(Latency)


class StepMemory:
    """Results of steps, and measurements, by what they were made from.

    Args:
        folder: where they are kept, one small file each; several processes may use it at once.
        store: holds the tensors; a result whose tensors it lacks is not known.
        scope: what all of them depend on besides: the data, the goal, the host (`Objective.identity`).
    """

    def __init__(self, folder: Path, store: Store, scope: str) -> None:
        self._folder, self._store, self._scope = folder, store, scope

    def candidate(self, model: Candidate, step: AnyStep) -> Candidate | None:
        """The model after the step; None when it is not known."""
        found = self._read(["step", model, step])
        made = None if found is None else candidate_from(found)
        return made if made is not None and all(map(self._store.holds, references(made))) else None

    def keep_candidate(self, model: Candidate, step: AnyStep, made: Candidate) -> None:
        """Keeps the model after the step."""
        self._write(["step", model, step], dataclasses.asdict(made))

    def timing(self, model: Candidate, steps: tuple[AnyStep, ...]) -> tuple[Latency, int] | None:
        """Latency and bytes of the file that these steps make of an untrained model; None when not known."""
        found = self._read(["timing", model, steps])
        return None if found is None else (LATENCY.validate_python(found["latency"]), int(found["bytes"]))

    def keep_timing(self, model: Candidate, steps: tuple[AnyStep, ...], latency: Latency, size: int) -> None:
        """Keeps latency and bytes."""
        self._write(["timing", model, steps], {"latency": dataclasses.asdict(latency), "bytes": size})

    def _place(self, key: list[Any]) -> Path:
        return self._folder / f"{digest_of([self._scope, identity(key)])}.json"

    def _read(self, key: list[Any]) -> Any:
        place = self._place(key)
        return json.loads(place.read_bytes()) if place.exists() else None

    def _write(self, key: list[Any], value: dict[str, Any]) -> None:
        write_atomically(self._place(key), json.dumps(value).encode())
