"""The command ``turnstream``. Each command is a file and a row of `COMMANDS`.

A command's file imports nothing heavy at its top: ``turnstream --help`` reads them all.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from turnstream import errors
from turnstream.cli import declare

if TYPE_CHECKING:
    import typer

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


def make_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command with these of its commands. One that is named at once need not load the others."""
    from turnstream.cli import app

    return app.make({name: load_command(name) for name in names})


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
        _run_plain(words, debug=debug)
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


def _run_plain(words: Sequence[str], *, debug: bool) -> None:
    """Does not return if the command line can be read without typer."""
    given = words[debug:]
    if not given or given[0] not in COMMANDS:
        return
    command = load_command(given[0])
    values = declare.read(command, given[1:], os.environ, debug=debug)
    if values is not None:
        keep_what_is_loaded()
        command(**values)
        sys.exit()


def keep_what_is_loaded() -> None:
    """The command begins: see `main`."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _fail(message: str) -> None:
    sys.stderr.write(f"turnstream: {message}\n")
    sys.exit(1)
