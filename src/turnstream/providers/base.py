"""What every provider is made of, as data. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from turnstream import errors, events, requests
from turnstream.providers.decode import failures
from turnstream.providers.encode.history import Rules


class HttpRequest(Struct, frozen=True):
    """An HTTP request as data: header names in lower case, ``body`` ready to send.

    ``notes`` has a sentence for each thing that was asked for and that this vendor cannot be told. Whoever sends the
    request logs each sentence once per model. ``decoder`` reads the answer where it has another form than the
    provider's usual one. ``otherwise`` is sent instead if the server does not know the address (404).
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    notes: tuple[str, ...] = ()
    decoder: Callable[[], WireDecoder] | None = None
    otherwise: HttpRequest | None = None

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
    """How to reach one model. ``base_url`` has no slash at its end; ``quirks`` are the provider's own switches.

    With ``web_search`` the vendor's own search of the web is offered to the model in each request.
    """

    model: str
    base_url: str = ""
    api_key: str | None = None
    headers: dict[str, str] = {}
    options: requests.ModelOptions = requests.ModelOptions()
    quirks: dict[str, Any] = {}
    web_search: bool = False

    def __repr__(self) -> str:  # what is logged or shown in a traceback has no key
        return f"Settings({self.model!r}, {self.base_url!r})"


class Timeouts(Struct, frozen=True):
    """In seconds. ``first_token`` runs from the request to the first event of the answer, and longer while anything at
    all comes within ``idle``, which is also the longest silence after that event.
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

    def feed(self, piece: bytes) -> list[events.ModelEvent]:
        """The events that are complete now. Raises `ProviderError` for an error that the vendor put into the stream."""
        ...

    def close(self) -> list[events.ModelEvent]:
        """The rest, at the end of the body. Raises `ProtocolError` if the stream ended before its answer did.

        Call it until it gives nothing: where there is both a rest and an error, the first call gives the rest.
        """
        ...


class WireDecoder(Decoder, Protocol):
    """A decoder that also knows when a vendor is at its end although it keeps the connection open."""

    @property
    def failed(self) -> bool:
        """Whether the next call raises what came behind the last events."""
        ...

    @property
    def finished(self) -> bool:
        """Whether the finish reason is known, so that only usage and the end of the body are still to come."""
        ...

    @property
    def blank(self) -> bool:
        """Whether the answer came to its end without a word or a call, and that is a slip of this vendor's."""
        ...


KeyFiles: TypeAlias = Callable[[Settings, Mapping[str, str]], list[tuple[str, bool]]]


class Provider(Struct, frozen=True):
    """How to speak to one vendor, or to all who speak alike: a pure ``request`` and a ``decoder`` without I/O.

    Each provider file has one of these, named ``PROVIDER``, and a row of `turnstream.providers.catalogue` names the
    file; `turnstream.providers.transport` drives it. What a provider does not need stays None.

    - ``settings`` completes what was given from the environment, or raises a `ConfigurationError` that names the
      variable. None: the provider's row says all that there is to say.
    - ``explain`` adds to an error of the vendor what only this provider knows.
    - ``exchange`` is for keys that must be exchanged for a token first; ``now`` is in seconds since the epoch. It gives
      None if ``settings.api_key`` can be used as it is. The transport sends each request that the generator yields,
      sends back its response, keeps the token until it expires, and lets concurrent calls wait for one exchange. The
      token then stands in ``settings.api_key`` when ``request`` is called. The generator raises `ProviderError` for a
      refused exchange.
    - ``signer`` gives what signs each try, None where these settings need no signature. What signs may block, to look
      credentials up: call it in a thread. It raises `ConfigurationError` where there are none.
    - ``key_files`` names files that may hold a key, each with whether the operator named it; ``with_key_file`` puts the
      content of the first that is there into the settings.
    - ``text_format`` names the form (of `text_calls.FORMATS`) of the calls that models write as text.
    - ``web_search`` says that ``request`` can offer the vendor's own search of the web.
    - ``continues`` says that the model goes on with an answer that the conversation ends with.
    - ``history`` is what the vendor wants of a conversation. The requests that ``request`` gets have it already.
    """

    name: str
    request: Callable[[Settings, requests.ModelRequest], HttpRequest]
    decoder: Callable[[], WireDecoder]
    settings: Callable[[Settings, Mapping[str, str]], Settings] | None = None
    base_url: str = ""
    explain: Callable[[errors.ProviderError], None] | None = None
    exchange: Callable[[Settings, float], TokenExchange | None] | None = None
    signer: Callable[[Settings], Callable[[HttpRequest], HttpRequest] | None] | None = None
    key_files: KeyFiles | None = None
    with_key_file: Callable[[Settings, bytes], Settings] | None = None
    text_format: Callable[[Settings], str] | None = None
    history: Rules = Rules()
    web_search: bool = False
    continues: bool = False

    def error(self, status: int, body: bytes) -> errors.ProviderError:
        """The vendor's answer with a status of 400 or more, as our error."""
        error = failures.from_body(self.name, status, body)
        if self.explain is not None:
            self.explain(error)
        return error
