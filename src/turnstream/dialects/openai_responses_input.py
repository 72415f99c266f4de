"""The items of an OpenAI Responses input as messages."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from turnstream import errors, jsontext, messages
from turnstream.api import responses as api
from turnstream.dialects import body as bodies, incoming, openai_responses_tools as tools, paragraphs

# Calls of tools that OpenAI runs: their vendor alone could say what they mean.
_HOSTED = ("web_search_call", "file_search_call", "image_generation_call", "code_interpreter_call", "computer_call")
_ANSWERED = ("mcp_call",)  # their result is in the same item


def read(given: str | Sequence[api.InputItem], path: str = "input") -> tuple[messages.Message, ...]:
    """``path`` is where the items stand in the body."""
    if isinstance(given, str):
        return (messages.UserMessage(given),)
    reader = _Reader()
    for index, item in enumerate(given):
        reader.take(item, f"{path}[{index}]")
    return reader.close()


class _Reader:
    """Calls that follow each other, or an assistant's text, are one assistant message. Results are paired by
    ``call_id`` wherever they stand, which `agent.history` does; one without an id answers the next open call."""

    def __init__(self) -> None:
        self._conversation: list[messages.Message | list[messages.AssistantPart]] = []  # a list is being written
        self._calls: set[str] = set()
        self._open: OrderedDict[str, int] = OrderedDict()  # how many calls of that id have no result

    def close(self) -> tuple[messages.Message, ...]:
        return tuple(messages.AssistantMessage(tuple(e)) if isinstance(e, list) else e for e in self._conversation)

    def take(self, item: api.InputItem, path: str) -> None:
        match item.type or "message":
            case "message":
                self._conversation.append(self._message(item, path))
            case "compaction" | "compaction_summary":
                if text := item.text or _words(item.summary) or _words(item.content):
                    self._conversation.append(messages.UserMessage(text))
            case kind if kind in _HOSTED:
                pass
            case kind if kind.endswith("_call_output"):
                self._output(item, kind, path)
            case kind if kind.endswith("_call"):
                self._call(item, kind, path)
            case _:  # reasoning: encrypted, its vendor is not ours to speak for
                pass

    def _message(self, item: api.InputItem, path: str) -> messages.Message:
        content = _content(item.content, f"{path}.content")
        match item.role:
            case "user" | None:
                return messages.UserMessage(content)
            case "system" | "developer":
                return messages.SystemMessage(messages.content_text(content))
            case "assistant":
                text = messages.content_text(content)
                if self._conversation and not isinstance(self._conversation[-1], messages.UserMessage):
                    text = text.removeprefix(paragraphs.GAP)  # which the answer had for its reader
                return messages.AssistantMessage((messages.TextPart(text),))
            case role:
                raise incoming.unknown_role(role, f"{path}.role", "user, assistant, system or developer")

    def _call(self, item: api.InputItem, kind: str, path: str) -> None:
        id = item.call_id or item.id
        if not id:
            text = f"{path}.call_id: this field is required."
            raise errors.RequestError(text, param=f"{path}.call_id", code="missing_field")
        if kind in ("function_call", "custom_tool_call", "mcp_call") and not item.name:
            text = f"{path}.name: this field is required."
            raise errors.RequestError(text, param=f"{path}.name", code="missing_field")
        name = tools.qualify(item.name or kind.removesuffix("_call"), item.namespace)
        self._calls.add(id)
        self._add_call(messages.ToolCall(id, name, _arguments(item, path)))
        if kind not in _ANSWERED:
            self._open[id] = self._open.get(id, 0) + 1
        elif item.output is not None or item.error is not None:
            failed = item.error is not None
            result = _failure(item.error, path) if failed else _output(item.output, f"{path}.output")
            self._conversation.append(messages.ToolMessage(id, result, is_error=failed))

    def _add_call(self, call: messages.ToolCall) -> None:
        last = self._conversation[-1] if self._conversation else None
        if isinstance(last, list):
            last.append(call)
        elif isinstance(last, messages.AssistantMessage):
            self._conversation[-1] = [*last.parts, call]
        else:
            self._conversation.append([call])

    def _output(self, item: api.InputItem, kind: str, path: str) -> None:
        id = item.call_id or (item.id if item.id in self._open else None) or next(iter(self._open), None)
        own = kind in ("function_call_output", "custom_tool_call_output")
        if not own and id not in self._calls:
            return  # of a hosted tool, whose call is not here either
        if id is None:
            text = f"{path}.call_id: missing, and there is no open call that this output could answer."
            raise errors.RequestError(text, param=f"{path}.call_id", code="missing_field")
        if id in self._open:
            self._open[id] -= 1
            if not self._open[id]:
                del self._open[id]
        self._conversation.append(messages.ToolMessage(id, _output(item.output, f"{path}.output")))


def _arguments(item: api.InputItem, path: str) -> str:
    """A custom tool's text is the argument of the function that stands for it; other calls say what they do in an
    object of their own."""
    if item.arguments is not None:
        return incoming.arguments(item.arguments, f"{path}.arguments")
    if isinstance(item.input, str):
        return jsontext.encode({tools.CUSTOM_INPUT: item.input}).decode()
    given = next((value for value in (item.input, item.action, item.operation) if value is not None), None)
    return incoming.arguments(given, path)


def _words(value: Any) -> str:
    """The text of parts, whatever they are called."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else []
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _output(output: Any, path: str) -> messages.Content:
    """A text, parts, or (shell tools) anything else, shown as it is written."""
    if isinstance(output, list) and all(isinstance(part, dict) and part.get("type") in _PARTS for part in output):
        return _content(output, path)
    if output is None or isinstance(output, str):
        return output or ""
    return jsontext.encode(bodies.check_depth(output, path)).decode()


def _failure(error: Any, path: str) -> messages.Content:
    """What a failed call says: a text, or an object that has one."""
    if isinstance(error, dict):
        return _words(error.get("content")) or _words(error.get("message")) or _output(error, path)
    return _output(error, path)


_PARTS = ("input_text", "output_text", "text", "refusal", "input_image", "input_file", "input_audio")


def _content(content: Any, path: str) -> messages.Content:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise errors.RequestError(f"{path}: must be a text or a list of parts.", param=path, code="invalid_type")
    if (text := _plain_text(content)) is not None:
        return text
    parts = [bodies.convert(part, api.InputPart, f"{path}[{at}]") for at, part in enumerate(content)]
    return incoming.content([_part(part, f"{path}[{at}]") for at, part in enumerate(parts)])


_TEXTS = ("input_text", "output_text", "text")
_NAMES_OF_TEXT = frozenset({"type", "text", "annotations", "logprobs"})


def _plain_text(content: list[Any]) -> str | None:
    """The text of parts that are nothing else, as nearly all are, None for others."""
    texts: list[str] = []
    for part in content:
        if type(part) is not dict or not part.keys() <= _NAMES_OF_TEXT or part.get("type") not in _TEXTS:
            return None
        text = part.get("text")
        if type(text) is not str or part.get("annotations") or part.get("logprobs"):
            return None
        texts.append(text)
    return "".join(texts)


def _part(part: api.InputPart, path: str) -> messages.ContentPart:
    match part.type:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            return messages.TextPart(part.text or "")
        case "refusal":
            return messages.TextPart(part.refusal or "")
        case "input_image" | "image_url" if isinstance(part.image_url, str):
            return messages.ImagePart(part.image_url, part.detail)
        case "input_image" | "image_url" if isinstance(part.image_url, dict) and part.image_url.get("url"):
            return messages.ImagePart(str(part.image_url["url"]), part.detail)
        case "input_image" | "input_file" if part.file_data or part.file_url or part.file_id:
            return messages.FilePart(incoming.file_url(part.file_data) or part.file_url, part.file_id, part.filename)
        case "input_audio" if part.input_audio is not None:
            return messages.AudioPart(part.input_audio.get("data", ""), part.input_audio.get("format", "wav"))
        case kind:
            raise incoming.unsupported_part(kind, path, "input_text, input_image, input_file or input_audio")
