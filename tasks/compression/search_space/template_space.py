"""Template space: the search space of the knobs of a recipe's own branches, and the branch of one of its points.

The branches are templates: a point names one of them under BRANCH and gives values for its knobs, each under a path
`BRANCH.PLACE.KNOB`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.compression.branch import Branch, spec_of, tag_of
from tasks.core import InputError, nearest_choice
from tasks.search.domains import Choice, Domain
from tasks.search.space import Point

BRANCH = "branch"


def template_space(space: Mapping[str, Domain], branches: Sequence[Branch]) -> dict[str, Domain]:
    """The space of a recipe's `search.space`: its paths, each where its branch is chosen, and the choice of branches.

    Raises:
        InputError: a path names no branch, step or knob.
    """
    owners = {path: owner(path, branches) for path in space}
    names = [branch.name for branch in branches if branch in owners.values()]
    bound = {
        path: domain.model_copy(update={"when": {BRANCH: owners[path].name, **domain.when}})
        for path, domain in space.items()
    }
    return {BRANCH: Choice(choice=tuple(names)), **bound}


def owner(path: str, branches: Sequence[Branch]) -> Branch:
    """The branch to which a path of `search.space` (`BRANCH.PLACE.KNOB`) belongs.

    Raises:
        InputError: the path names no branch, step or knob.
    """
    where, form = f"search.space.{path}", "must have the form BRANCH.PLACE.KNOB"
    found = [branch for branch in branches if path.startswith(f"{branch.name}.")]
    if not found:
        known = [f"{branch.name}.0" for branch in branches]
        raise InputError(
            f"{form} and begin with a branch's name", path=where, nearest=nearest_choice(path, known) or known[0]
        )
    branch = max(found, key=lambda branch: len(branch.name))
    place, _, knob = path.removeprefix(f"{branch.name}.").partition(".")
    if not place.isdigit() or int(place) >= len(branch.steps):
        law = f"{form}, with the place of one of the {len(branch.steps)} steps of {branch.name!r}"
        raise InputError(law, path=where, value=place, nearest=min(0, len(branch.steps) - 1))
    step = branch.steps[int(place)]
    knobs = [name for name in type(spec_of(step)).model_fields if name != "step"]
    if knob not in knobs:
        raise InputError(
            f"names no knob of {tag_of(step)}", path=where, value=knob, nearest=nearest_choice(knob, knobs)
        )
    return branch


def filled_template(point: Point, name: str, template: Branch) -> Branch:
    """The branch of a point: the template under another name and with the point's values."""
    steps = [
        spec_of(step).model_dump(mode="json", exclude_unset=True) | {"step": tag_of(step)} for step in template.steps
    ]
    for path, value in point.items():
        if path != BRANCH:
            place, knob = path.removeprefix(f"{template.name}.").split(".")
            steps[int(place)][knob] = value
    return Branch.model_validate({"name": name, "steps": steps})
