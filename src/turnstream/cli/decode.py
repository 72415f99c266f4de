"""``turnstream decode``: recorded responses of model vendors, read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def decode(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Bodies of streamed responses, as received.")],
    api: Annotated[str, typer.Option(metavar="NAME", help="Their wire protocol, such as openai.chat.")],
    events: Annotated[bool, typer.Option("--events", help="Print the events instead, one line of JSON each.")] = False,
    cut: Annotated[int | None, typer.Option(min=1, metavar="N", help="Feed the body in pieces of N bytes.")] = None,
) -> None:
    """Decode recorded responses of model vendors.

    Prints one line of JSON for each file.

    Example: turnstream decode --api openai.chat answer.sse
    """
    from turnstream.events import ConfigurationError

    raise ConfigurationError("decode is not there yet")
