"""What tools behind HTTP have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from turnstream.config import files
from turnstream.config.sections import NonEmpty, PositiveInt, Seconds, Section, StrList, StrMap
from turnstream.config.tools import credentials, kind
from turnstream.tools import bounds

if TYPE_CHECKING:
    from turnstream.tools.http_client import HttpOptions


class HttpSection(Section):
    auth: credentials.AuthSection | None = None
    headers: Annotated[StrMap, Field(repr=False)] = Field(default_factory=dict)
    """Sent with each request."""
    forward_headers: StrList = Field(default_factory=list)
    """Headers of a user's own request that go along. `server.forward_headers` must allow them too."""
    forward_context: dict[str, NonEmpty] = Field(default_factory=dict)
    """Headers that carry a value of the request's context: `{X-Tenant: tenant}`."""
    effect: kind.EffectName | None = None
    """What a second call would do; without it, what the HTTP method says."""
    jmespath: NonEmpty | None = None
    """What of a JSON answer goes to the model."""
    http_timeout: Seconds = bounds.REQUEST_SECONDS
    """Seconds that a request may take, its repetitions included."""
    max_bytes: PositiveInt = bounds.ANSWER_BYTES
    """Bytes of an answer."""
    ca: NonEmpty | None = None
    """A file of certificates to trust instead of the system's."""
    allow_private: StrList = Field(default_factory=list)
    """Hosts, addresses and networks that may be reached though they are not public: `localhost:8080`, `10.0.0.0/8`."""


def build_options(section: HttpSection, folder: Path) -> HttpOptions:
    from turnstream.tools.http_client import HttpOptions

    ca = None if section.ca is None else str(files.find(section.ca, folder))
    return HttpOptions(section.http_timeout, section.max_bytes, ca, tuple(section.allow_private))


def build_common(section: HttpSection, folder: Path) -> dict[str, Any]:
    """The arguments of a toolbox that every kind behind HTTP fills alike."""
    from turnstream.tools.forwarding import Forwarding

    return {
        "auth": credentials.build(section.auth),
        "forwarding": Forwarding(section.forward_headers, section.forward_context),
        "options": build_options(section, folder),
    }
