"""``turnstream init``: the files of a new agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from turnstream import errors


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where; it is made if it is not there.")] = Path(),
    template: Annotated[
        Literal["tools", "mcp", "retrieval", "flexo"],
        typer.Option(help="Functions, an MCP server, a folder of documents, or a start that users of Flexo know."),
    ] = "tools",
) -> None:
    """Make a folder with an agent, its tools and a test.

    Writes agent.yaml, .env, .gitignore and what they need. Nothing that is there is overwritten.

    Example: turnstream init my-agent

    Example: turnstream init my-agent --template mcp
    """
    from turnstream.cli import templates

    files = templates.read(template)
    if taken := [name for name in files if (folder / name).exists()]:
        raise errors.ConfigurationError(f"{folder / taken[0]} already exists; nothing was written")
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        typer.echo(f"wrote {file}")
    typer.echo("\nNext:")
    for line in _next_steps(folder, template):
        typer.echo(f"  {line}")


def _next_steps(folder: Path, template: str) -> list[str]:
    lines = [f"cd {folder}"] if folder != Path() else []
    if template == "mcp":
        lines.append("pip install 'turnstream[mcp]'")
    if template == "retrieval":
        lines += ["pip install 'turnstream[retrieval]'", "turnstream index docs"]
    return [*lines, "turnstream dev", "pip install pytest && pytest"]
