"""Branch space: the search space of a compression search, and the conversion of its points to branches and back.

There are two kinds of space. With `search.space`, the recipe's branches are templates (`template_space`). Without it,
the branch itself is searched: which techniques reduce the network, in which order and how much, how it is recovered,
and which technique finishes the ONNX file. The domains of the knobs are defined by the techniques
(`Technique.searched`). It may begin where one of the recipe's own branches stands (`branch_starts`). With the scheduler
`asha` it has rungs (`search.guide`): the recovery is divided into several, one for each rung, so that the branch of a
rung is the beginning of the branch of the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import permutations
from types import MappingProxyType
from typing import Any, Literal

from pydantic import TypeAdapter

from tasks.compression.branch import (
    BASELINE,
    AnyStep,
    Branch,
    CompressionSearch,
    in_rungs,
    is_training,
    joined_steps,
    spec_of,
    tag_of,
)
from tasks.compression.search_space.branch_starts import START, start_of, start_steps
from tasks.compression.search_space.template_space import BRANCH, filled_template, template_space
from tasks.core import Refusal
from tasks.search.domains import Choice, Domain
from tasks.search.guide import REDUCTION, RUNG, rungs_of
from tasks.search.space import Point, is_member
from tasks.techniques import TAGS, Technique
from tasks.training.recovery import Recover

REDUCE, RECOVER, FINISH = "reduce", "recover", "finish"
NOTHING = "nothing"
"""Value of REDUCE: the network is not reduced. Value of FINISH: the exported file stays as it is."""
TOGETHER = 2
"""Most reductions in one branch."""
EPOCHS = 3
"""Most epochs of a recovery, if the search does not set `epochs`, unless the recipe's own have more."""
FURTHER_RUNGS = 2
"""Rungs beyond these epochs, in a search that is limited by minutes alone: they are begun where they still fit."""
RECOVERY: Mapping[str, Mapping[str, Any]] = {
    "learning_rate": {"choice": ("auto", 1e-3, 1e-2)},
    "temperature": {"loguniform": (1.0, 8.0)},
}
KEPT = ("batch_size", "optimizer", "schedule", "hard_weight", "precision", "seed")
"""Knobs of a recovery that are not searched but taken from the recipe's own recovery."""
DOMAIN: TypeAdapter[Domain] = TypeAdapter(Domain)


def space_of(
    search: CompressionSearch,
    branches: Sequence[Branch],
    form: Literal["torch", "onnx"],
    minimize: Literal["latency", "bytes"],
    without: Sequence[str] = (),
    steps: Mapping[str, float] = MappingProxyType({}),
    starts: Sequence[str] = (),
) -> dict[str, Domain]:
    """The search space of a compression search: path → domain.

    Args:
        search: the recipe's search section.
        branches: the recipe's branches.
        form: form of the baseline.
        minimize: what the goal minimizes; only techniques that lower it may finish a file.
        without: tags of techniques that refuse the baseline.
        steps: path → the smallest change of its value that changes the branch, for this baseline.
        starts: names of the recipe's branches at which others may begin (`branch_starts.starts_of`).

    Raises:
        InputError: a path of `search.space` names no branch, step or knob.
        Refusal: every technique refuses the baseline.
    """
    if search.space:
        return template_space(search.space, branches)
    tags = [tag for tag in usable(form, minimize) if tag not in without]
    return _compositions(tags, _most_epochs(search, branches), has_rungs(search), steps, starts)


def has_rungs(search: CompressionSearch) -> bool:
    """Whether the search continues branches in rungs: it searches the branch itself, by successive halving."""
    return not search.space and search.scheduler == "asha" and search.algorithm != "grid"


def _most_epochs(search: CompressionSearch, branches: Sequence[Branch]) -> int:
    """Most epochs of a recovery: those of the search, otherwise from the recipe's own, and as the minutes allow."""
    own = (step.epochs or 0 for branch in branches for step in branch.steps if isinstance(step, Recover))
    is_open = has_rungs(search) and search.minutes and not search.trials
    return search.epochs or max([EPOCHS, *own]) * (REDUCTION**FURTHER_RUNGS if is_open else 1)


def decode(point: Point, name: str, branches: Sequence[Branch]) -> Branch:
    """The branch that a point describes.

    Args:
        point: a point of the space.
        name: name of the new branch.
        branches: the recipe's branches: the templates, or the source of the knobs that are not searched.
    """
    if BRANCH in point:
        return filled_template(point, name, next(branch for branch in branches if branch.name == point[BRANCH]))
    finish = [] if point[FINISH] == NOTHING else [point[FINISH]]
    begun = [branch for branch in branches if branch.name == start_of(point)]
    habits = _habits([*begun, *branches])
    parts = [*reductions_of(point[REDUCE]), *([] if point[REDUCE] == NOTHING else [RECOVER]), *finish]
    steps = [{"step": part, **habits.get(part, {}), **_knobs(point, part)} for part in parts]
    branch = Branch.model_validate({"name": name, "steps": steps})
    branch = in_rungs(branch, point[RUNG]) if RUNG in point else branch
    front = [step for each in begun for step in start_steps(each)]
    return branch.model_copy(update={"steps": (*front, *branch.steps)})


def reductions_of(reduce: str) -> list[str]:
    """The tags of the techniques that a value of REDUCE names."""
    return [] if reduce in (NOTHING, RECOVER) else reduce.split(", ")


def _habits(branches: Sequence[Branch]) -> dict[str, Point]:
    """Tag → the knobs that are not searched, from the recipe's first step with that tag.

    Contains recoveries that train, and techniques that act on ONNX files.
    """
    found: dict[str, Point] = {}
    for step in (step for branch in branches for step in branch.steps):
        if isinstance(step, Recover) and step.trains:
            found.setdefault(RECOVER, step.model_dump(include=set(KEPT), exclude_unset=True))
        elif isinstance(step, Technique) and step.form == "onnx":
            found.setdefault(tag_of(step), step.model_dump(exclude={"step"}, exclude_unset=True))
    return found


def encode(branch: Branch, space: Mapping[str, Domain], branches: Sequence[Branch]) -> Point | None:
    """The point that describes one of the recipe's branches; None when the space has no such point."""
    if BRANCH in space:
        prefix = f"{branch.name}."
        paths = [path for path in space if path.startswith(prefix)]
        point: Point = {BRANCH: branch.name}
        for path in paths:
            place, knob = path.removeprefix(prefix).split(".")
            point[path] = getattr(spec_of(branch.steps[int(place)]), knob)
    else:
        tags = [tag_of(step) for step in branch.steps]
        order = [tag for tag in tags if tag != RECOVER and tag in space[REDUCE].ends()]
        point = {REDUCE: ", ".join(order) or NOTHING, FINISH: tags[-1] if space[FINISH].has(tags[-1]) else NOTHING}
        knobs = {f"{tag}.{knob}": value for tag, step in zip(tags, branch.steps, strict=True) for knob, value in step}
        point |= {path: value for path, value in knobs.items() if path in space and value is not None}
        point |= {START: BASELINE} if START in space else {}
        if RUNG in space and RECOVER in tags:
            point[RUNG] = sum(step.most_epochs for step in branch.steps if isinstance(step, Recover))
    return point if is_member(point, space) and _says_the_same(branch, point, branches) else None


def encode_at_start(branch: Branch, space: Mapping[str, Domain], branches: Sequence[Branch]) -> Point | None:
    """The point that begins where one of the recipe's branches stands and only finishes it: the branch once more.

    None when the space has no such point.
    """
    if START not in space:
        return None
    last = tag_of(branch.steps[-1])
    point = {START: branch.name, REDUCE: NOTHING, FINISH: last if space[FINISH].has(last) else NOTHING}
    return point if is_member(point, space) and _says_the_same(branch, point, branches) else None


def _says_the_same(branch: Branch, point: Point, branches: Sequence[Branch]) -> bool:
    return joined_steps(decode(point, branch.name, branches)) == joined_steps(branch)


def _knobs(point: Point, part: str) -> Point:
    return {path.partition(".")[2]: value for path, value in point.items() if path.startswith(f"{part}.")}


def _compositions(
    tags: Sequence[str], epochs: int, with_rungs: bool, steps: Mapping[str, float], starts: Sequence[str]
) -> dict[str, Domain]:
    reductions = [tag for tag in tags if TAGS[tag].form == "torch"]
    finishes = [tag for tag in tags if TAGS[tag].form == "onnx"]
    lengths = range(1, TOGETHER + 1)
    orders = [order for length in lengths for order in permutations(reductions, length)]
    words = [", ".join(order) for order in orders]
    if not words and not finishes:
        raise Refusal("there is nothing to search: every technique refuses the baseline")
    trained = [*words, *([RECOVER] if starts else [])]
    space: dict[str, Domain] = {
        REDUCE: Choice(choice=tuple([NOTHING, *trained] if finishes else trained)),
        FINISH: Choice(choice=tuple(finishes or [NOTHING])),
    }
    space |= {START: Choice(choice=(BASELINE, *starts))} if starts else {}
    for tag in reductions:
        here: dict[str, Any] = {REDUCE: [", ".join(order) for order in orders if tag in order]}
        further = TAGS[tag].searched_further if starts else None
        first = here | ({START: [BASELINE]} if further else {})
        for knob, domain in (TAGS[tag].searched or {}).items():
            path = f"{tag}.{knob}"
            space[path] = _domain(_in_steps(domain, steps[path]) if path in steps else domain, first)
        for knob, domain in (further or {}).items():
            space[f"{tag}.{knob}"] = _domain(domain, here | {START: starts})
    length = {RUNG: {"choice": rungs_of(epochs)}} if with_rungs else {f"{RECOVER}.epochs": _whole(epochs)}
    recovery = length | {f"{RECOVER}.{knob}": domain for knob, domain in RECOVERY.items()}
    return space | {path: _domain(domain, {REDUCE: trained}) for path, domain in recovery.items() if trained}


def _whole(most: int) -> Mapping[str, Any]:
    return {"integers": (1, most)} if most > 1 else {"choice": (1,)}


def _in_steps(domain: Mapping[str, Any], step: float) -> Mapping[str, Any]:
    """A uniform domain with the multiples of `step` in it alone; the one nearest to its middle where none is."""
    low, high = domain["uniform"]
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if first >= last:
        return {"choice": (max(1, round((low + high) / 2 / step)) * step,)}
    return {"quantized": (first * step, last * step, step)}


def usable(form: Literal["torch", "onnx"], minimize: Literal["latency", "bytes"]) -> list[str]:
    """The tags of the techniques that a search may use for a baseline of this form, given what the goal minimizes."""

    def suits(kind: type[Technique]) -> bool:
        return form == "torch" if kind.form == "torch" else minimize in kind.lowers

    return [tag for tag, kind in TAGS.items() if kind.searched is not None and suits(kind)]


def _domain(domain: Mapping[str, Any], when: Mapping[str, Any]) -> Domain:
    return DOMAIN.validate_python({**domain, "when": when})


def longest(space: Mapping[str, Domain], branches: Sequence[Branch]) -> int:
    """The largest total number of training epochs of a branch in the space."""
    if BRANCH not in space:
        return _most(space, RUNG if RUNG in space else f"{RECOVER}.epochs", 0)
    searched = [branch for branch in branches if space[BRANCH].has(branch.name)]
    return max(
        sum(
            _most(space, f"{branch.name}.{place}.epochs", step.most_epochs)
            for place, step in enumerate(branch.steps)
            if is_training(step)
        )
        for branch in searched
    )


def _most(space: Mapping[str, Domain], path: str, otherwise: int) -> int:
    return int(max(space[path].ends())) if path in space else otherwise


def techniques_in(steps: Sequence[AnyStep]) -> int:
    """How many of the steps are techniques."""
    return sum(isinstance(spec_of(step), Technique) for step in steps)
