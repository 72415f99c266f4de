"""``turnstream version``."""

from __future__ import annotations

import json

import typer

from turnstream import __version__
from turnstream.cli.options import Json


def version(as_json: Json = False) -> None:
    """Print the version.

    Example: turnstream version
    """
    typer.echo(json.dumps({"version": __version__}) if as_json else f"turnstream {__version__}")


def show(wanted: bool) -> None:
    """``turnstream --version``."""
    if wanted:
        version()
        raise typer.Exit
