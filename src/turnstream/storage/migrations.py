"""Numbered SQL files: the schema of a database is the files that were run in it, in order, each once.

Which these are is written down file by file, and their largest number beside it, for programs that know only that.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
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


def missing(all: Sequence[Migration], applied: Set[int], place: str) -> Sequence[Migration]:
    """Those that a database has not seen, in order: one may be lower than the last that it has. Raises
    `ConfigurationError` if it has seen one that this version does not know."""
    newest = max(applied, default=0)
    if applied - {migration.number for migration in all}:
        text = (
            f"{place} has the schema {newest}, written by a newer version of Turnstream; this version knows up to "
            f"{all[-1].number}. Upgrade Turnstream, or name another database."
        )
        raise errors.ConfigurationError(text)
    return [migration for migration in all if migration.number not in applied]


def up_to(version: int) -> set[int]:
    """What a database has seen that knows only the last number: versions before 0.1 wrote no more."""
    return set(range(1, version + 1))
