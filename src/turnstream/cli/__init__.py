"""The command ``turnstream``. Each command is a file and a row of `COMMANDS`.

A command's file imports nothing heavy at its top: ``turnstream --help`` reads them all.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from turnstream import errors
from turnstream.cli import version

COMMANDS = {
    "dev": "dev",
    "init": "init",
    "serve": "serve",
    "chat": "chat",
    "check": "check",
    "tools": "tools",
    "import": "import_",
    "decode": "decode",
    "doctor": "doctor",
    "health": "health",
    "models": "models",
    "parse": "parse",
    "ping": "ping",
    "index": "index",
    "migrate": "migrate",
    "keys": "keys",
    "runs": "store",
    "threads": "store",
    "schedules": "schedules",
    "schema": "schema",
    "version": "version",
}
"""The file of each command, in the order in which the help shows them."""

INTERRUPTED = 130


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
    if not gc.isenabled():  # by `main`
        gc.freeze()
        gc.enable()
    context.obj = debug


def make_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command with these of its commands. One that is named at once need not load the others."""
    app = typer.Typer(
        name="turnstream",
        no_args_is_help=True,
        rich_markup_mode=None,  # drawing the help with rich takes longer than all the rest of it
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_all)
    for name in names:
        app.command(name)(load_command(name))
    return app


def load_command(name: str) -> Callable[..., Any]:
    found = import_module(f"turnstream.cli.{COMMANDS[name]}")
    command: Callable[..., Any] = getattr(found, name, None) or getattr(found, f"{name}_")
    return command


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 0 for success, 1 for failure, 2 for a command line that cannot be understood, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    words = ["--debug"] * debug + [word for word in given if word != "--debug"]  # it may stand anywhere
    first = next((word for word in words if not word.startswith("-")), "")
    gc.disable()  # until the command begins: what is loaded by then stays, and need not be looked through
    try:
        make_app([first] if first in COMMANDS else COMMANDS)(args=words, prog_name="turnstream")
    except errors.TurnstreamError as error:
        if debug:
            raise
        _fail(error.message)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # the last boundary: a sentence instead of a traceback
        if debug:
            raise
        _fail(f"unexpected error: {type(error).__name__}: {error}. Run it again with --debug to see where.")
    finally:
        gc.enable()


def _fail(message: str) -> None:
    sys.stderr.write(f"turnstream: {message}\n")
    sys.exit(1)
