"""The Vercel AI SDK's UI message stream, version 1 (``ai`` 7, ``src/ui-message-stream``; docs "Stream Protocols").

``POST /vercel/{agent}`` takes what ``useChat``'s transport sends: a chat's ``id`` and its UI messages. The answer is
a stream of ``data:`` frames that ends with ``[DONE]``. Tools that we run are ``providerExecuted``, so that the front
end shows and does not execute them; they are ``dynamic``, because it does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

import msgspec
from msgspec import Struct

from turnstream import errors, events, messages, requests, toolspec, usage
from turnstream.dialects import housekeeping, statuses
from turnstream.dialects.base import Call as AnyCall
from turnstream.dialects.base import ClientRequest, Reply, Route, json, media
from turnstream.dialects.blocks import BlockEncoder, Kind
from turnstream.dialects.body import bounded, decode
from turnstream.dialects.openai_chat import DONE


class Part(Struct, rename="camel"):
    """One part of a UI message; which members count depends on ``type``."""

    type: str
    text: str = ""
    url: str = ""
    media_type: str = ""
    filename: str | None = None
    tool_call_id: str = ""
    tool_name: str = ""
    state: str = ""
    input: Any = None
    output: Any = None
    error_text: str | None = None
    approval: dict[str, Any] | None = None


class UIMessage(Struct):
    """``content`` is what its text was called before the AI SDK 5."""

    role: str
    parts: list[Part] = []
    content: str | None = None


class Tool(Struct, rename="camel"):
    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    input_schema: dict[str, Any] | None = None


class ChatBody(Struct):
    """The body that the AI SDK's transport sends, and ``tools``, for front ends that run some themselves."""

    messages: list[UIMessage]
    id: str | None = None
    tools: list[Tool] | None = None


class Vercel:
    name: ClassVar[str] = "vercel"
    routes: ClassVar[Sequence[Route]] = (
        Route("POST", "/vercel/{agent}", summary="Answer a chat of the Vercel AI SDK's useChat.", request=ChatBody),
        Route("GET", "/vercel/{agent}/{chat}/stream", summary="Nothing: a stream cannot be joined again."),
    )

    def decode(self, request: ClientRequest) -> AnyCall | Reply:
        if request.method == "GET":
            return Reply(204, b"")  # useChat's word for "there is no stream to resume"
        return Call(decode(request.body, ChatBody), request, statuses.wanted(request))

    def error(self, error: errors.TurnstreamError, id: str) -> Reply:
        """The transport shows the body of a failed answer as the error's text."""
        return Reply(error.status, error.message.encode("utf-8", "replace"), "text/plain; charset=utf-8")


class Call:
    stream = True
    headers: Mapping[str, str] = {"x-vercel-ai-ui-message-stream": "v1"}

    def __init__(self, body: ChatBody, client: ClientRequest, statuses: bool) -> None:
        self._id, self._statuses = client.id, statuses
        if not body.messages:
            raise errors.RequestError(
                "messages: there must be at least one message.", param="messages", code="invalid_value"
            )
        self.request = housekeeping.marked(
            requests.RunRequest(
                messages=tuple(message for said in body.messages for message in _messages(said)),
                agent=client.path_params.get("agent"),
                tools=tuple(_tool(tool) for tool in body.tools or ()),
                thread_id=body.id,
            )
        )

    def encoder(self, agent: str) -> Encoder:
        return Encoder(f"msg-{self._id}", statuses=self._statuses)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> Reply:
        """This protocol has no other answer than the stream."""
        encoder = self.encoder(agent)
        return Reply(200, encoder.feed(batch) + encoder.close(), "text/event-stream", self.headers)


def _tool(tool: Tool) -> toolspec.ToolSpec:
    schema = tool.parameters or tool.input_schema
    given = {} if schema is None else {"parameters": bounded(schema, f"tools.{tool.name}")}
    return toolspec.ToolSpec(tool.name, tool.description, source="client", **given)


def _messages(said: UIMessage) -> list[messages.Message]:
    parts = said.parts or ([Part("text", said.content)] if said.content else [])
    match said.role:
        case "user":
            return [messages.UserMessage(tuple(_content(part) for part in parts if part.type in ("text", "file")))]
        case "system":
            return [messages.SystemMessage("".join(part.text for part in parts if part.type == "text"))]
        case "assistant":
            return _steps(parts)
        case role:
            raise errors.RequestError(f"messages: '{role}' is none of user, assistant or system.", param="messages")


def _content(part: Part) -> messages.ContentPart:
    if part.type == "text":
        return messages.TextPart(part.text)
    return media(part.media_type, part.url, part.filename)


def _steps(parts: Sequence[Part]) -> list[messages.Message]:
    """One UI message holds all steps of an answer: each becomes an assistant message and its tool messages."""
    conversation: list[messages.Message] = []
    said: list[messages.AssistantPart] = []
    results: list[messages.Message] = []

    def end() -> None:
        if said:
            conversation.append(messages.AssistantMessage(tuple(said)))
        conversation.extend(results)
        said.clear()
        results.clear()

    for part in parts:
        if part.type == "step-start" or (part.type == "text" and results):
            end()
        if part.type == "text" and part.text:
            said.append(messages.TextPart(part.text))
        elif part.state == "input-streaming":
            continue  # a call that was never whole
        elif part.tool_call_id and (part.type == "dynamic-tool" or part.type.startswith("tool-")):
            name = part.tool_name or part.type.removeprefix("tool-")
            arguments = json(part.input if isinstance(part.input, dict) else {}).decode()
            said.append(messages.ToolCall(part.tool_call_id, name, arguments))
            results += _result(part, name)
    end()
    return conversation


def _result(part: Part, name: str) -> list[messages.Message]:
    if part.state == "output-denied" or (part.approval or {}).get("approved") is False:
        reason = (part.approval or {}).get("reason")
        denied = reason if isinstance(reason, str) and reason else "The call was denied."
        return [messages.ToolMessage(part.tool_call_id, denied, name, is_error=True)]
    if part.error_text is not None:
        return [messages.ToolMessage(part.tool_call_id, part.error_text, name, is_error=True)]
    if part.state == "output-available":
        text = part.output if isinstance(part.output, str) else json(part.output).decode()
        return [messages.ToolMessage(part.tool_call_id, text, name)]
    return []


class Encoder(BlockEncoder):
    def __init__(self, message_id: str, *, statuses: bool = True) -> None:
        super().__init__(f"{message_id}-")
        self._message_id, self._statuses = message_id, statuses
        self._started = self._in_step = False
        self._sources = 0

    def opening(self, kind: Kind, id: str) -> bytes:
        return _frame(f"{kind}-start", id=id)

    def delta(self, kind: Kind, id: str) -> bytes:
        return _frame(f"{kind}-delta", id=id)[:-3] + b',"delta":'

    def closing(self, kind: Kind, id: str) -> bytes:
        return _frame(f"{kind}-end", id=id)

    def event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                return b""  # in blocks
            case events.StepFinished() | events.ToolCallStarted() | events.ToolCallArguments():
                return b""
            case events.RunStarted():
                self._started = True
                return _frame("start", messageId=self._message_id)
            case events.StepStarted():
                ended = self._end_step()
                self._in_step = True
                return ended + _frame("start-step") + self._status(event)
            case events.ToolCallsDetected(tool_calls=calls):
                return b"".join([_call(call, **_OURS) for call in calls]) + self._status(event)
            case events.ToolResult(tool_call=call, output=output, ok=ok):
                shown = output.data if output.data is not None else output.shown_text
                return _result_of(call.id, shown, ok)
            case events.ToolsExecuted():
                return self._status(event) + self._end_step()
            case events.MaxStepsReached():
                return self._status(event)
            case events.ClientToolCalls(tool_calls=calls):
                return b"".join([_call(call) for call in calls])
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return _call(messages.ToolCall(id, name, arguments), **_OURS)
            case events.HostedToolResult(id=id, content=content, ok=ok):
                return _result_of(id, content, ok)
            case events.ToolProgress(tool_call_id=id, name=name, message=message, fraction=fraction):
                progress = {"toolCallId": id, "name": name, "message": message, "fraction": fraction}
                return self._data("tool-progress", progress)
            case events.SourceFound(source=source):
                return self._source(source)
            case events.RunFinished() | events.RunFailed() | events.RunCancelled():
                return self._end(event)
            case _:
                assert_never(event)

    def _status(self, event: statuses.StatusEvent) -> bytes:
        word, details = statuses.status(event)
        return self._data("agent-status", {"status": word, "details": details})

    def _data(self, name: str, data: dict[str, Any]) -> bytes:
        return _frame(f"data-{name}", data=data, transient=True) if self._statuses else b""

    def _source(self, source: toolspec.Source) -> bytes:
        self._sources += 1
        id, title = source.id or f"source-{self._sources}", source.title or source.id
        if source.url:
            return _frame("source-url", sourceId=id, url=source.url, title=title or source.url)
        return _frame("source-document", sourceId=id, mediaType="text/plain", title=title or "source")

    def _end_step(self) -> bytes:
        if not self._in_step:
            return b""
        self._in_step = False
        return _frame("finish-step")

    def _end(self, event: events.RunFinished | events.RunFailed | events.RunCancelled) -> bytes:
        self.ended = True
        started = b"" if self._started else _frame("start", messageId=self._message_id)
        ended = started + self._end_step()
        match event:
            case events.RunFinished(reason=reason, usage=usage):
                finish = _frame("finish", finishReason=_REASONS[reason], messageMetadata={"usage": _usage(usage)})
                return ended + finish + DONE
            case events.RunFailed(message=message):
                return ended + _frame("error", errorText=message) + _frame("finish", finishReason="error") + DONE
            case events.RunCancelled():
                return ended + _frame("abort", reason="The run was cancelled.") + DONE


_OURS = {"providerExecuted": True, "dynamic": True}
_REASONS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "content_filter": "content-filter",
    "max_steps": "other",
    "pause": "other",
    "unknown": "other",
}


def _frame(type: str, **members: Any) -> bytes:
    return b"data: " + json({"type": type, **members}) + b"\n\n"


def _call(call: messages.ToolCall, **members: Any) -> bytes:
    named = {"toolCallId": call.id, "toolName": call.name, **members}
    start = _frame("tool-input-start", **named)
    try:
        given = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, UnicodeEncodeError):
        text = f"The arguments are not JSON: {call.arguments}"
        return start + _frame("tool-input-error", **named, input=call.arguments, errorText=text)
    return start + _frame("tool-input-available", **named, input=given)


def _result_of(id: str, output: Any, ok: bool) -> bytes:
    if ok:
        return _frame("tool-output-available", toolCallId=id, output=output, **_OURS)
    return _frame("tool-output-error", toolCallId=id, errorText=str(output), **_OURS)


def _usage(usage: usage.Usage) -> dict[str, int]:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
        "reasoningTokens": usage.reasoning,
        "cachedInputTokens": usage.cached,
    }
