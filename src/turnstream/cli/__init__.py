"""The command ``turnstream``. Each command is a file and a row of `COMMANDS`.

A command's file imports nothing heavy at its top: ``turnstream --help`` reads them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from turnstream import errors
from turnstream.cli import (
    chat,
    check,
    decode,
    dev,
    doctor,
    health,
    import_,
    index,
    init,
    keys,
    migrate,
    models,
    parse,
    ping,
    schedules,
    schema,
    serve,
    store,
    tools,
    version,
)

COMMANDS: Sequence[Callable[..., Any]] = (
    dev.dev,
    init.init,
    serve.serve,
    chat.chat,
    check.check,
    tools.tools,
    import_.import_,
    decode.decode,
    doctor.doctor,
    health.health,
    models.models,
    parse.parse,
    ping.ping,
    index.index,
    migrate.migrate,
    keys.keys,
    store.runs,
    store.threads,
    schedules.schedules,
    schema.schema,
    version.version,
)

INTERRUPTED = 130

app = typer.Typer(
    name="turnstream",
    no_args_is_help=True,
    rich_markup_mode=None,  # drawing the help with rich takes longer than all the rest of it
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
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
    context.obj = debug


for _command in COMMANDS:
    app.command(_command.__name__.rstrip("_"))(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Exits with 0 for success, 1 for failure, 2 for a command line that cannot be understood, 130 for Ctrl-C."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    words = ["--debug"] * debug + [word for word in given if word != "--debug"]  # it may stand anywhere
    try:
        app(args=words, prog_name="turnstream")
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


def _fail(message: str) -> None:
    sys.stderr.write(f"turnstream: {message}\n")
    sys.exit(1)
