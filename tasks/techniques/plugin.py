"""Plug-ins: a step may name a user's own technique by import path, `my_package.prune:Mine`, beside its knobs."""

from __future__ import annotations

from pydantic import ConfigDict, Field, model_validator

from tasks.core import InputError, Spec
from tasks.core.import_path import resolve
from tasks.techniques.base import Technique

PLUGIN = "module:Class"
"""The tag under which pydantic finds `Plugin`; it stands for every import path."""


class Plugin(Spec):
    """A step by import path; its other keys are the knobs of that class."""

    model_config = ConfigDict(extra="allow")

    step: str = Field(pattern=r"^[\w.]+:\w+$")
    """`module:Class`, a subclass of `tasks.techniques.Technique`."""

    @model_validator(mode="after")
    def _knobs_fit(self) -> Plugin:
        try:
            self.technique()
        except InputError as error:
            raise ValueError(error) from error  # pydantic knows the place in the recipe, and adds it
        return self

    def technique(self) -> Technique:
        """The user's technique with these knobs.

        Raises:
            InputError: the class does not exist or is no Technique.
            ValidationError: a knob is wrong.
        """
        return load_plugin(self.step)(**(self.__pydantic_extra__ or {}))


def load_plugin(target: str) -> type[Technique]:
    """The technique class at an import path. Raises InputError when there is none."""
    kind = resolve(target, "step", "class")
    if not (isinstance(kind, type) and issubclass(kind, Technique)):
        raise InputError("must name a subclass of tasks.techniques.Technique", path="step", value=target)
    return kind
