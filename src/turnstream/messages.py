"""A conversation: messages and the parts that they are made of.

They hold texts and JSON, which refer to nothing around them, so the collector need not look at them: a long history
would make it look at everything, again and again.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct


class TextPart(Struct, frozen=True, gc=False, tag="text"):
    text: str


class ImagePart(Struct, frozen=True, gc=False, tag="image"):
    """An image by ``https:`` or ``data:`` URL. ``detail`` is OpenAI's hint: auto, low or high."""

    url: str
    detail: str | None = None


class FilePart(Struct, frozen=True, gc=False, tag="file"):
    """A document, for instance a PDF: a ``data:`` or ``https:`` URL, or the id of a file that the vendor keeps."""

    url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class AudioPart(Struct, frozen=True, gc=False, tag="audio"):
    """Sound, base64, with its container format (``wav``, ``mp3``)."""

    data: str
    format: str


class MediaPart(Struct, frozen=True, gc=False, tag="media"):
    """A film or a sound by its address, which some vendors fetch themselves; a ``data:`` URL for some of them."""

    kind: Literal["video", "audio"]
    url: str


class ReasoningPart(Struct, frozen=True, gc=False, tag="reasoning"):
    text: str


class ProviderItem(Struct, frozen=True, gc=False, tag="provider_item"):
    """A piece of an answer that only its provider understands, to be sent back to that provider unchanged.

    For instance a signed thinking block (``anthropic``) or an encrypted reasoning item (``openai-responses``).
    """

    provider: str
    data: dict[str, Any]


class ToolCall(Struct, frozen=True, gc=False, tag="tool_call"):
    """What a model asks for. ``arguments`` is JSON text as the model wrote it; ``extra`` is the provider's own.

    ``malformed`` says why a call must not be executed (it was truncated, or could not be read); it is None for a
    good one.
    """

    id: str
    name: str
    arguments: str
    extra: dict[str, Any] | None = None
    malformed: str | None = None


ContentPart: TypeAlias = TextPart | ImagePart | FilePart | AudioPart | MediaPart
Content: TypeAlias = str | tuple[ContentPart, ...]
AssistantPart: TypeAlias = TextPart | ReasoningPart | ToolCall | ProviderItem


class SystemMessage(Struct, frozen=True, gc=False, tag="system"):
    content: str


class UserMessage(Struct, frozen=True, gc=False, tag="user"):
    content: Content
    name: str | None = None


class AssistantMessage(Struct, frozen=True, gc=False, tag="assistant", omit_defaults=True):
    """One model answer, its parts in the order in which the model gave them. ``name`` tells assistants apart where a
    conversation has several; few vendors take it."""

    parts: tuple[AssistantPart, ...]
    name: str | None = None

    @property
    def text(self) -> str:
        return "".join([part.text for part in self.parts if type(part) is TextPart])

    @property
    def reasoning(self) -> str:
        return "".join([part.text for part in self.parts if type(part) is ReasoningPart])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple([part for part in self.parts if type(part) is ToolCall])


class ToolMessage(Struct, frozen=True, gc=False, tag="tool"):
    """The result of one tool call, for the model."""

    tool_call_id: str
    content: Content
    name: str = ""
    is_error: bool = False


Message: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolMessage


def content_text(content: Content) -> str:
    """The text of a message's content; parts of other kinds are left out."""
    if isinstance(content, str):
        return content
    return "".join([part.text for part in content if type(part) is TextPart])
