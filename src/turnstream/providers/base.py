"""What every provider file is made of: a pure ``request`` and a sans-IO ``Decoder``. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from turnstream.events import ModelEvent, ModelOptions, ModelRequest, ProviderError


class HttpRequest(Struct, frozen=True):
    """An HTTP request as data: header names in lower case, ``body`` ready to send.

    ``notes`` has a sentence for each thing that was asked for and that this vendor cannot be told. Whoever sends the
    request logs each sentence once per model.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:  # headers and body may hold secrets, and so may a query
        return f"HttpRequest({self.method!r}, {self.url.partition('?')[0]!r})"


class HttpResponse(Struct, frozen=True):
    """A whole HTTP response as data: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Token(Struct, frozen=True):
    """A bearer token that was exchanged for the operator's credentials. ``expires_at`` is in seconds since the epoch;
    a provider names a moment early enough for a request to be sent with it.
    """

    value: str
    expires_at: float

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at!r})"


TokenExchange: TypeAlias = Generator[HttpRequest, HttpResponse, Token]


class Settings(Struct, frozen=True):
    """How to reach one model. ``base_url`` has no slash at its end; ``quirks`` are the provider's own switches."""

    model: str
    base_url: str = ""
    api_key: str | None = None
    headers: dict[str, str] = {}
    options: ModelOptions = ModelOptions()
    quirks: dict[str, Any] = {}

    def __repr__(self) -> str:  # what is logged or shown in a traceback has no key
        return f"Settings({self.model!r}, {self.base_url!r})"


class Timeouts(Struct, frozen=True):
    """In seconds. ``first_token`` runs from the request to the first event of the answer; comments and headers do not
    count. ``idle`` is the longest silence after it.
    """

    connect: float = 10.0
    first_token: float = 60.0
    idle: float = 60.0


class Decoder(Protocol):
    """Response bytes in, model events out. The law of cuts holds: how the bytes are cut into pieces never matters.

    So an error never swallows the events ahead of it in the same piece: they are given, and the next call raises.
    ``feed(b"")`` asks for nothing but that.
    """

    @property
    def done(self) -> bool:
        """Whether the answer is complete, so that nothing after it is worth waiting for."""
        ...

    def feed(self, piece: bytes) -> list[ModelEvent]:
        """The events that are complete now. Raises `ProviderError` for an error that the vendor put into the stream."""
        ...

    def close(self) -> list[ModelEvent]:
        """The rest, at the end of the body. Raises `ProtocolError` if the stream ended before its answer did.

        Call it until it gives nothing: where there is both a rest and an error, the first call gives the rest.
        """
        ...


class Provider(Protocol):
    """A provider file, as a module: strangers to each other, driven by `turnstream.providers.http`."""

    def request(self, settings: Settings, model_request: ModelRequest) -> HttpRequest: ...

    def error(self, status: int, body: bytes) -> ProviderError:
        """The vendor's answer with a status of 400 or more, as our error."""
        ...

    @property
    def Decoder(self) -> type[Decoder]: ...


class TokenProvider(Provider, Protocol):
    """A provider whose key must be exchanged for a token first.

    `turnstream.providers.http` drives the exchange: it sends each request that the generator yields, sends back its
    response, keeps the token until it expires, and lets concurrent calls wait for one exchange. The token then
    stands in ``settings.api_key`` when ``request`` is called.
    """

    def exchange(self, settings: Settings, now: float) -> TokenExchange | None:
        """None if ``settings.api_key`` can be used as it is. ``now`` is in seconds since the epoch.

        The generator raises `ProviderError` for a refused exchange.
        """
        ...


class SigningProvider(Provider, Protocol):
    """A provider whose requests are signed one by one, each try anew."""

    def signer(self, settings: Settings) -> Callable[[HttpRequest], HttpRequest] | None:
        """What signs; None where these settings need no signature. It may block, to look credentials up: call it in a
        thread. It raises `ConfigurationError` where there are none.
        """
        ...
