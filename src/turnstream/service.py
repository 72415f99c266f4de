"""What a server serves: agents by name, and the settings of the server. `turnstream.config` makes it from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from turnstream import identity, protocols, requests, resources
from turnstream.agent import Agent
from turnstream.limits import ServerLimits  # by name: settings have ``limits``

if TYPE_CHECKING:
    from turnstream.outside.schedules import Schedule
    from turnstream.outside.webhooks import Webhook

StatusMode = Literal["extension", "metadata", "off"]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Times are in seconds, sizes in bytes. ``keys`` are the API keys that open the server, each a text or with a name
    and agents of its own; others may be in a ``keys_file`` of hashes, or with ``keys_store`` in the store. ``oidc``
    are those whose tokens are believed. None of all means that nobody is asked who it is.

    ``forward_headers`` is the allow-list of request headers (lower case) that tools may see. ``first_byte_hold`` is how
    long a stream's HTTP status waits for the model's first word or failure. ``send_timeout`` ends a run whose client
    has stopped reading for so long, and its connection. With ``playground`` the page is served at ``/``, where no
    stranger can come without a key.

    ``allowed_hosts`` are the names by which the server may be called, ``*`` for any. None means: with keys any, without
    keys those that nobody else can own. ``public_url`` is where clients reach it, if not where it listens.
    ``root_path`` is the path below which a proxy has it, if that leaves it in the paths of requests; ``X-Forwarded-*``
    of ``trusted_proxies``, which are addresses and networks, is believed.

    ``memory_limit`` bounds what the server remembers of threads and answers, ``max_bodies`` the bodies of all requests
    that are not answered yet, ``max_held`` the bytes that wait for clients which read slowly: beyond it the slowest is
    left. Beyond ``max_bodies``, ``max_connections`` or ``max_runs`` the server is busy (503);
    a principal that has ``max_runs_each`` runs gets 429 for the next, so that none can take the others' place. The
    ``limits`` say how much may be used in a time, and whether requests wait for a place.

    ``workers`` are processes that serve the address together, each with these limits; `turnstream serve` starts them.

    ``metrics`` are for Prometheus, behind the keys, or without them on a ``metrics_port`` of their own. None: nothing
    is counted before somebody asks for them, and nothing at all by several workers.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    keys: tuple[str | identity.Key, ...] = field(default=(), repr=False)
    allow_unauthenticated: bool = False
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    public_url: str | None = None
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    max_body: int = 8 * 1024 * 1024
    store: str = field(default="auto", repr=False)
    memory_limit: int = 64 * 1024 * 1024
    max_bodies: int = 256 * 1024 * 1024
    max_connections: int = 8192
    max_runs: int = 4096
    max_runs_each: int | None = None
    limits: ServerLimits = field(default_factory=ServerLimits)
    max_held: int = 256 * 1024 * 1024
    heartbeat: float = 10.0
    first_byte_hold: float = 3.0
    send_timeout: float = 120.0
    shutdown_grace: float = 30.0
    statuses: StatusMode = "extension"
    forward_headers: tuple[str, ...] = ()
    push_allow_private: tuple[str, ...] = ()
    playground: bool = True
    workers: int = 1
    metrics: bool | None = None
    metrics_port: int | None = None
    keys_file: Path | None = None
    keys_store: bool = False
    oidc: tuple[identity.Issuer, ...] = ()

    @property
    def asks_who(self) -> bool:
        """Whether a request must show who asks."""
        return bool(self.keys or self.keys_file or self.keys_store or self.oidc)


@dataclass(slots=True)
class Service:
    """Agents by name, the first being the default. Entering it opens what the agents own, leaving it closes that.

    ``threads`` is where conversations are kept, None: as ``settings.store`` says. ``folder`` is that of the
    configuration, if there is one. ``watches`` make those who watch its runs. ``secrets`` are those that it was
    configured with: no line of the log has them. ``schedules`` start runs by the clock, each by its name; ``webhooks``
    are told of kept runs. ``sources`` are the configurations of agents, without secrets, where they come from files;
    ``rebuild`` makes the agent of a name and such a source.
    """

    agents: Mapping[str, Agent]
    settings: ServerSettings = field(default_factory=ServerSettings)
    threads: protocols.Threads | None = None
    folder: Path | None = None
    watches: tuple[protocols.Watch, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    webhooks: tuple[Webhook, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    rebuild: Callable[[str, str], Agent] | None = field(default=None, repr=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, repr=False)

    def agents_of(self, principal: requests.Principal) -> Mapping[str, Agent]:
        """Those that it may use. For it there are no others."""
        if principal.agents is None:
            return self.agents
        return {name: agent for name, agent in self.agents.items() if principal.may_use(name)}

    def resolve(self, name: str | None, principal: requests.Principal) -> str | None:
        """Which of its agents it means by a name, which may be an alias: the first without one. None for none."""
        allowed = self.agents_of(principal)
        if name is None:
            return next(iter(allowed), None)
        if name in allowed:
            return name
        for alias in (name, "*"):
            if found := next((own for own, agent in allowed.items() if alias in agent.aliases), None):
                return found
        return None

    async def __aenter__(self) -> Service:
        self._stack = await resources.open_all(self.agents.values())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()
