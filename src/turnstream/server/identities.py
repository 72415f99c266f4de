"""Where a server's settings say that its keys are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from turnstream import errors, identity
from turnstream.identity import files, records
from turnstream.runs import stores
from turnstream.service import ServerSettings

if TYPE_CHECKING:
    from turnstream.identity.tokens import Tokens


def directory(
    settings: ServerSettings, folder: Path | None, tell_gone: Callable[[frozenset[str]], None] = lambda names: None
) -> identity.Directory:
    """Raises `ConfigurationError` where tokens cannot be checked."""
    return identity.Directory(settings.keys, list(_sources(settings, folder)), _tokens(settings), tell_gone=tell_gone)


def _tokens(settings: ServerSettings) -> Tokens | None:
    signed = any(isinstance(key, identity.Key) and key.users and key.users.secret for key in settings.keys)
    if not settings.oidc and not signed:
        return None
    try:
        from turnstream.identity.tokens import Tokens
    except ImportError:
        message = "tokens need the extra 'oidc': pip install 'turnstream[oidc]'"
        raise errors.ConfigurationError(message) from None
    return Tokens(settings.oidc) if settings.oidc else None


def _sources(settings: ServerSettings, folder: Path | None) -> Iterator[records.Source]:
    if settings.keys_file is not None:
        yield files.KeyFile(settings.keys_file)
    if settings.keys_store:
        yield store(settings.store, folder)


def store(setting: str, folder: Path | None) -> records.Store:
    """The keys of a store. Raises `ConfigurationError` for one that keeps nothing."""
    stores.check(setting)
    if stores.is_postgres(setting):
        from turnstream.identity.postgres import PostgresKeys

        return PostgresKeys(setting)
    if setting in ("memory", "none") or (setting == "auto" and folder is None):
        message = f"keys_store: the store '{setting}' keeps no keys; name another, or a keys_file"
        raise errors.ConfigurationError(message)
    from turnstream.identity.sqlite import SqliteKeys

    return SqliteKeys(stores.file_of(setting, folder))


def check_files(settings: ServerSettings) -> None:
    """Raises `ConfigurationError` for a file of keys that is missing or cannot be read."""
    for key in settings.keys:
        if isinstance(key, identity.Key) and key.file is not None:
            files.SecretFile(key).load()
    if settings.keys_file is not None:
        files.KeyFile(settings.keys_file).load()
