"""``turnstream models``: the providers, and what each needs."""

from __future__ import annotations

from typing import Annotated

import typer


def models(
    ready: Annotated[bool, typer.Option("--ready", help="Only those that have what they need.")] = False,
) -> None:
    """List the model providers.

    Shows the variables that each needs, and which are missing here. A base_url and a key in agent.yaml will do as well.

    Example: turnstream models --ready
    """
    import os

    from turnstream.providers import catalogue

    for name, row in sorted(catalogue.PROVIDERS.items()):
        missing = row.missing(os.environ)
        if missing and ready:
            continue
        state = "missing" if missing else "ready"
        groups = missing or row.requirements
        wanted = ", ".join(" or ".join(group) for group in groups) or "nothing"
        typer.echo(f"{name:<22} {state:<8} {wanted}")
