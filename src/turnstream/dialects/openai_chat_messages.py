"""The messages of a chat completions body, as clients of many vendors write them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from turnstream import errors, jsontext, messages
from turnstream.api import chat_completions as api
from turnstream.dialects import body as bodies, incoming, openai_responses_tools


def read(given: Sequence[api.ChatMessage]) -> tuple[messages.Message, ...]:
    reader = _Reader()
    reader.read(given)
    return tuple(reader.conversation)


class _Reader:
    """Reads one message after another. A result without an id answers an open call: the one of its name, else the first
    that has no result yet."""

    def __init__(self) -> None:
        self.conversation: list[messages.Message] = []
        self._open: _OpenCalls | None = None  # once a result without an id asks for them, which hardly any does
        self._drawn = incoming.Drawn()

    def read(self, given: Sequence[api.ChatMessage]) -> None:
        """A history has thousands of messages of a few usual forms, which are read here: without a call for each, they
        take half the time. ``_take`` reads any."""
        add, drawn = self.conversation.append, self._drawn
        for index, message in enumerate(given):
            role, content = message.role, message.content
            if content is not None and type(content) is not str and (content := _plain_text(content)) is None:
                self._take(message, index)
            elif role == "user" and content is not None and not drawn.images:
                add(messages.UserMessage(content, message.name))
            elif role == "assistant" and not (
                message.reasoning_content
                or message.reasoning
                or message.images
                or message.audio
                or message.function_call
            ):
                parts = _said(content or message.refusal, message.tool_calls, index)
                add(messages.AssistantMessage(parts, message.name))
            elif role == "tool" and type(id := message.tool_call_id) is str and id:
                add(messages.ToolMessage(id, content or "", message.name or ""))
            else:
                self._take(message, index)

    def _take(self, message: api.ChatMessage, index: int) -> None:
        path = f"messages[{index}]"
        if not isinstance(message.content, str | list | None):
            message.content = _as_parts(message.content, message.role, f"{path}.content")
        match message.role:
            case "user":
                self._user(message, path)
            case "system" | "developer":
                text = messages.content_text(_content(message.content, path))
                self.conversation.append(messages.SystemMessage(text))
            case "assistant":
                parts = tuple(_assistant(message, path, index))
                self._drawn.add(_images(message, path))
                self.conversation.append(messages.AssistantMessage(parts, message.name))
            case "tool" | "function":
                id = self._find_answered(message, path)
                self.conversation.append(messages.ToolMessage(id, _content(message.content, path), message.name or ""))
            case role:
                raise incoming.unknown_role(role, f"{path}.role", "user, assistant, system, developer or tool")

    def _user(self, message: api.ChatMessage, path: str) -> None:
        """Anthropic's results stand in a user message, before what the user says."""
        results = [part for part in _parts(message) if _is_result(part)]
        for part in results:
            result = _content(
                part.content if isinstance(part.content, str) else _convert_parts(part.content, path), path
            )
            id = part.tool_use_id or self._close_next(None)
            self.conversation.append(messages.ToolMessage(id, result))
        if results:
            rest = [part for part in _listed(message.content) if not _is_result(part)]
            if not rest:
                return
            message = api.ChatMessage("user", rest, message.name)
        content = self._drawn.show(_content(message.content, path))
        self.conversation.append(messages.UserMessage(content, message.name))

    def _close_next(self, name: str | None) -> str:
        if self._open is None:
            self._open = _OpenCalls(self.conversation)
        return self._open.close_next(name)

    def _find_answered(self, message: api.ChatMessage, path: str) -> str:
        given = "" if message.tool_call_id is None else str(message.tool_call_id)
        if id := given or self._close_next(message.name):
            return id
        if message.role == "function":
            return f"call_{message.name or ''}"
        where = f"{path}.tool_call_id"
        text = f"{where}: missing, and there is no open call that this tool message could answer."
        raise errors.RequestError(text, param=where, code="missing_field")


class _OpenCalls:
    """The calls of a conversation without a result, each found at once, by its id or by its name: a client may send any
    number of them."""

    def __init__(self, conversation: Sequence[messages.Message]) -> None:
        self._conversation = conversation
        self._seen = 0  # messages of it
        self._calls: dict[int, messages.ToolCall] = {}
        self._by_id: dict[str, list[int]] = {}
        self._by_name: dict[str | None, deque[int]] = {None: deque()}  # None: all; those that are closed are skipped
        self._count = 0

    def close_next(self, name: str | None) -> str:
        """The id of the first open call of that name, which the next message of the conversation answers; "" for
        none."""
        for message in self._conversation[self._seen :]:
            self._see(message)
        self._seen = len(self._conversation) + 1  # the answer closes this call, and no other of its id
        numbers = self._by_name.get(name or None, deque())
        while numbers:
            if (call := self._calls.pop(numbers.popleft(), None)) is not None:
                return call.id
        return ""

    def _see(self, message: messages.Message) -> None:
        if isinstance(message, messages.ToolMessage):
            for number in self._by_id.pop(message.tool_call_id, ()):
                self._calls.pop(number, None)
        elif isinstance(message, messages.AssistantMessage):
            for call in message.tool_calls:
                self._add(call)

    def _add(self, call: messages.ToolCall) -> None:
        self._count += 1
        self._calls[self._count] = call
        self._by_id.setdefault(call.id, []).append(self._count)
        for name in (None, call.name):
            self._by_name.setdefault(name, deque()).append(self._count)


def _plain_text(content: Any) -> str | None:
    """The text of parts that are nothing else, None for anything else."""
    if type(content) is not list:
        return None
    texts: list[str] = []
    for part in content:
        if type(part) is not api.Part or part.type != "text" or type(part.text) is not str:
            return None
        texts.append(part.text)
    return "".join(texts)


def _is_result(part: api.Part | str) -> bool:
    return isinstance(part, api.Part) and part.type == "tool_result"


def _parts(message: api.ChatMessage) -> list[api.Part]:
    """None of a content that is one text, however long."""
    return [part for part in _listed(message.content) if isinstance(part, api.Part)]


def _listed(content: Any) -> list[api.Part | str]:
    return content if isinstance(content, list) else []


def _convert_parts(value: Any, path: str) -> list[api.Part | str]:
    """The content of a part that is a message of its own."""
    given = value if isinstance(value, list) else [] if value is None else [jsontext.encode(value).decode()]
    return [item if isinstance(item, str) else bodies.convert(item, api.Part, path) for item in given]


def _as_parts(value: Any, role: str, path: str) -> str | list[api.Part | str]:
    """One part for a list of it; of a tool, any JSON, which is what it gave."""
    known = isinstance(value, dict) and isinstance(value.get("type"), str)
    if known and (role != "tool" or isinstance(value.get("text"), str)):
        return [bodies.convert(value, api.Part, path)]
    if role in ("tool", "function"):
        return jsontext.encode(bodies.check_depth(value, path)).decode()
    raise errors.RequestError(f"{path}: must be a text or a list of parts.", param=path, code="invalid_type")


_THOUGHTS = ("thinking", "think", "reasoning", "redacted_thinking")


def _said(
    text: str | None, calls: Sequence[api.MessageToolCall] | None, index: int
) -> tuple[messages.AssistantPart, ...]:
    """A text and calls, as `_assistant` has them."""
    if not calls:
        return (messages.TextPart(text),) if text else ()
    made: list[messages.AssistantPart] = [messages.TextPart(text)] if text else []
    for number, call in enumerate(calls):
        made.append(_tool_call(call, index, number))
    return tuple(made)


def _assistant(message: api.ChatMessage, path: str, index: int) -> list[messages.AssistantPart]:
    """What it thought comes first, then what it said, then its calls."""
    given = _parts(message)
    thought = "".join(_texts((message.reasoning_content,))) or "".join(_texts((message.reasoning,)))
    thoughts = [thought, *map(_thought, given)]
    content: Any = message.content
    if isinstance(content, list):
        content = [part for part in content if not (isinstance(part, api.Part) and _is_apart(part))]
    text = messages.content_text(_content(content, path)) or message.refusal or _transcript(message.audio)
    parts: list[messages.AssistantPart] = [messages.ReasoningPart(thought) for thought in thoughts if thought]
    if text:
        parts.append(messages.TextPart(text))
    for number, call in enumerate(message.tool_calls or ()):
        parts.append(_tool_call(call, index, number))
    parts += [_tool_use(part, f"{path}.content") for part in given if part.type == "tool_use"]
    if message.function_call is not None:
        function = message.function_call
        parts.append(_tool_call(api.MessageToolCall(function, f"call_{index}_{function.name}"), index, 0))
    return parts


def _is_apart(part: api.Part) -> bool:
    """Whether it is something else than a text of the assistant's: a thought, a call, an image."""
    return part.type in _THOUGHTS or part.type == "tool_use" or part.type in _IMAGES


_IMAGES = ("image_url", "image", "input_image")


def _images(message: api.ChatMessage, path: str) -> list[messages.ContentPart]:
    """In the content, or beside it, as OpenRouter has those that a model made."""
    given = [*_parts(message), *(message.images or ())]
    images = (_part(part, path) for part in given if part.type in _IMAGES)
    return [image for image in images if image is not None]


def _thought(part: api.Part) -> str:
    if part.type not in _THOUGHTS:
        return ""
    return "".join(_texts((part.thinking, part.think, part.reasoning, part.text)))


def _texts(values: Iterable[Any]) -> Iterable[str]:
    """Thoughts are texts, or lists of parts that have one."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts(value.get(name) for name in ("text", "value", "content", "thinking", "summary"))
        elif isinstance(value, list):
            yield from _texts(value)


def _tool_call(call: api.MessageToolCall, index: int, number: int) -> messages.ToolCall:
    """``index`` is that of its message, ``number`` its own."""
    id = call.id or f"call_{index}_{number}"
    function = call.function or _unusual_call(call, f"messages[{index}].tool_calls[{number}].function")
    arguments = incoming.arguments(function.arguments, "arguments")
    return messages.ToolCall(id if id.__class__ is str else str(id), function.name or "", arguments, call.extra_content)


def _unusual_call(call: api.MessageToolCall, path: str) -> api.Function:
    """That of a custom tool, whose text is the argument of the function that stands for it, or a flat one."""
    if call.custom is not None:
        return api.Function(call.custom.name, {openai_responses_tools.CUSTOM_INPUT: call.custom.input or ""})
    if call.name is None:
        raise errors.RequestError(f"{path}: this field is required.", param=path, code="missing_field")
    return api.Function(call.name, call.arguments)


def _transcript(audio: Any) -> str | None:
    """What an answer that was spoken said."""
    words = audio.get("transcript") if isinstance(audio, dict) else None
    return words if isinstance(words, str) else None


def _tool_use(part: api.Part, path: str) -> messages.ToolCall:
    return messages.ToolCall(part.id or "", part.name or "", incoming.arguments(part.input, path))


def _content(content: Any, path: str) -> messages.Content:
    """Of a text, parts or nothing."""
    if isinstance(content, str):
        return content
    parts = [_part(part, f"{path}.content[{index}]") for index, part in enumerate(_listed(content))]
    return incoming.content([part for part in parts if part is not None])


def _part(part: api.Part | str, path: str) -> messages.ContentPart | None:
    if isinstance(part, str):
        return messages.TextPart(part)
    match part:
        case api.Part(type="text" | "input_text" | "output_text", text=str(text)):
            return messages.TextPart(text)
        case api.Part(type="text" | "input_text" | "output_text", text=None):
            return None
        case api.Part(type="refusal", refusal=str(text)):
            return messages.TextPart(text)
        case api.Part(type="image_url" | "input_image", image_url=api.ImageUrl(url=url, detail=detail)):
            return messages.ImagePart(url, detail or part.detail)
        case api.Part(type="image_url" | "input_image", image_url=str(url)):
            return messages.ImagePart(url, part.detail)
        case api.Part(type="image", source={"type": "base64", "data": str(data)}):
            mime = part.source.get("media_type") or "image/png"
            return messages.ImagePart(f"data:{mime};base64,{data}")
        case api.Part(type="image", source={"type": "url", "url": str(url)}):
            return messages.ImagePart(url)
        case (
            api.Part(type="image", image_url=api.ImageUrl(url=url) | str(url)) | api.Part(type="image", image=str(url))
        ):
            return messages.ImagePart(url)
        case api.Part(type="document", source={"type": "base64", "data": str(data)}):
            mime = part.source.get("media_type") or "application/pdf"
            return messages.FilePart(f"data:{mime};base64,{data}", filename=part.title)
        case api.Part(type="document", source={"type": "url", "url": str(url)}):
            return messages.FilePart(url, filename=part.title)
        case api.Part(type="document", source={"type": "text", "data": str(text)}):
            return messages.TextPart(f"{part.title}\n\n{text}" if part.title else text)
        case api.Part(type="input_audio", input_audio=audio) if audio is not None:
            return messages.AudioPart(audio.data, audio.format)
        case api.Part(type="file", file=file) if file is not None:
            return messages.FilePart(incoming.file_url(file.file_data), file.file_id, file.filename)
        case api.Part(type="input_file") if part.file_data or part.file_url or part.file_id:
            return messages.FilePart(incoming.file_url(part.file_data) or part.file_url, part.file_id, part.filename)
        case api.Part(type="video_url", video_url={"url": str(url)} | str(url)):
            return messages.MediaPart("video", url)
        case api.Part(type="audio_url", audio_url={"url": str(url)} | str(url)):
            return messages.MediaPart("audio", url)
        case _:
            raise incoming.unsupported_part(part.type, path, "text, image_url, input_audio or file")
