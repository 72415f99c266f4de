"""``turnstream version``."""

import typer

from turnstream import __version__


def version() -> None:
    """Print the version.

    Example: turnstream version
    """
    typer.echo(f"turnstream {__version__}")
