"""Failed retrain: whoever is named in the recipe is told why, by the flow itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.post_box import post_box

from tasks.core import InputError

pytestmark = pytest.mark.e2e


def test_it_is_told(prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.loop.retraining import retrain

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAREDOWN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    with post_box() as box:
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(f"name: lost\ndata: {{source: 'sklearn:digits'}}\nmonitor: {{notify: '{box.address}'}}\n")
        with pytest.raises(InputError, match="name"):
            retrain(str(recipe))
    [told] = box.posts
    assert (told["name"], told["level"]) == ("lost", "failed")
    assert told["text"].startswith("lost: the retrain failed, and the champion stays: ")
    assert "InputError" in told["text"]
