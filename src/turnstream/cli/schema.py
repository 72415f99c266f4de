"""``turnstream schema``."""

import typer


def schema() -> None:
    """Print the JSON Schema of a configuration, for editors.

    Example: turnstream schema > agent.schema.json

    Editors use it if the first line of agent.yaml is "# yaml-language-server: $schema=agent.schema.json".
    """
    from turnstream.config import schema as published

    typer.echo(published.text(), nl=False)
