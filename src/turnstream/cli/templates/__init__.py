"""The files that ``turnstream init`` writes: those of ``common``, and those of the template."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

NAMES = ("tools", "mcp", "retrieval", "flexo")


def read(template: str) -> dict[str, str]:
    """Texts by path. ``dot_env`` in the package is ``.env`` in the folder."""
    return {**_read(files(__name__) / "common"), **_read(files(__name__) / template)}


def _read(folder: Traversable, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith("__"):
            continue
        path = prefix + entry.name.replace("dot_", ".", 1) if entry.name.startswith("dot_") else prefix + entry.name
        found |= _read(entry, f"{path}/") if entry.is_dir() else {path: entry.read_text("utf-8")}
    return found
