"""``turnstream migrate``: the tables of a PostgreSQL store."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from turnstream import errors


def migrate(
    store: Annotated[
        str,
        typer.Option("--store", metavar="URL", envvar="TURNSTREAM_STORE", help="postgres://…", show_default=False),
    ] = "",
) -> None:
    """Make or bring up to date the tables of a PostgreSQL store. SQLite files do that by themselves.

    Example: turnstream migrate --store postgres://localhost/turnstream
    """
    from turnstream.runs import stores

    if not stores.is_postgres(store):
        raise errors.ConfigurationError("name a PostgreSQL database: --store postgres://…, or TURNSTREAM_STORE")
    try:
        count = asyncio.run(stores.migrate(store))
    except errors.StoreError as error:
        raise errors.ConfigurationError(f"cannot reach the database: {error.__cause__}") from error
    typer.echo(f"Ran {count} files." if count else "Nothing to do: the schema is up to date.")
