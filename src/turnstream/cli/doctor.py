"""``turnstream doctor``: what would break clients of a server, ours or not."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def doctor(
    url: Annotated[str, typer.Argument(metavar="URL", help="The base URL: http://127.0.0.1:8000/v1")],
    key: Annotated[str, typer.Option(envvar="TURNSTREAM_KEY", help="The server's key.")] = "",
    model: Annotated[str | None, typer.Option(help="The model to ask; by default the server's first.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that one answer may take.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check an OpenAI-compatible server for what breaks real clients.

    It asks five short questions, looks at each byte of the answers, and names the clients that fail. The exit code
    is 1 if there is an error; warnings are not counted.

    Example: turnstream doctor http://127.0.0.1:8000/v1
    """
    from turnstream.doctor import probe
    from turnstream.doctor.report import Report

    report = Report(probe.run(url, key=key, model=model, seconds=timeout))
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        typer.echo("\n".join(report.lines(_paint)))  # without colours where nobody sees them
    if not report.ok:
        raise typer.Exit(1)


def _paint(text: str, colour: str) -> str:
    return typer.style(text, bold=True) if colour == "bold" else typer.style(text, fg=colour)
