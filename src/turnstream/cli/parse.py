"""``turnstream parse``: model outputs with tool calls written as text, read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnstream import errors


def parse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Model outputs, as text.")],
    format: Annotated[str, typer.Option(metavar="NAME", help="The format of their calls, such as hermes, or auto.")],
    tools: Annotated[Path | None, typer.Option(metavar="FILE", help="The offered tools: OpenAI tool objects.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Print the events instead, one line of JSON each.")] = False,
    cut: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Feed the text in pieces of N characters.")
    ] = None,
    reasoning_open: Annotated[bool, typer.Option(help="The prompt ended within the model's reasoning.")] = False,
) -> None:
    """Read tool calls that a model wrote into its text.

    Prints one line of JSON for each file: text, reasoning, tool_calls and malformed.

    Example: turnstream parse --format hermes answer.txt
    """
    import msgspec

    from turnstream.parsing.text_calls import check_format, report

    check_format(format)
    try:
        offered = report.tools_of(_text(tools)) if tools else None
    except ValueError as error:
        raise errors.ConfigurationError(f"{tools}: {error}") from None
    for file in files:
        text = _text(file)
        if events:
            lines = report.events(text, format, offered, cut=cut, reasoning_open=reasoning_open)
        else:
            lines = [report.report(text, format, offered, cut=cut, reasoning_open=reasoning_open)]
        for line in lines:
            typer.echo(msgspec.json.encode(line).decode())


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise errors.ConfigurationError(f"{file}: {(error.strerror or 'cannot be read').lower()}") from None
