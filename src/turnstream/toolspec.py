"""Tools as data: what a model is told of one, and what one gives back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from turnstream import messages

Effect: TypeAlias = Literal["none", "idempotent", "once"]


def _no_parameters() -> dict[str, Any]:
    return {"type": "object", "properties": {}}


class ToolSpec(Struct, frozen=True):
    """A tool as the model sees it, and how the run treats it.

    ``parameters`` is a JSON Schema of type object. ``timeout`` is in seconds; None takes the agent's. ``effect``
    says what a second call would do: nothing new to the world (``none``), the same again (``idempotent``), or harm
    (``once``); ``declared`` is whether somebody has said so of this tool, and not its kind of all its like.
    ``approval`` says that somebody is asked before a call is made; the toolbox then awaits `RunContext.begin`.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=_no_parameters)
    strict: bool | None = None
    timeout: float | None = None
    effect: Effect = "none"
    source: str = "python"
    approval: bool = False
    declared: bool = False


class Source(Struct, frozen=True):
    """Where a piece of an answer comes from: a citation of a tool or of a model's own search."""

    id: str
    title: str = ""
    url: str | None = None
    snippet: str = ""
    score: float | None = None


class ToolOutput(Struct, frozen=True):
    """What a tool gives back. ``content`` goes to the model; ``data`` is the same, structured, for clients that show
    it. ``shown`` is what clients see in place of the content, None if they may see that.
    """

    content: messages.Content
    is_error: bool = False
    data: Any = None
    sources: tuple[Source, ...] = ()
    shown: str | None = None

    @property
    def shown_text(self) -> str:
        """The text for clients: an exception's message, for instance, may hold what only the model should hear."""
        return messages.content_text(self.content) if self.shown is None else self.shown


def redact(output: ToolOutput, mask: Callable[[Any], Any]) -> ToolOutput:
    """The output with ``mask`` applied to every text in it, those within its data too."""
    given = output.content
    content = mask(given) if isinstance(given, str) else tuple(_redact_part(part, mask) for part in given)
    sources = tuple(
        msgspec.structs.replace(each, title=mask(each.title), url=mask(each.url), snippet=mask(each.snippet))
        for each in output.sources
    )
    named = {"data": mask(output.data), "shown": mask(output.shown)}
    return msgspec.structs.replace(output, content=content, sources=sources, **named)


def _redact_part(part: messages.ContentPart, mask: Callable[[Any], Any]) -> messages.ContentPart:
    return msgspec.structs.replace(part, text=mask(part.text)) if isinstance(part, messages.TextPart) else part
