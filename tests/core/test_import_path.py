"""Import paths: what the user names is found, and what is wrong with it is said in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.core import InputError
from tasks.core.import_path import is_import_path, module_file, resolve

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module into the current folder, which is not on the path yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])

    def write(name: str, text: str = "") -> None:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    return write


def mistake(target: str, what: str = "function") -> str:
    with pytest.raises(InputError) as caught:
        resolve(target, "model.factory", what)
    return str(caught.value)


@pytest.mark.parametrize("text", ["a:b", "a.b_1.c:D", "größe:ä"])
def test_the_form_of_an_import_path(text: str) -> None:
    assert is_import_path(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", ":b", "a:", "a:b:c", "a:b.c", "a..b:c", ".a:b", "1:b", "a b:c", "d/a:b"]
)
def test_another_form_is_none(text: str) -> None:
    assert not is_import_path(text)
    assert mistake(text) == f"model.factory: must have the form module:name, but got {text!r}"


def test_functions_and_classes_are_found_installed_and_in_the_current_folder(write: Write) -> None:
    write("my_found.py", "def net(): return 7\nclass Net: pass\n")
    assert resolve("collections:OrderedDict", "x").__name__ == "OrderedDict"
    assert resolve("my_found:net", "x")() == 7
    assert isinstance(resolve("my_found:Net", "x"), type)


def test_a_module_with_a_name_of_paredown_s_own_is_to_be_renamed(write: Write) -> None:
    missing = mistake("tasks:net")
    assert missing.startswith("model.factory: must name a function of the module tasks")
    write("tasks.py", "def net(): return 7")
    write("flows/nets.py", "def net(): return 7")
    for target, name in (("tasks:net", "tasks"), ("flows.nets:net", "flows")):
        assert mistake(target) == f"model.factory: the module {name} is Paredown's own; rename yours"
    assert resolve("tasks.architectures:convnet", "x").__module__ == "tasks.architectures.convnet"


def test_an_absent_module_is_answered_with_the_nearest(write: Write) -> None:
    write("my_nets_one.py")
    write("my_parts/__init__.py")
    write("my_parts/layers.py")
    law = "model.factory: must name a module that can be imported, from the current folder or installed, but got "
    assert mistake("my_net_one:net") == f"{law}'my_net_one:net'; nearest valid choice: my_nets_one:net"
    assert mistake("my_parts.layer:net") == f"{law}'my_parts.layer:net'; nearest valid choice: my_parts.layers:net"
    assert mistake("my_part.layers:net") == f"{law}'my_part.layers:net'; nearest valid choice: my_parts.layers:net"
    assert mistake("my_nets_one.deep:net") == f"{law}'my_nets_one.deep:net'"


def test_an_absent_name_is_answered_with_the_nearest_that_can_be_called(write: Write) -> None:
    write("my_names.py", "def resnet20(): pass\n_resnet21 = resnet20\nresnet22 = 22\n")
    law = "model.factory: must name a function of the module my_names, but got "
    assert mistake("my_names:resnet21") == f"{law}'resnet21'; nearest valid choice: my_names:resnet20"
    assert mistake("my_names:resnet22") == f"{law}'resnet22'; nearest valid choice: my_names:resnet20"
    assert mistake("my_names:zzz", "class").startswith("model.factory: must name a class of the module my_names")


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("import absent_thing", "ModuleNotFoundError: No module named 'absent_thing'"),
        (
            "import my_failing.other",
            "ModuleNotFoundError: No module named 'my_failing.other'; 'my_failing' is not a package",
        ),
        ("from json import nothing_there", "ImportError: cannot import name 'nothing_there' from 'json' "),
        ("{}['key']", "KeyError: 'key'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('first\\nsecond')", "ValueError: first)"),
        ("def net(:", "SyntaxError: "),
        ("def __getattr__(name): raise ImportError('later')", "ImportError: later"),
    ],
)
def test_a_module_that_fails_on_import_says_so(write: Write, body: str, cause: str) -> None:
    write("my_failing.py", body)
    sys.modules.pop("my_failing", None)
    message = mistake("my_failing:net")
    assert message.startswith(f"model.factory: names the module my_failing, which fails on import ({cause}")
    assert message.endswith("but got 'my_failing:net'")
    assert "\n" not in message


def test_a_package_that_fails_on_import_says_so_too(write: Write) -> None:
    write("my_broken/__init__.py", "import absent_thing")
    write("my_broken/nets.py", "def net(): pass")
    assert "which fails on import (ModuleNotFoundError: No module named 'absent_thing')" in mistake(
        "my_broken.nets:net"
    )
    assert module_file("my_broken.nets:net") is None


def test_a_module_s_file_is_found_without_running_it(write: Write, tmp_path: Path) -> None:
    write("my_quiet.py", "raise SystemExit")
    assert module_file("my_quiet:net") == tmp_path / "my_quiet.py"
    assert module_file("my_absent:net") is None
    assert module_file("my_absent.deeper:net") is None
