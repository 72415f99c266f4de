"""``turnstream decode``: recorded responses of model vendors, read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from turnstream import errors


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
    import msgspec

    from turnstream.cli import recordings

    for file in files:
        body = _body(file)
        if events:
            found, error = recordings.read_events(api, body, cut=cut)
            lines: list[Any] = [*found, *([] if error is None else [{"type": "error", "message": error.message}])]
        else:
            lines = [recordings.decode(api, str(file), body, cut=cut)]
        for line in lines:
            typer.echo(msgspec.json.encode(line).decode())


def _body(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise errors.ConfigurationError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
