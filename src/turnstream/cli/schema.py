"""``turnstream schema``."""

from typing import Annotated, Literal

import typer


def schema(
    of: Annotated[Literal["agent", "runs"], typer.Argument(metavar="[agent|runs]", help="Of what.")] = "agent",
) -> None:
    """Print the JSON Schema of a configuration, or of the runs API.

    Example: turnstream schema > agent.schema.json

    Example: turnstream schema runs > runs.schema.json

    Editors use it if the first line of agent.yaml is "# yaml-language-server: $schema=agent.schema.json".
    """
    if of == "runs":
        from turnstream.dialects import native_schema

        typer.echo(native_schema.text(), nl=False)
        return
    from turnstream.config import schema as published

    typer.echo(published.text(), nl=False)
