"""The server: what a configuration may say of it, and its settings."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from turnstream import errors, service
from turnstream.config import foreign, guardrails as guarding, limits as limiting
from turnstream.config.keys import KeyList
from turnstream.config.oidc import OidcList
from turnstream.config.sections import NonEmpty, Number, PositiveInt, Seconds, Secret, Section, StrList, defaults_of
from turnstream.runs import stores

_DEFAULTS = defaults_of(service.ServerSettings)


def _read_off(value: Any) -> Any:
    """``off`` without quotes is false in YAML."""
    return "off" if value is False else value


def _check_store(setting: str) -> str:
    try:
        stores.check(setting)
    except errors.ConfigurationError as error:
        raise ValueError(error.message) from error
    return setting


def _check_network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("expected an address or a network, such as 10.0.0.0/8") from None
    return value


def _check_origin(value: str) -> str:
    """Browsers send an origin without a path, and without a slash at the end."""
    parts = urlsplit(value.rstrip("/"))
    if value != "*" and (not parts.scheme or not parts.netloc or parts.path or parts.query):
        raise ValueError("an origin is scheme://host:port, or '*' for all: https://chat.example.com")
    return value.rstrip("/")


class ServerSection(Section):
    """The server. In a folder of agents one file may have this section."""

    # Each key is a field of `ServerSettings`, which has its default too.
    hints = foreign.SERVER

    host: NonEmpty = _DEFAULTS["host"]
    port: Annotated[int, Field(ge=0, le=65535)] = _DEFAULTS["port"]
    """0 lets the system choose."""
    keys: KeyList = Field(default_factory=list)
    """API keys that open the server. None means that no key is asked, which only a loopback host may do."""
    keys_file: NonEmpty | None = None
    """A file of keys' hashes, which `turnstream keys` writes. Without it: `.turnstream/keys.json` beside the
    configuration, if it is there."""
    keys_store: bool = _DEFAULTS["keys_store"]
    """Keys are in the store too, where `turnstream keys` writes them."""
    oidc: OidcList = Field(default_factory=list)
    """Issuers whose tokens open the server."""
    allow_unauthenticated: bool = _DEFAULTS["allow_unauthenticated"]
    """Serve on a host that is not loopback without keys."""
    cors_origins: list[Annotated[NonEmpty, AfterValidator(_check_origin)]] = Field(default_factory=list)
    """Origins of browsers' pages that may call the server: `https://chat.example.com`, or `*`."""
    allowed_hosts: StrList = Field(default_factory=list)
    """Names by which the server may be called, `*` for any. None: with keys any, else those nobody else can own."""
    public_url: Annotated[NonEmpty, Field(pattern=r"^https?://[^/?#]+(/[^?#]*)?$")] | None = None
    """Where clients reach the server, for the addresses that it tells: `https://agents.example.com`."""
    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = _DEFAULTS["root_path"]
    """The path below which a proxy has the server, if the proxy leaves it in the paths of requests: `/agents`."""
    trusted_proxies: list[Annotated[NonEmpty, AfterValidator(_check_network)]] = Field(default_factory=list)
    """Addresses and networks of proxies whose `X-Forwarded-Proto`, `-Host` and `-Prefix` are believed."""
    max_body: PositiveInt = _DEFAULTS["max_body"]
    """Bytes of a request's body."""
    store: Annotated[Secret, AfterValidator(_check_store)] = Field(default=_DEFAULTS["store"], repr=False)
    """Where conversations and runs are kept: `auto`, `sqlite:PATH`, `postgres://…`, `memory` or `none`."""
    memory_limit: PositiveInt = _DEFAULTS["memory_limit"]
    """Bytes of conversations that are kept in memory; those that were used longest ago go first."""
    max_bodies: PositiveInt = _DEFAULTS["max_bodies"]
    """Bytes of the bodies of all requests that are not answered yet."""
    max_connections: PositiveInt = _DEFAULTS["max_connections"]
    """Connections of clients at a time."""
    max_runs: PositiveInt = _DEFAULTS["max_runs"]
    """Runs at a time."""
    max_runs_each: PositiveInt | None = _DEFAULTS["max_runs_each"]
    """Runs at a time of one principal, which is whoever has the same key; null means no limit of its own."""
    limits: limiting.ServerLimitsSection = Field(default_factory=limiting.ServerLimitsSection)
    """How much may be used in a minute or a day, and how many requests wait for a place."""
    max_held: PositiveInt = _DEFAULTS["max_held"]
    """Bytes that wait for clients that read slowly. Beyond them the slowest client is left."""
    heartbeat: Seconds = _DEFAULTS["heartbeat"]
    """Seconds of silence after which a stream sends a sign of life."""
    first_byte_hold: Number = _DEFAULTS["first_byte_hold"]
    """How many seconds to wait for the first token (or an error) before sending a stream's HTTP status."""
    send_timeout: Seconds = _DEFAULTS["send_timeout"]
    """Seconds after which a run ends whose client has stopped reading."""
    shutdown_grace: Number = _DEFAULTS["shutdown_grace"]
    """Seconds that running streams get when the server is told to stop."""
    statuses: Annotated[Literal["extension", "metadata", "off"], BeforeValidator(_read_off)] = _DEFAULTS["statuses"]
    """How the statuses of a run are streamed, where the request does not choose."""
    forward_headers: StrList = Field(default_factory=list)
    """Request headers that tools may see."""
    workers: PositiveInt = _DEFAULTS["workers"]
    """Processes that serve the address together; more than one needs the store PostgreSQL, or none."""
    push_allow_private: StrList = Field(default_factory=list)
    """Hosts, addresses or networks that clients of A2A may have told of their tasks although they are not public."""
    metrics: bool | None = _DEFAULTS["metrics"]
    """Serve `/metrics` for Prometheus, behind the keys. Without it nothing is counted before somebody asks for them."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = _DEFAULTS["metrics_port"]
    """Serve the metrics on this port too, without keys."""
    guardrails: guarding.GuardrailsSection | None = None
    """Guardrails of all agents, around their own."""
    playground: bool = _DEFAULTS["playground"]
    """Serve the page at `/`. On a host that is not loopback it is there only if the server has keys."""


def build(section: ServerSection, folder: Path = Path()) -> service.ServerSettings:
    """``folder`` is that of the configuration. Header names become lower case: that is how requests carry them."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in section}
    del values["guardrails"]  # they stand around agents
    values["keys"] = tuple(key.build(folder) for key in section.keys)
    values["keys_file"] = None if section.keys_file is None else folder / section.keys_file
    values["oidc"] = tuple(issuer.build() for issuer in section.oidc)
    values["limits"] = section.limits.build()
    values["forward_headers"] = tuple(name.lower() for name in section.forward_headers)
    return service.ServerSettings(**values)
