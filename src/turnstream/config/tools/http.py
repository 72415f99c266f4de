"""What tools behind HTTP have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from turnstream import errors
from turnstream.config import files, references
from turnstream.config.sections import Count, NonEmpty, PositiveInt, Seconds, Section, StrList, StrMap
from turnstream.config.tools import credentials, kind
from turnstream.tools import bounds

if TYPE_CHECKING:
    from turnstream.tools.hooks import Hooks
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
    """Bytes of an answer's text that the model gets; a longer text is cut."""
    retries: Count = bounds.RETRIES
    """Tries after the first, when the connection breaks or the server answers 5xx or 429, of calls that may be made
    twice (`effect` is not `once`)."""
    on_request: Annotated[str | None, Field(pattern=references.PATTERN)] = None
    """A function of each request and the run's context, which gives the request to send: `tools.py:sign`."""
    on_response: Annotated[str | None, Field(pattern=references.PATTERN)] = None
    """A function of each response and the run's context, which gives the response to read, or the tool's result."""
    ca: NonEmpty | None = None
    """A file of certificates to trust instead of the system's."""
    allow_private: StrList = Field(default_factory=list)
    """Hosts, addresses and networks that may be reached though they are not public: `localhost:8080`, `10.0.0.0/8`."""


def build_options(section: HttpSection, folder: Path) -> HttpOptions:
    from turnstream.tools.http_client import HttpOptions

    ca = None if section.ca is None else str(files.find(section.ca, folder))
    return HttpOptions(section.http_timeout, section.max_bytes, ca, tuple(section.allow_private), section.retries)


def build_common(section: HttpSection, folder: Path) -> dict[str, Any]:
    """The arguments of a toolbox that every kind behind HTTP fills alike."""
    from turnstream.tools.forwarding import Forwarding

    return {
        "auth": credentials.build(section.auth),
        "forwarding": Forwarding(section.forward_headers, section.forward_context),
        "hooks": _build_hooks(section, folder),
        "options": build_options(section, folder),
    }


def _build_hooks(section: HttpSection, folder: Path) -> Hooks:
    from turnstream.tools.hooks import Hooks

    return Hooks(*(_resolve_hook(getattr(section, key), key, folder) for key in ("on_request", "on_response")))


def _resolve_hook(reference: str | None, key: str, folder: Path) -> Callable[..., Any] | None:
    """One that cannot be called as it will be is found now."""
    if reference is None:
        return None
    hook: Callable[..., Any] = references.resolve(reference, folder)
    try:
        inspect.signature(hook).bind(None, None)
    except (TypeError, ValueError):
        raise errors.ConfigurationError(
            f"{key} must name a function of two arguments, the run's context second"
        ) from None
    return hook
