"""What a configuration may say of tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from turnstream.config.retrieval import RetrievalSection
from turnstream.config.section import Anything, FromEnvironment, NonEmpty, Seconds, Section, Texts, Whole

EffectName = Literal["none", "idempotent", "once"]

_OF_URL = {"ca", "transport", "headers", "auth", "forward_headers", "forward_context"}
"""Keys of `McpSection` that have no meaning with `command`."""

REFERENCE = r"^[^:]+:[A-Za-z_][A-Za-z0-9_.]*$"
"""``package.module:name`` or ``file.py:name``."""


class ApiKeySection(Section):
    """A key, and where it is sent: exactly one of `header`, `query` and `cookie`."""

    key: Annotated[NonEmpty, Field(repr=False)]
    header: NonEmpty | None = None
    query: NonEmpty | None = None
    cookie: NonEmpty | None = None

    @model_validator(mode="after")
    def _one_place(self) -> ApiKeySection:
        if sum(place is not None for place in (self.header, self.query, self.cookie)) != 1:
            raise ValueError("give exactly one of header, query and cookie: the name that the key has there")
        return self


class BasicSection(Section):
    username: str
    password: Annotated[str, Field(repr=False)]


class OAuth2Section(Section):
    """Client credentials: a token is fetched, kept until shortly before its end, and renewed."""

    token_url: NonEmpty
    client_id: NonEmpty
    client_secret: Annotated[NonEmpty, Field(repr=False)]
    scope: str = ""
    extra: dict[str, str] = Field(default_factory=dict)
    """More fields of the request for a token: `{audience: …}`."""


class AuthSection(Section):
    """Who asks: exactly one of the keys."""

    bearer: Annotated[NonEmpty | None, Field(repr=False)] = None
    api_key: ApiKeySection | None = None
    basic: BasicSection | None = None
    oauth2: OAuth2Section | None = None

    @model_validator(mode="after")
    def _one_way(self) -> AuthSection:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError("give exactly one of bearer, api_key, basic and oauth2")
        return self


class McpSection(Section):
    """An MCP server: a `command` to run it, or its `url`."""

    name: NonEmpty | None = None
    """What errors, logs and lists of tools call it; without it, the name of its command or host."""
    command: NonEmpty | None = None
    """A program that speaks MCP over its standard input and output. It runs in the folder of this file."""
    args: list[str] = Field(default_factory=list)
    env: Annotated[dict[str, str], Field(repr=False)] = Field(default_factory=dict)
    """Environment variables of the program, besides PATH, HOME and their like."""
    cwd: NonEmpty | None = None
    """Where the program runs; relative to this file."""
    url: NonEmpty | None = None
    transport: Literal["streamable-http", "sse"] = "streamable-http"
    """How the server at `url` speaks; `sse` is the older way."""
    auth: AuthSection | None = None
    """Who asks the server at `url`; an API key is sent in a header."""
    headers: Annotated[dict[str, str], Field(repr=False)] = Field(default_factory=dict)
    """Sent with each request to `url`."""
    forward_headers: Texts = Field(default_factory=list)
    """Headers of a user's own request that go to `url` with the user's calls. `server.forward_headers` must allow
    them too."""
    forward_context: dict[str, NonEmpty] = Field(default_factory=dict)
    """Headers to `url` that carry a value of the request's context: `{X-Tenant: tenant}`."""
    ca: NonEmpty | None = None
    """A file of certificates to trust instead of the system's."""
    start_timeout: Annotated[Seconds, FromEnvironment] = 30.0
    """Seconds until the server must have answered for the first time."""
    effect: EffectName | None = None
    """What a second call of its tools would do; without it, what the server says of each."""
    max_bytes: Annotated[Whole, FromEnvironment] = 256 * 1024
    """Bytes of a result's text; a longer one is an error for the model."""

    @model_validator(mode="after")
    def _one_way(self) -> McpSection:
        if (self.command is None) == (self.url is None):
            raise ValueError("give command or url")
        theirs = {"args", "env", "cwd"} if self.url else _OF_URL
        if wrong := sorted(theirs & self.model_fields_set):
            raise ValueError(f"{wrong[0]} has no meaning with {'url' if self.url else 'command'}")
        if self.auth and self.auth.api_key and self.auth.api_key.header is None:
            raise ValueError("auth.api_key: an MCP server is given its key in a header")
        return self


class HttpSection(Section):
    """What tools behind HTTP have in common."""

    auth: AuthSection | None = None
    headers: Annotated[dict[str, str], Field(repr=False)] = Field(default_factory=dict)
    """Sent with each request."""
    forward_headers: Texts = Field(default_factory=list)
    """Headers of a user's own request that go along. `server.forward_headers` must allow them too."""
    forward_context: dict[str, NonEmpty] = Field(default_factory=dict)
    """Headers that carry a value of the request's context: `{X-Tenant: tenant}`."""
    effect: EffectName | None = None
    """What a second call would do; without it, what the HTTP method says."""
    jmespath: NonEmpty | None = None
    """What of a JSON answer goes to the model."""
    http_timeout: Annotated[Seconds, FromEnvironment] = 30.0
    """Seconds that a request may take, its repetitions included."""
    max_bytes: Annotated[Whole, FromEnvironment] = 256 * 1024
    """Bytes of an answer."""
    ca: NonEmpty | None = None
    """A file of certificates to trust instead of the system's."""
    allow_private: Texts = Field(default_factory=list)
    """Hosts, addresses and networks that may be reached though they are not public: `localhost:8080`, `10.0.0.0/8`."""


class RestSection(HttpSection):
    """One HTTP call."""

    name: NonEmpty
    description: str = ""
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: NonEmpty
    """`https://api.example.com/users/{id}`: each `{name}` is one of the parameters."""
    parameters: dict[str, Anything] = Field(default_factory=dict)
    """What the model gives: each a JSON Schema, and `in` (path, query, header, cookie, body), `name` (what the server
    calls it) and `required`."""
    query: dict[str, str] = Field(default_factory=dict, repr=False)
    """Sent with each request."""
    body: Anything | None = None
    """Sent with each request, besides the parameters that are in the body."""
    body_type: Literal["json", "form"] = "json"


class OpenApiSection(HttpSection):
    """The operations of an OpenAPI document, 3.0 or 3.1; each is a tool."""

    spec: NonEmpty
    """The document: a file, relative to this one, or a URL."""
    include: Texts | None = None
    """Only operations of which the id, a tag or the path matches: `listPets`, `tag:pets`, `/pets/*`, `GET /pets/*`."""
    exclude: Texts = Field(default_factory=list)
    """None of these."""
    base_url: NonEmpty | None = None
    """Instead of the document's first server."""


class ReadySection(Section):
    """A ready-made tool."""

    name: Literal["weather", "wikipedia", "duckduckgo"]
    api_key: Annotated[NonEmpty | None, Field(repr=False)] = None
    """Of OpenWeatherMap, for `weather`."""
    units: Literal["metric", "imperial", "standard"] = "metric"
    language: NonEmpty = "en"
    """Of Wikipedia."""

    @model_validator(mode="after")
    def _has_key(self) -> ReadySection:
        if (self.name == "weather") != (self.api_key is not None):
            raise ValueError("weather, and it alone, needs an api_key")
        return self


class RateLimitSection(Section):
    """At most `calls` in any `seconds`, for each user."""

    calls: Annotated[Whole, FromEnvironment]
    seconds: Annotated[Seconds, FromEnvironment] = 60.0


class ApproveSection(Section):
    """Calls that are made only after a yes. A list of names alone means `{calls: […]}`."""

    calls: Annotated[Texts, Field(min_length=1)]
    """Of tools with these names (without the prefix); `*` stands for anything: `delete_*`."""
    ask: Annotated[str | None, Field(pattern=REFERENCE)] = None
    """A function of the call and the run's context that says True or False: `tools.py:ask`. Without it the person in
    `turnstream chat` is asked, and a server, which can ask nobody, refuses."""


class ToolSection(Section):
    """One source of tools: one of the kinds, and what is wrapped around it."""

    python: Annotated[str | None, Field(pattern=REFERENCE)] = None
    """A function or a toolbox: `package.module:name`, or `tools.py:name` next to this file."""
    mcp: McpSection | None = None
    """An MCP server, over stdio or HTTP."""
    rest: RestSection | None = None
    """One HTTP call."""
    openapi: OpenApiSection | None = None
    """The operations of an OpenAPI document."""
    ready: ReadySection | None = None
    """A ready-made tool: `{name: wikipedia}`."""
    retrieval: RetrievalSection | None = None
    """Search in documents, with citations."""

    prefix: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")] = None
    """Stands before the name of each tool: `fs_`."""
    allow: Texts | None = None
    """Only tools with these names (without the prefix); `*` stands for anything: `read_*`."""
    deny: Texts = Field(default_factory=list)
    """No tools with these names."""
    timeout: Annotated[Seconds | None, FromEnvironment] = None
    """Seconds that one call may take."""
    cache: Annotated[Seconds | None, FromEnvironment] = None
    """Seconds for which a result is kept for the same call of the same user, if the tool has no effect."""
    rate_limit: RateLimitSection | None = None
    approve: ApproveSection | None = None
    """Calls that somebody must agree to: `[delete_*]`."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("approve"), str | list):
            return {**value, "approve": {"calls": value["approve"]}}
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> ToolSection:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"give exactly one of: {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)


KINDS = ("python", "mcp", "rest", "openapi", "ready", "retrieval")
"""The keys of `ToolSection` of which there is one."""
