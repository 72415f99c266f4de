"""The map in CONTRIBUTING.md: every place that it names is there."""

from __future__ import annotations

import re
from collections.abc import Sized
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
NAMED = re.findall(r"`([^`\s]+)`", TEXT)
PATHS = sorted({name for name in NAMED if name.startswith(("src/", "tests/", "docs/")) and "NAME" not in name})
ROWS = sorted({name for name in NAMED if re.fullmatch(r"turnstream(\.\w+)+\.[A-Z]+", name)})

BESIDE_THE_PIPE = {
    "cli",
    "client",
    "config",
    "doctor",
    "identity",
    "outside",
    "prompts",
    "storage",
    "telemetry",
    "testing",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_the_map_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("row", ROWS)
def test_a_table_that_gets_a_row_is_there_and_has_some(row: str) -> None:
    module, _, name = row.rpartition(".")
    table = getattr(import_module(module), name)
    assert isinstance(table, Sized)
    assert len(table) > 3


def test_the_map_names_each_room() -> None:
    rooms = {path.name for path in (ROOT / "src/turnstream").iterdir() if (path / "__init__.py").exists()}
    behind_the_pipe = {
        "cli",
        "config",
        "doctor",
        "testing",
        "prompts",
        "identity",
        "storage",
        "telemetry",
        "outside",
        "client",
    }
    assert {room for room in rooms - behind_the_pipe if f"src/turnstream/{room}" not in TEXT} == set()
