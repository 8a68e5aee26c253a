"""The shortest valid recipe, and a file of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

LEAST: dict[str, Any] = {"name": "least", "data": {"source": "a.csv", "target": "b"}}


def write_recipe(folder: Path, **sections: Any) -> Path:
    """A recipe file."""
    file = folder / "a.yaml"
    file.write_text(yaml.safe_dump({**LEAST, **sections}))
    return file
