"""AG-UI 1.0: the Agent User Interaction Protocol (``ag-ui-protocol``; "Events", and the client's event verifier).

``POST /ag-ui/{agent}`` with a ``RunAgentInput``; the answer is a stream of ``data:`` frames, camel case, absent members
left out, no end marker. Between RUN_STARTED and RUN_FINISHED every step, message and tool call that opens is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

from msgspec import Struct

from turnstream import errors, events, messages, requests, toolspec, usage
from turnstream.dialects import housekeeping, statuses
from turnstream.dialects.base import Call as AnyCall
from turnstream.dialects.base import ClientRequest, Reply, Route, json, media
from turnstream.dialects.blocks import BlockEncoder, Kind
from turnstream.dialects.body import bounded, decode


class PartSource(Struct, rename="camel"):
    type: str
    value: str
    mime_type: str | None = None


class Part(Struct, rename="camel"):
    type: str
    text: str = ""
    source: PartSource | None = None
    url: str | None = None
    data: str | None = None
    id: str | None = None
    mime_type: str | None = None
    filename: str | None = None


class Function(Struct):
    name: str
    arguments: str = ""


class SaidCall(Struct):
    id: str
    function: Function


class Said(Struct, rename="camel"):
    role: str
    content: str | list[Part] | dict[str, Any] | None = None
    name: str | None = None
    tool_calls: list[SaidCall] | None = None
    tool_call_id: str = ""
    error: str | None = None


class Tool(Struct):
    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None


class Context(Struct):
    description: str
    value: str


class RunAgentInput(Struct, rename="camel"):
    """The request body. Unknown members are ignored."""

    thread_id: str
    run_id: str
    messages: list[Said]
    tools: list[Tool] | None = None
    context: list[Context] | None = None
    state: Any = None
    forwarded_props: Any = None


class AgUi:
    name: ClassVar[str] = "ag_ui"
    routes: ClassVar[Sequence[Route]] = (
        Route("POST", "/ag-ui/{agent}", summary="Run an agent for an AG-UI front end.", request=RunAgentInput),
    )

    def decode(self, request: ClientRequest) -> AnyCall | Reply:
        body = decode(request.body, RunAgentInput)
        return Call(body, request.path_params.get("agent"), statuses.wanted(request))

    def error(self, error: errors.TurnstreamError, id: str) -> Reply:
        """The protocol knows no error outside a stream; front ends show the status and this object."""
        return Reply(error.status, json({"message": error.message, "code": error.code}))


class Call:
    stream = True
    headers: Mapping[str, str] = {}

    def __init__(self, body: RunAgentInput, agent: str | None, statuses: bool) -> None:
        self._body, self._statuses = body, statuses
        self.request = housekeeping.marked(
            requests.RunRequest(
                messages=tuple(message for said in body.messages for message in _message(said)),
                agent=agent,
                tools=tuple(map(_tool, body.tools or ())),
                thread_id=body.thread_id,
                context=_context(body),
            )
        )

    def encoder(self, agent: str) -> Encoder:
        return Encoder(self._body.thread_id, self._body.run_id, statuses=self._statuses)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> Reply:
        """AG-UI has no other answer than the stream."""
        encoder = self.encoder(agent)
        return Reply(200, encoder.feed(batch) + encoder.close(), "text/event-stream")


def _tool(tool: Tool) -> toolspec.ToolSpec:
    given = {} if tool.parameters is None else {"parameters": bounded(tool.parameters, f"tools.{tool.name}")}
    return toolspec.ToolSpec(tool.name, tool.description, source="client", **given)


def _context(body: RunAgentInput) -> dict[str, Any]:
    context: dict[str, Any] = {item.description: item.value for item in body.context or ()}
    for name, value in (("state", body.state), ("forwarded_props", body.forwarded_props)):
        if value is not None:
            context[name] = bounded(value, name)
    return context


def _message(said: Said) -> list[messages.Message]:
    """A message of the history; none for what only a front end shows (activities, reasoning)."""
    match said.role:
        case "user":
            return [messages.UserMessage(_content(said.content), said.name)]
        case "system" | "developer":
            return [messages.SystemMessage(messages.content_text(_content(said.content)))]
        case "assistant":
            parts: list[messages.AssistantPart] = []
            text = messages.content_text(_content(said.content))
            if text:
                parts.append(messages.TextPart(text))
            parts += [
                messages.ToolCall(call.id, call.function.name, call.function.arguments or "{}")
                for call in said.tool_calls or ()
            ]
            return [messages.AssistantMessage(tuple(parts))]
        case "tool":
            content = said.error or _content(said.content)
            return [messages.ToolMessage(said.tool_call_id, content, is_error=said.error is not None)]
        case _:
            return []


def _content(content: str | list[Part] | dict[str, Any] | None) -> messages.Content:
    if isinstance(content, list):
        return tuple(_part(part) for part in content)
    return content if isinstance(content, str) else ""


def _part(part: Part) -> messages.ContentPart:
    if part.type == "text":
        return messages.TextPart(part.text)
    source = part.source
    if part.type == "binary":  # the form before 1.0
        mime = part.mime_type or "application/octet-stream"
        where = (("url", part.url), ("data", part.data), ("file", part.id))
        source = next((PartSource(type, value, mime) for type, value in where if value), None)
    if source is None:
        raise errors.RequestError(f"messages: a part of type '{part.type}' has no source.", param="messages")
    mime = source.mime_type or ""
    url = f"data:{mime};base64,{source.value}" if source.type == "data" else source.value
    if source.type == "file":
        return messages.FilePart(file_id=source.value, filename=part.filename)
    if part.type in ("image", "audio") and not mime.startswith(part.type):
        mime = {"image": "image/*", "audio": "audio/wav"}[part.type]
    return media(mime, url, part.filename)


class Encoder(BlockEncoder):
    def __init__(self, thread_id: str, run_id: str, *, statuses: bool = True) -> None:
        super().__init__(f"{run_id}-message-")
        self._run = {"threadId": thread_id, "runId": run_id}
        self._run_id = run_id
        self._statuses = statuses
        self._step: int | None = None
        self._text_id: str | None = None  # the message of this step that a tool call belongs to
        self._started = False
        self._pending: list[str] = []

    def opening(self, kind: Kind, id: str) -> bytes:
        if kind == "text":
            self._text_id = id
            return _frame("TEXT_MESSAGE_START", messageId=id, role="assistant")
        start = _frame("REASONING_MESSAGE_START", messageId=id, role="reasoning")
        return _frame("REASONING_START", messageId=id) + start

    def delta(self, kind: Kind, id: str) -> bytes:
        type = "TEXT_MESSAGE_CONTENT" if kind == "text" else "REASONING_MESSAGE_CONTENT"
        return _frame(type, messageId=id)[:-3] + b',"delta":'

    def closing(self, kind: Kind, id: str) -> bytes:
        if kind == "text":
            return _frame("TEXT_MESSAGE_END", messageId=id)
        return _frame("REASONING_MESSAGE_END", messageId=id) + _frame("REASONING_END", messageId=id)

    def event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                return b""  # in blocks
            case events.StepFinished() | events.ToolCallStarted() | events.ToolCallArguments():
                return b""
            case events.RunStarted():
                self._started = True
                return _frame("RUN_STARTED", **self._run)
            case events.StepStarted(step=step):
                return self._end_step() + self._start_step(step) + self._status(event)
            case events.ToolCallsDetected(tool_calls=calls):
                return b"".join([self._call(call) for call in calls]) + self._status(event)
            case events.ToolResult(tool_call=call, output=output):
                return self._result(call.id, output.shown_text)
            case events.ToolsExecuted():
                return self._status(event) + self._end_step()
            case events.MaxStepsReached():
                return self._status(event)
            case events.ClientToolCalls(tool_calls=calls):
                self._pending = [call.id for call in calls]
                return b"".join([self._call(call) for call in calls])
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._call(messages.ToolCall(id, name, arguments))
            case events.HostedToolResult(id=id, content=content):
                return self._result(id, content)
            case events.ToolProgress(tool_call_id=id, message=message, fraction=fraction):
                return self._custom("tool.progress", {"toolCallId": id, "message": message, "fraction": fraction})
            case events.SourceFound(source=source, tool_call_id=id):
                return self._custom("source", {"toolCallId": id, "source": source})
            case events.RunFinished(usage=usage):
                pending = {"pendingToolCallIds": self._pending} if self._pending else {}
                return self._finish({"type": "success", **pending}, usage)
            case events.RunCancelled(usage=usage):
                return self._finish({"type": "cancelled"}, usage)
            case events.RunFailed(code=code, message=message, usage=usage):
                ended = self._start() + self._end_step()
                self.ended = True
                return ended + _frame("RUN_ERROR", message=message, code=code, usage=[_usage(usage)])
            case _:
                assert_never(event)

    def _status(self, event: statuses.StatusEvent) -> bytes:
        word, details = statuses.status(event)
        return self._custom("agent.status", {"status": word, "details": details})

    def _custom(self, name: str, value: Any) -> bytes:
        return _frame("CUSTOM", name=name, value=value) if self._statuses else b""

    def _start(self) -> bytes:
        return b"" if self._started else self.event(events.RunStarted("", ""))

    def _finish(self, outcome: dict[str, Any], usage: usage.Usage) -> bytes:
        ended = self._start() + self._end_step()
        self.ended = True
        return ended + _frame("RUN_FINISHED", **self._run, outcome=outcome, usage=[_usage(usage)])

    def _start_step(self, step: int) -> bytes:
        self._step, self._text_id = step, None
        return _frame("STEP_STARTED", stepName=f"step {step}")

    def _end_step(self) -> bytes:
        if self._step is None:
            return b""
        step, self._step = self._step, None
        return _frame("STEP_FINISHED", stepName=f"step {step}")

    def _call(self, call: messages.ToolCall) -> bytes:
        parent = {} if self._text_id is None else {"parentMessageId": self._text_id}
        return b"".join(
            (
                _frame("TOOL_CALL_START", toolCallId=call.id, toolCallName=call.name, **parent),
                _frame("TOOL_CALL_ARGS", toolCallId=call.id, delta=call.arguments or "{}"),
                _frame("TOOL_CALL_END", toolCallId=call.id),
            )
        )

    def _result(self, id: str, content: str) -> bytes:
        message = f"{self._run_id}-result-{id}"
        return _frame("TOOL_CALL_RESULT", messageId=message, toolCallId=id, content=content, role="tool")


def _frame(type: str, **members: Any) -> bytes:
    return b"data: " + json({"type": type, **members}) + b"\n\n"


def _usage(usage: usage.Usage) -> dict[str, int]:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
        "reasoningTokens": usage.reasoning,
        "cachedInputTokens": usage.cached,
        "cacheWriteInputTokens": usage.cache_write,
    }
