"""``turnstream models``: the providers, and what each needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from turnstream.cli.options import Json


def models(
    ready: Annotated[bool, typer.Option("--ready", help="Only those whose variables are set here.")] = False,
    as_json: Json = False,
) -> None:
    """List the model providers.

    Shows the variables that each needs, and which are missing here. "local" is a server of your own, which needs no key
    and may not be running. A base_url and a key in agent.yaml will do as well.

    Example: turnstream models --ready
    """
    from turnstream.config import environment
    from turnstream.providers import catalogue

    environ = environment.read(Path("agent.yaml"))
    rows = [_describe(name, row, environ) for name, row in sorted(catalogue.PROVIDERS.items())]
    for row in rows:
        if ready and row["state"] != "ready":
            continue
        if as_json:
            typer.echo(json.dumps(row))
        else:
            wanted = ", ".join(" or ".join(group) for group in row["missing"] or row["needs"])
            typer.echo(f"{row['name']:<22} {row['state']:<8} {wanted or row['address'] or 'nothing'}")


def _describe(name: str, row: Any, environ: Any) -> dict[str, Any]:
    missing = row.missing(environ)
    address = next((environ[variable] for variable in row.urls if environ.get(variable)), row.base_url)
    local = not row.requirements and name != "demo"
    return {
        "name": name,
        "state": "missing" if missing else "local" if local else "ready",
        "needs": row.requirements,
        "missing": missing,
        "address": address,
    }
