"""MCP servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from turnstream import errors
from turnstream.config import context, files, foreign
from turnstream.config.sections import NonEmpty, PositiveInt, Seconds, Section, StrList, StrMap
from turnstream.config.tools import credentials
from turnstream.config.tools.kind import EffectName, Kind, require
from turnstream.protocols import Toolbox
from turnstream.tools import bounds

if TYPE_CHECKING:
    from turnstream.tools import mcp

_FOR_COMMAND = {"args", "env", "cwd"}
_FOR_URL = {"ca", "transport", "headers", "auth", "forward_headers", "forward_context"}


class McpSection(Section):
    """An MCP server: a `command` to run it, or its `url`."""

    hints = foreign.MCP

    name: NonEmpty | None = None
    """What errors, logs and lists of tools call it; without it, the name of its command or host."""
    command: NonEmpty | None = None
    """A program that speaks MCP over its standard input and output. It runs in the folder of this file."""
    args: list[str] = Field(default_factory=list)
    env: Annotated[StrMap, Field(repr=False)] = Field(default_factory=dict)
    """Environment variables of the program, besides PATH, HOME and their like."""
    cwd: NonEmpty | None = None
    """Where the program runs; relative to this file."""
    url: NonEmpty | None = None
    transport: Literal["streamable-http", "sse"] = "streamable-http"
    """How the server at `url` speaks; `sse` is the older way."""
    auth: credentials.AuthSection | None = None
    """Who asks the server at `url`; an API key is sent in a header."""
    headers: Annotated[StrMap, Field(repr=False)] = Field(default_factory=dict)
    """Sent with each request to `url`."""
    forward_headers: StrList = Field(default_factory=list)
    """Headers of a user's own request that go to `url` with the user's calls. `server.forward_headers` must allow
    them too."""
    forward_context: dict[str, NonEmpty] = Field(default_factory=dict)
    """Headers to `url` that carry a value of the request's context: `{X-Tenant: tenant}`."""
    ca: NonEmpty | None = None
    """A file of certificates to trust instead of the system's."""
    start_timeout: Seconds = bounds.START_SECONDS
    """Seconds until the server must have answered for the first time."""
    effect: EffectName | None = None
    """What a second call of its tools would do; without it, what the server says of each."""
    max_bytes: PositiveInt = bounds.ANSWER_BYTES
    """Bytes of a result's text; a longer one is an error for the model."""

    @model_validator(mode="after")
    def _one_way(self) -> McpSection:
        if (self.command is None) == (self.url is None):
            raise ValueError("give command or url")
        misplaced = (_FOR_COMMAND if self.url else _FOR_URL) & self.model_fields_set
        if misplaced:
            raise ValueError(f"{min(misplaced)} cannot be combined with {'url' if self.url else 'command'}")
        if self.auth and self.auth.api_key and self.auth.api_key.header is None:
            raise ValueError("auth.api_key: an MCP server takes its key in a header")
        return self


def build(section: McpSection, where: context.ConfigContext) -> Iterable[Toolbox]:
    require("mcp", "MCP servers", "mcp")
    from turnstream.tools import mcp

    name, target = _build_stdio(section, where) if section.command else _build_http(section, where)
    yield mcp.McpServer(
        section.name or name,
        target,
        forward_headers=section.forward_headers,
        forward_context=section.forward_context,
        effect=section.effect,
        start_timeout=section.start_timeout,
        max_bytes=section.max_bytes,
    )


def _build_stdio(section: McpSection, where: context.ConfigContext) -> tuple[str, mcp.Stdio]:
    from turnstream.tools import mcp

    command = section.command or ""
    cwd = str((where.folder / (section.cwd or "")).resolve())
    if not Path(cwd).is_dir():
        raise errors.ConfigurationError(f"there is no folder {cwd}")
    return _name_program(command, section.args), mcp.Stdio(command, tuple(section.args), section.env, cwd)


def _build_http(section: McpSection, where: context.ConfigContext) -> tuple[str, mcp.Http]:
    from turnstream.tools import mcp
    from turnstream.tools.http_client import HttpOptions
    from turnstream.tools.operations import check_headers

    url = section.url or ""
    name = _find_host(url)
    ca = str(files.find(section.ca, where.folder)) if section.ca is not None else None
    check_headers(section.headers)
    auth = credentials.build(section.auth)
    options = HttpOptions(ca=ca, allow_private=_find_token_server(section.auth))
    return name, mcp.Http(url, section.transport, section.headers, ca, auth, options)


_SAY_NOTHING = ("index", "main", "cli", "__main__", "dist", "build", "lib", "src", "bin")


def _find_token_server(section: credentials.AuthSection | None) -> tuple[str, ...]:
    """The configuration names it and no model can change that: it may be private, as the MCP server may."""
    return () if section is None or section.oauth2 is None else (urlsplit(section.oauth2.token_url).netloc,)


def _name_program(command: str, args: Sequence[str]) -> str:
    """What is run: ``server-files`` of ``npx -y @scope/server-files .`` and of ``node server-files/dist/index.js``."""
    path = Path(command)
    if path.stem in ("npx", "uvx", "node", "uv", "docker") or path.stem.startswith("python"):
        words = [word for word in args if not word.startswith("-") and word not in ("run", "exec")]
        path = Path(words[0]) if words else path
    while path.stem in _SAY_NOTHING and path.parent.stem:
        path = path.parent
    return path.stem


def _find_host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.ConfigurationError("url must begin with http:// or https:// and name a host")
    return parts.hostname


KIND = Kind("mcp", McpSection, build, "An MCP server, over stdio or HTTP.")
