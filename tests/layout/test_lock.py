"""The lock names every package that an installation brings, in the version that is installed."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.source_tree import ROOT


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version.strip() for name, version in pairs}


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """The packages that one brings with it, itself included, on this machine."""
    found, due = {canonicalize_name(name)}, [(name, extras)]
    while due:
        package, wanted = due.pop()
        for text in metadata.requires(package) or ():
            requirement = Requirement(text)
            holds = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in (wanted or {""})
            )
            if holds and canonicalize_name(requirement.name) not in found:
                found.add(canonicalize_name(requirement.name))
                due.append((requirement.name, frozenset(requirement.extras)))
    return found


def test_installed_packages_suit_one_another() -> None:
    check = [sys.executable, "-m", "pip", "check"]
    found = subprocess.run(check, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_the_lock_is_complete() -> None:
    # A virtual environment brings its own setuptools, and a pin would hold for the builds of others.
    brought = needed("paredown", frozenset({"", "dev"})) - {"paredown", "setuptools"}
    assert sorted(brought - locked().keys()) == []


def test_the_lock_has_the_installed_versions() -> None:
    installed = {name: metadata.version(name).partition("+")[0] for name in needed("paredown", frozenset({"dev"}))}
    wrong = {name: version for name, version in installed.items() if locked().get(name, version) != version}
    assert wrong == {}
