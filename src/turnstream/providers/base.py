"""What every provider file is made of: a pure ``request`` and a sans-IO ``Decoder``. Nothing here does I/O."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from turnstream.events import ModelEvent, ModelOptions, ModelRequest, ProviderError


class HttpRequest(Struct, frozen=True):
    """An HTTP request as data: header names in lower case, ``body`` ready to send."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Settings(Struct, frozen=True):
    """How to reach one model. ``base_url`` has no slash at its end; ``quirks`` are the provider's own switches."""

    model: str
    base_url: str = ""
    api_key: str | None = None
    headers: dict[str, str] = {}
    options: ModelOptions = ModelOptions()
    quirks: dict[str, Any] = {}


class Decoder(Protocol):
    """Response bytes in, model events out. The law of cuts holds: how the bytes are cut into pieces never matters."""

    def feed(self, piece: bytes) -> list[ModelEvent]:
        """The events that are complete now. Raises `ProviderError` for an error that the vendor put into the stream."""
        ...

    def close(self) -> list[ModelEvent]:
        """The rest, at the end of the body. Raises `ProtocolError` if the stream ended before its answer did."""
        ...


class Provider(Protocol):
    """A provider file, as a module: strangers to each other, driven by `turnstream.providers.http`."""

    def request(self, settings: Settings, model_request: ModelRequest) -> HttpRequest: ...

    def error(self, status: int, body: bytes) -> ProviderError:
        """The vendor's answer with a status of 400 or more, as our error."""
        ...

    @property
    def Decoder(self) -> type[Decoder]: ...
