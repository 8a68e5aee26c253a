"""The layout of the house: rooms on floors, no circles, small folders, files and functions, one meaning a word."""

from __future__ import annotations

import re
import statistics
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import source_tree
from support.source_tree import ROOT, circles, floors, functions, imports, modules, public_names, rooms

MOST_IN_A_FOLDER, MOST_ROOMS, MOST_FLOORS, MOST_PARAMETERS = 14, 26, 10, 8
MOST_SHARED_NAMES = 40
LONGEST_TEST = 400
FREE = {"benchmarks", "deployments", "layout", "wrong_input", "e2e"}
"""Folders of tests that belong to no room."""


def contracts() -> list[dict[str, object]]:
    return list(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"])


def layers_of(name: str) -> list[str]:
    [contract] = [each for each in contracts() if str(each["name"]).startswith(name)]
    layers = contract["layers"]
    assert isinstance(layers, list)
    return layers


def percentile(values: Sequence[int], share: float) -> int:
    return sorted(values)[int(share * (len(values) - 1))]


def test_no_modules_import_one_another_in_a_circle() -> None:
    assert circles(imports()) == []


def test_no_rooms_import_one_another_in_a_circle() -> None:
    assert circles(rooms()) == []


def test_what_finds_circles_finds_them() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": []}) == [["a", "b", "c"]]
    assert floors({"a": ["b", "c"], "b": ["c"], "c": []}) == {"a": 3, "b": 2, "c": 1}


def test_a_folder_holds_few_modules() -> None:
    counts = Counter(file.parent for file in modules().values() if not file.stem.startswith("__"))
    parents = {folder.parent for folder in counts}
    leaves = {folder for folder in counts if "kernels" in folder.parts and folder not in parents}
    assert {
        folder: count for folder, count in counts.items() if count > MOST_IN_A_FOLDER and folder not in leaves
    } == {}


def test_rooms_and_floors() -> None:
    assert len(rooms()) <= MOST_ROOMS
    assert max(floors(rooms()).values()) <= MOST_FLOORS


def test_every_room_has_its_floor_in_the_contract_of_floors() -> None:
    listed = [room for layer in layers_of("Floors") for room in layer.split(" | ")]
    assert sorted(listed) == sorted(rooms())
    assert len(layers_of("Floors")) == MOST_FLOORS


def test_rooms_on_a_floor_of_the_contract_do_not_know_each_other() -> None:
    lists = [each["layers"] for each in contracts() if "layers" in each]
    assert not [layer for layers in lists if isinstance(layers, list) for layer in layers if ":" in layer]


def test_a_module_has_a_name_of_its_own() -> None:
    stems = Counter(file.stem for file in modules().values() if not file.stem.startswith("__"))
    assert [stem for stem, count in stems.items() if count > 1] == []


def test_a_public_name_means_one_thing() -> None:
    shared = {name: places for name, places in public_names().items() if len(places) > 1}
    assert len(shared) <= MOST_SHARED_NAMES, shared


def test_functions_take_few_parameters() -> None:
    wide = []
    for module, node in functions():
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if sum(each.arg not in ("self", "cls") for each in given) > MOST_PARAMETERS:
            wide.append(f"{module}.{node.name}")
    assert wide == []


def test_files_and_functions_are_small() -> None:
    files = [len(file.read_text(encoding="utf-8").splitlines()) for file in modules().values()]
    sizes = [(node.end_lineno or 0) - node.lineno + 1 for _, node in functions()]
    assert statistics.median(files) <= 120
    assert percentile(files, 0.9) <= 250
    assert statistics.median(sizes) <= 12
    assert percentile(sizes, 0.9) <= 35


@pytest.mark.parametrize("place", ["flows", "tasks/steps"])
def test_the_boundary_between_flows_and_tasks_is_typed(place: str) -> None:
    texts = {file: file.read_text(encoding="utf-8") for file in (ROOT / place).rglob("*.py")}
    assert [file for file, text in texts.items() if "Callable[..., Any]" in text] == []


def test_one_place_knows_which_verb_a_step_calls() -> None:
    texts = [file.read_text(encoding="utf-8") for file in modules().values()]
    assert sum(len(re.findall(r"isinstance\(\w+, Plugin\)", text)) for text in texts) == 1
    assert sum(len(re.findall(r"(?<!class )\bProduct\(", text)) for text in texts) == 1


def test_only_an_input_error_is_moved_by_itself() -> None:
    copied = re.compile(r"InputError\(\w+\.law")
    named = [name for name, file in modules().items() if copied.search(file.read_text(encoding="utf-8"))]
    assert named == ["tasks.conversion.onnx_import"], "an unusable ONNX file, which is no InputError, becomes one there"


def test_flows_do_not_know_the_keys_of_plans() -> None:
    texts = {name: file.read_text(encoding="utf-8") for name, file in modules().items() if name.startswith("flows")}
    assert [name for name, text in texts.items() if re.search(r"\bplan\[['\"]", text)] == []


# --- tests mirror the rooms -----------------------------------------------------------------------------------


def files_of_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


def test_every_test_file_stands_in_the_room_of_its_module() -> None:
    strange = []
    for file in files_of_tests():
        room, *rest = file.relative_to(ROOT / "tests").parts
        if not rest:
            strange.append(f"{file}: at the top")
        elif room not in FREE and file.stem.removeprefix("test_") not in known_in(room):
            strange.append(f"{file}: no such module in {room}")
    assert strange == []


def known_in(room: str) -> set[str]:
    """The stems of a room's modules and packages, the room's own included."""
    names = [name for name in modules() if name.split(".")[1:2] == [room]]
    return {part for name in names for part in name.split(".")[1:]}


def test_test_files_are_short() -> None:
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in files_of_tests()}
    assert {name: count for name, count in lines.items() if count > LONGEST_TEST} == {}


def test_doubles_stand_beside_the_tests() -> None:
    helpers = {file.name for file in (ROOT / "tests").glob("*.py")}
    assert helpers == {"conftest.py", "contract.py"}
    assert source_tree.ROOT == ROOT
