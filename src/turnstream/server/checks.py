"""What must be true of settings before anybody is served by them."""

from __future__ import annotations

from collections.abc import Iterable

from turnstream import errors
from turnstream.identity import issuers, keys
from turnstream.server import addresses, identities
from turnstream.service import ServerSettings


def check(settings: ServerSettings, agents: Iterable[str] = ()) -> None:
    """A server that others can reach needs keys, unless its operator says that it does not."""
    agents = list(agents)
    keys.check(settings.keys, agents)
    issuers.check(settings.oidc, agents)
    identities.check_files(settings)
    if settings.asks_who or settings.allow_unauthenticated or addresses.is_loopback(settings.host):
        return
    raise errors.ConfigurationError(
        f"The server would listen on {settings.host} without any API key: set keys, or allow it with"
        " allow_unauthenticated (--allow-unauthenticated)."
    )
