"""Import paths: the user's own functions and classes, named as `module:name`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks.core.errors import InputError, nearest_choice
from tasks.core.store import digest_file, digest_of

OWN = ("tasks", "flows")
"""The packages of Paredown itself."""
ANY_FAILURE = (Exception, SystemExit)
"""Exceptions caught from the import of a user's module, which may fail in any way; the message names the cause."""


def is_import_path(text: str) -> bool:
    """Whether a text has the form `package.module:name`."""
    module_name, separator, name = text.partition(":")
    return bool(separator) and all(part.isidentifier() for part in (*module_name.split("."), name))


def resolve(target: str, path: str, what: str = "function") -> Callable[..., Any]:
    """The function or class that `module:name` names, from the current folder or an installed package.

    Args:
        target: for example `tasks.architectures:resnet20`.
        path: its path in the recipe, for the message.
        what: what the name should be, for the message.

    Raises:
        InputError: the form is wrong, the module or the name does not exist (the message suggests the nearest one),
            the name is not callable, the module fails when it is imported, or Paredown's own package has its name.
    """
    if not is_import_path(target):
        raise InputError("must have the form module:name", path=path, value=target)
    module_name, _, name = target.partition(":")
    _see_current_folder()
    try:
        module = importlib.import_module(module_name)
        found: Callable[..., Any] | None = getattr(module, name, None)
    except ANY_FAILURE as error:
        raise _hidden(target, path) or _failed(error, target, path) from error
    if not callable(found):
        if hidden := _hidden(target, path):
            raise hidden
        public = (key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        near = nearest_choice(name, public)
        law = f"must name a {what} of the module {module_name}"
        raise InputError(law, path=path, value=name, nearest=near and f"{module_name}:{near}")
    return found


def module_file(target: str) -> Path | None:
    """The file of an import path's module; None when it is not found. Imports its packages, not the module itself."""
    _see_current_folder()
    try:
        spec = importlib.util.find_spec(target.partition(":")[0])
    except ANY_FAILURE:  # `resolve` tells the cause
        return None
    return Path(spec.origin) if spec and spec.origin else None


def module_stamp(target: str) -> str:
    """Digest of an import path and its module's file, so that a changed function is another one."""
    file = module_file(target)
    return digest_of([target, digest_file(file) if file and file.is_file() else None])


def _see_current_folder() -> None:
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    importlib.invalidate_caches()


def _hidden(target: str, path: str) -> InputError | None:
    """The InputError for a module of the current folder that has the name of a package of Paredown; None otherwise."""
    name = target.partition(":")[0].partition(".")[0]
    here = Path.cwd()
    if name not in OWN or here == Path(__file__).resolve().parents[2]:
        return None
    is_there = (here / f"{name}.py").exists() or (here / name).is_dir()
    return InputError(f"the module {name} is Paredown's own; rename yours", path=path) if is_there else None


def _failed(error: BaseException, target: str, path: str) -> InputError:
    """The InputError for a failed import: the module does not exist, or it fails while it is imported."""
    module_name = target.partition(":")[0]
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module_name}.".startswith(f"{missing}."):
        law = "must name a module that can be imported, from the current folder or installed"
        return InputError(law, path=path, value=target, nearest=_nearest_module(missing, target))
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return InputError(f"names the module {module_name}, which fails on import ({cause})", path=path, value=target)


def _nearest_module(missing: str, target: str) -> str | None:
    """The target with its missing module replaced by the most similar one of its package (or top level)."""
    parent, dot, last = missing.rpartition(".")
    folders = getattr(sys.modules.get(parent), "__path__", []) if parent else None
    near = nearest_choice(last, (found.name for found in pkgutil.iter_modules(folders)))
    return near and f"{parent}{dot}{near}{target.removeprefix(missing)}"
