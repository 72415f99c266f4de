"""The environment that a configuration is read with: the process's, completed by ``.env`` files beside it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from turnstream import errors
from turnstream.config import files
from turnstream.providers import catalogue

NAME = ".env"


def read(target: Path, environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """What ``.env`` says is for variables that ``environ`` (by default the process's) does not have.

    Raises `ConfigurationError` if a file cannot be read, or has a line that is not ``NAME=value``.
    """
    found = dict(os.environ if environ is None else environ)
    for folder in _folders(target):
        for name, value in _read_file(folder / NAME).items():
            found.setdefault(name, value)
    return found


def export(target: Path, environ: MutableMapping[str, str] = os.environ) -> None:
    """Put it into the process's own environment: a program's tools may look there."""
    environ.update(read(target, environ))


def add_placeholders(environ: Mapping[str, str]) -> Mapping[str, str]:
    """With a stand-in for each variable that a provider needs: nothing is sent, so a model can be made of them."""
    found = dict(environ)
    for provider in catalogue.PROVIDERS.values():
        for name, *_ in provider.missing(environ):
            is_address = name.endswith(("URL", "ENDPOINT", "HOST"))
            found.setdefault(name, "https://placeholder.invalid" if is_address else "placeholder")
    return found


def _folders(target: Path) -> Iterable[Path]:
    """Nearest first. A folder of agents may have its file inside or beside it."""
    if target.is_dir():
        return (target, target.parent) if target.parent != target else (target,)
    return (target.parent,)


def _read_file(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    text = files.read_text(file)
    for line in parse_stream(io.StringIO(text)):
        if line.error:
            raise errors.ConfigurationError(f"{file}:{line.original.line}: expected NAME=value")
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
