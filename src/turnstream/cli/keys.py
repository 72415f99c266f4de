"""``turnstream keys``: the keys of a server, of which a file or a store keeps the hashes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from turnstream import errors, limits, requests
from turnstream.cli.options import Json
from turnstream.cli.text import printable

if TYPE_CHECKING:
    from turnstream.identity.records import Record, Store

_UNITS = {"m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}
_SPAN = re.compile(r"(\d{1,6})([mhdy])")
_SCOPES = "runs, approve, metrics, admin"

Name = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Whose key; to revoke, also its id.", show_default=False)
]
Expires = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Until 2027-01-31, or for 90d, 12h.", show_default=False)
]
Scopes = Annotated[
    list[str] | None, typer.Option(help=f"What it may: {_SCOPES}; else runs and metrics.", show_default=False)
]
Agents = Annotated[list[str] | None, typer.Option(help="An agent that it opens; else all.", show_default=False)]
Groups = Annotated[list[str] | None, typer.Option(help="A group that it belongs to.", show_default=False)]
Most = Annotated[
    list[str] | None,
    typer.Option(
        "--limit", metavar="NAME=N", help="The most that it may use: runs=4, tokens_per_day=100000.", show_default=False
    ),
]
Config = Annotated[
    str | None,
    typer.Option("--config", "-c", metavar="FILE", help="Whose server: agent.yaml or a folder.", show_default=False),
]
File = Annotated[
    Path | None, typer.Option("--file", metavar="PATH", help="Keep the hashes in this file.", show_default=False)
]
InStore = Annotated[
    str | None,
    typer.Option("--store", metavar="STORE", help="Keep them in sqlite:PATH or postgres://….", show_default=False),
]


def keys(
    action: Annotated[Literal["add", "list", "revoke"], typer.Argument(help="What to do.")],
    name: Name = None,
    expires: Expires = None,
    scope: Scopes = None,
    agent: Agents = None,
    group: Groups = None,
    limit: Most = None,
    config: Config = None,
    file: File = None,
    store: InStore = None,
    as_json: Json = False,
) -> None:
    """Add, list or revoke keys of a server. A running server knows of it within seconds.

    "add" prints the new key, once: only its hash is kept, in .turnstream/keys.json beside the configuration or where
    that says (keys_file, keys_store).

    Example: turnstream keys add alice --expires 90d --scope runs
    """

    async def act(kept: Store) -> None:
        match action:
            case "list":
                _show(await kept.list_records(), as_json)
            case "add":
                fields: dict[str, Any] = {"scopes": scope or None, "agents": agent or None, "groups": group or []}
                fields["limits"] = _read_limits(limit or [])
                await _add(kept, _require(name), expires, fields, as_json)
            case _:
                await _revoke(kept, _require(name))

    _with_keys(_find(config, file, store), act)


async def _add(kept: Store, name: str, expires: str | None, fields: dict[str, Any], as_json: bool) -> None:
    from turnstream.identity import records

    if unknown := set(fields["scopes"] or ()) - requests.SCOPES:
        raise errors.ConfigurationError(f"unknown scope '{sorted(unknown)[0]}'; expected {_SCOPES}")
    now = time.time()
    expires_at = None if expires is None else _read_time(expires, now)
    key, record = records.make(name, now, expires_at=expires_at, **fields)
    is_first = not await kept.list_records()
    await kept.add(record)
    if is_first:
        typer.echo("The first one: a server that runs without keys asks for them when it is started again.", err=True)
    if as_json:
        typer.echo(_json({**_as_data(record, None), "key": key}))
    else:
        typer.echo(f"{record.id} of {printable(name)}. This is the only time that the key is shown:", err=True)
        typer.echo(key)


async def _revoke(kept: Store, wanted: str) -> None:
    count = await kept.revoke(wanted, time.time())
    if not count:
        raise errors.ConfigurationError(f"there is no key with the name or id '{wanted}' that is not revoked")
    typer.echo(f"Revoked {count} key{'s' if count > 1 else ''}.")


def _show(found: Sequence[tuple[Record, float | None]], as_json: bool) -> None:
    if as_json:
        typer.echo(_json([_as_data(record, used_at) for record, used_at in found]))
        return
    rows = [("id", "name", "status", "scopes", "agents", "expires", "last used")]
    for record, used_at in found:
        shown = _as_data(record, used_at)
        lists = (",".join(shown[name] or ["-"]) for name in ("scopes", "agents"))
        rows.append((record.id, record.name, shown["status"], *lists, shown["expires"] or "-", shown["used"] or "-"))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        typer.echo(printable("  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()))


def _as_data(record: Record, used_at: float | None) -> dict[str, Any]:
    times = {"created": record.created_at, "expires": record.expires_at, "revoked": record.revoked_at, "used": used_at}
    told = {name: None if at is None else _time(at) for name, at in times.items()}
    lists = {"scopes": record.scopes, "agents": record.agents, "groups": record.groups}
    return {"id": record.id, "name": record.name, "status": record.status(time.time()), **lists, **told}


def _find(config: str | None, file: Path | None, store: str | None) -> Store:
    """Where the keys are: what the command line names, else what the configuration does."""
    from turnstream import identity
    from turnstream.config import find
    from turnstream.identity.files import KeyFile
    from turnstream.server import identities

    if store is not None:
        return identities.store(store, Path())
    if file is not None:
        return KeyFile(file)
    if config is None and find(Path()) is None:
        return KeyFile(identity.KEYS_FILE)
    from turnstream.cli.target import load_service

    service = load_service(config, skipped=[])
    if service.settings.keys_store:
        return identities.store(service.settings.store, service.folder)
    return KeyFile(service.settings.keys_file or (service.folder or Path()) / identity.KEYS_FILE)


def _with_keys(kept: Store, act: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        opened = kept if isinstance(kept, AbstractAsyncContextManager) else nullcontext()
        async with cast("AbstractAsyncContextManager[Any]", opened):
            await act(kept)

    try:
        asyncio.run(run())
    except errors.StoreError as error:
        raise errors.ConfigurationError(f"cannot reach the store: {error.__cause__ or error.message}") from error


def _read_time(text: str, now: float) -> float:
    if span := _SPAN.fullmatch(text):
        return now + int(span[1]) * _UNITS[span[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise errors.ConfigurationError(f"--expires: expected 2027-01-31, 90d or 12h, not '{text}'") from None
    at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at <= now:
        raise errors.ConfigurationError("--expires: this time has passed")
    return at


def _read_limits(given: Sequence[str]) -> limits.Limits | None:
    import msgspec

    named = {name: number for name, _, number in (each.partition("=") for each in given)}
    if unknown := sorted(named.keys() - set(limits.Limits.__struct_fields__)):
        known = ", ".join(limits.Limits.__struct_fields__)
        raise errors.ConfigurationError(f"--limit: unknown '{unknown[0]}'; expected {known}")
    try:
        return msgspec.convert(named, limits.Limits, strict=False) if named else None
    except msgspec.ValidationError:
        raise errors.ConfigurationError("--limit: expected NAME=NUMBER, such as runs=4") from None


def _require(name: str | None) -> str:
    if name is None or not name.strip():
        raise typer.BadParameter("name the key's principal", param_hint="NAME")
    if len(name) > requests.LONGEST_NAME or not name.isprintable():
        raise typer.BadParameter("a name is printable, and at most 255 characters long", param_hint="NAME")
    return name


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)
