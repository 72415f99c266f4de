"""The command line by typer: the help, completions, and what is wrong with a command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from turnstream import cli
from turnstream.cli import declare, version


def _all(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=version.show, is_eager=True)
    ] = False,
) -> None:
    """Serve LLM agents as streams, in the protocol that the client already speaks.

    Begin with "turnstream dev", which needs no file, no key and no network; or with "turnstream init".
    """
    cli.keep_what_is_loaded()
    context.obj = debug


def make(commands: Mapping[str, Callable[..., Any]]) -> typer.Typer:
    app = typer.Typer(
        name="turnstream",
        no_args_is_help=True,
        rich_markup_mode=None,  # drawing the help with rich takes longer than all the rest of it
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_all)
    for name, command in commands.items():
        app.command(name)(declare.for_typer(command))
    return app
