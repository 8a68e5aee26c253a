"""The user's own parts come in by import path, `module:name`; a wrong one is answered with the nearest right one."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

from tasks.artifacts.errors import InputError, nearest


def resolve(target: str, path: str) -> Any:
    """The object that `module:name` names.

    Args:
        target: for example `tasks.architectures:resnet20`.
        path: where it stands in the recipe, for the message.

    Raises:
        InputError: the form is wrong, or the module or the name does not exist, or the module fails to import.
    """
    module_name, separator, name = target.partition(":")
    if not (separator and module_name and name):
        raise InputError("must have the form module:name", path=path, value=target)
    if not _exists(module_name):
        raise InputError(
            "names a module that does not exist",
            path=path,
            value=module_name,
            nearest=nearest(module_name, _neighbours(module_name)),
        )
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the user's module may fail in any way; the cause is in the message
        raise InputError(f"names a module that fails to import ({error})", path=path, value=module_name) from error
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise InputError(f"names nothing in {module_name}", path=path, value=name, nearest=nearest(name, public))
    return getattr(module, name)


def _exists(module_name: str) -> bool:
    try:
        return importlib.util.find_spec(module_name) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def _neighbours(module_name: str) -> list[str]:
    """The modules beside the one that was meant: in its package, or at the top."""
    parent, dot, _ = module_name.rpartition(".")
    if dot and _exists(parent):
        spec = importlib.util.find_spec(parent)
        folders = spec.submodule_search_locations if spec else None
        return [f"{parent}.{found.name}" for found in pkgutil.iter_modules(folders)]
    return [found.name for found in pkgutil.iter_modules()]
