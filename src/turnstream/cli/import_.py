"""``turnstream import``: the configuration of another framework, translated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def import_(
    source: Annotated[Literal["flexo"], typer.Argument(metavar="FRAMEWORK", help="Whose configuration: flexo.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its configuration, such as src/configs/agent.yaml.")],
) -> None:
    """Translate the configuration of another framework.

    Prints an agent.yaml, and on standard error a line for each key that has no counterpart here.

    Example: turnstream import flexo src/configs/agent.yaml > agent.yaml
    """
    from turnstream.config import files, flexo

    prompts = file.with_name("prompt_builders.yaml")
    wording = files.read_text(prompts) if prompts.is_file() else ""
    translation = flexo.translate(files.read_text(file), str(file), wording)
    typer.echo(translation.text, nl=False)
    for note in translation.notes:
        typer.echo(note, err=True)
