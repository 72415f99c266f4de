"""Numbered SQL files: the schema of a database is the files that were run in it, in order, each once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from turnstream import errors


class Migration(NamedTuple):
    number: int
    name: str
    sql: str


def migrations(folder: str) -> list[Migration]:
    """Those of a folder beside this file, in order."""
    found = [
        Migration(int(entry.name[:4]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in files("turnstream.storage").joinpath(folder).iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found)


def missing(all: Sequence[Migration], version: int, place: str) -> Sequence[Migration]:
    """Those that a database of this version has not seen."""
    newest = all[-1].number
    if version > newest:
        text = (
            f"{place} has the schema {version}, written by a newer version of Turnstream; this version knows up to "
            f"{newest}. Upgrade Turnstream, or name another database."
        )
        raise errors.ConfigurationError(text)
    return [migration for migration in all if migration.number > version]
