"""Wrong recipe files: absent, no YAML, or with keys and names that no recipe has."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wrong_input import Row, answer, check_plan, files, photos, write

ROWS = {
    "recipe file missing": Row("b.yaml: does not exist; nearest valid choice: a.yaml", conf="b.yaml"),
    "recipe file missing, one of that name beside it": Row(
        "aa.yaml: does not exist; nearest valid choice: a.yaml", conf="aa.yaml"
    ),
    "recipe file missing, and so is its folder": Row("confs/b.yaml: does not exist", conf="confs/b.yaml"),
    "recipe is a folder": Row("photos: cannot be read (Is a directory)", conf="photos", make=photos),
    "recipe empty": Row("a.yaml: must be a mapping of keys to values, but is empty", recipe=""),
    "recipe not a mapping": Row("a.yaml: must be a mapping of keys to values, but is a list", recipe="- name: a\n"),
    "recipe not text": Row("pictures.npz: must be a text file in UTF-8", conf="pictures.npz"),
    "YAML syntax": Row(
        "a.yaml: line 3: is not valid YAML (expected ',' or '}', but got ':')",
        recipe="name: a\ndata: {source: rows.csv\ngoal: {metric: f1}\n",
    ),
    "YAML key twice": Row(
        "a.yaml: line 4: is not valid YAML (the key 'goal' stands twice)",
        recipe="name: a\ngoal: {metric: f1}\ndata: {source: rows.csv}\ngoal: {max_drop: 0.1}\n",
    ),
    "YAML tab": Row(
        "a.yaml: line 3: is not valid YAML (found character '\\t' that cannot start any token)",
        recipe="name: a\ndata:\n\tsource: rows.csv\n",
    ),
    "key unknown at the top": Row(
        "a.yaml: modle: is not a known key; nearest valid choice: model", recipe={"modle": {"factory": "nets:linear"}}
    ),
    "key that is a number": Row("a.yaml: 3: is a key, and must be text, but got 3", recipe={3: "a"}),
    "number for text": Row(
        "a.yaml: name: must be text, but got 2024; nearest valid choice: '2024'", recipe={"name": 2024}
    ),
    "name with bad characters": Row(
        "a.yaml: name: must begin with a letter or a digit, and go on with letters, digits or _ . -, but "
        "got 'my model/2'; nearest valid choice: my-model-2",
        recipe={"name": "my model/2"},
    ),
    "name too long": Row(
        "a.yaml: name: must have at most 80 characters, but got "
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...; nearest valid "
        "choice: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        recipe={"name": "a" * 90},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_what_is_wrong_is_said_in_one_line(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_plan(ROWS[name], place, capsys)


@pytest.mark.parametrize("command", [("optimize", "a.yaml"), ("predict", "a.yaml", "new.csv")])
def test_every_command_names_the_recipe(
    command: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(Row("", recipe={"goal": {"metrc": "f1"}}))
    says = "paredown: a.yaml: goal.metrc: is not a known key; nearest valid choice: metric\n"
    assert answer(capsys, *command) == (2, "", says)
    assert sorted(files(Path("home"))) == ["products/good/model.onnx", "store/ab/abcd"]
