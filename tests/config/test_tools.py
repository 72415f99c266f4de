from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from turnstream.config.references import resolve
from turnstream.events import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "helpers_of_tools.py").write_text("NUMBER = 7\n")
    (tmp_path / "tools.py").write_text(
        "from __future__ import annotations\nimport helpers_of_tools\n"
        "def weather(city: str) -> str:\n    return city\n\nclass Box:\n    number = helpers_of_tools.NUMBER\n"
    )
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def error(reference: str, folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolve(reference, folder)
    return caught.value.message


def test_a_file_is_found_next_to_the_configuration(folder: Path) -> None:
    assert resolve("tools.py:weather", folder)("Paris") == "Paris"


def test_a_file_may_import_its_neighbours(folder: Path) -> None:
    assert resolve("tools.py:Box.number", folder) == 7


def test_a_file_is_loaded_once(folder: Path) -> None:
    assert resolve("tools.py:weather", folder) is resolve("./tools.py:weather", folder)


def test_a_module_next_to_the_configuration_is_found(folder: Path) -> None:
    assert resolve("helpers_of_tools:NUMBER", folder) == 7


def test_an_installed_module_is_found(folder: Path) -> None:
    assert resolve("os.path:basename", folder)("a/b") == "b"


def test_an_unknown_name_says_which_was_meant(folder: Path) -> None:
    assert error("tools.py:wether", folder) == "tools.py has no 'wether' (did you mean 'weather'?)"


def test_a_missing_file_and_a_missing_module_are_named(folder: Path) -> None:
    assert error("tolls.py:weather", folder) == f"there is no file {(folder / 'tolls.py').resolve()}"
    assert error("tolls_module:weather", folder) == "there is no module 'tolls_module'"


def test_a_module_that_lacks_another_one_names_that(folder: Path) -> None:
    (folder / "needy.py").write_text("import not_installed_at_all\n")
    assert error("needy:x", folder) == "the module 'needy' imports 'not_installed_at_all', which is not installed"
    assert error("needy.py:x", folder) == "needy.py imports 'not_installed_at_all', which is not installed"


def test_a_file_that_fails_says_where_and_not_with_what(folder: Path) -> None:
    (folder / "broken.py").write_text("\n\nraise RuntimeError('sk-secret')\n")
    assert error("broken.py:x", folder) == "broken.py cannot be imported: RuntimeError, line 3"
    assert error("broken:x", folder) == "broken cannot be imported: RuntimeError, line 3"


def test_a_file_that_raises_our_own_error_is_quoted(folder: Path) -> None:
    (folder / "wrong.py").write_text("from turnstream import tool\n\ntool(name='no good')(print)\n")
    assert error("wrong.py:x", folder).startswith("wrong.py, line 3: tool 'no good': a name is 1 to 64 of ")


def test_a_file_that_is_no_python_says_so(folder: Path) -> None:
    (folder / "bad_syntax.py").write_text("x = 1\ndef f(:\n")
    assert error("bad_syntax.py:x", folder) == "bad_syntax.py, line 2, is not valid Python"
