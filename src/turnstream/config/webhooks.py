"""Who outside is told of runs: what a configuration may say of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from turnstream import errors
from turnstream.config.document import Document, Path
from turnstream.config.sections import NonEmpty, Secret, Section, StrList, defaults_of
from turnstream.outside import webhooks

Event = Literal["run.finished", "run.failed", "run.cancelled", "run.waiting"]
_DEFAULTS = defaults_of(webhooks.Webhook)
_URL = re.compile(r"^https?://[^/?#@\s]+([/?][^#\s]*)?$")


def _check_url(value: str) -> str:
    if not _URL.match(value):
        raise ValueError(
            "must be an address such as https://example.com/path, without a user, a password or a fragment"
        )
    return value


class WebhookSection(Section):
    """Who is told when kept runs end or wait, as Standard Webhooks has it."""

    url: Annotated[Secret, AfterValidator(_check_url)]
    """Where it is told. Addresses that are not public are refused, unless `allow_private` names them."""
    secret: Secret
    """What it is signed with: `whsec_` and the base64 of 24 to 64 random bytes."""
    events: list[Event] = Field(default_factory=lambda: list(get_args(Event)), min_length=1)
    """What is told; by default all of it."""
    agents: Annotated[list[NonEmpty], Field(min_length=1)] | None = None
    """Whose runs are told of; by default those of the agent of this file, or of all agents in the server's file."""
    allow_private: StrList = Field(default_factory=list)
    """Hosts, addresses or networks that may be reached although they are not public: `localhost:9000`."""
    timeout: Annotated[float, Field(gt=0, le=30)] = _DEFAULTS["timeout"]
    """Seconds that the receiver has for its answer."""


def build(section: WebhookSection, found: Document, path: Path, default_agent: str | None) -> webhooks.Webhook | None:
    """What is wrong is reported to the document."""
    agents = section.agents or ([default_agent] if default_agent else None)
    key = "secret"
    try:
        made = webhooks.Webhook(
            section.url,
            section.secret,
            frozenset(section.events),
            None if agents is None else frozenset(agents),
            tuple(section.allow_private),
            section.timeout,
        )
        if section.allow_private:
            from turnstream.tools import guard  # it brings an HTTP client

            key = "allow_private"
            guard.Guard(section.allow_private)
    except errors.ConfigurationError as error:
        if not found.depends_on_unset((*path, key)):
            found.report((*path, key), error.message)
        return None
    return made
