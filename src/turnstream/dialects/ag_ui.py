"""AG-UI 1.0: the Agent User Interaction Protocol (``ag-ui-protocol``; "Events", and the client's event verifier).

``POST /ag-ui/{agent}`` with a ``RunAgentInput``; the answer is a stream of ``data:`` frames, camel case, absent members
left out, no end marker. Between RUN_STARTED and RUN_FINISHED every step, message and tool call that opens is closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

from turnstream import asks, errors, events, jsontext, messages, usage
from turnstream.api import ag_ui as api
from turnstream.dialects import ag_ui_request, asking, base, blocks, body as bodies, incoming, resume, statuses


class AgUi:
    name: ClassVar[str] = "ag_ui"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route("POST", "/ag-ui/{agent}", summary="Run an agent for an AG-UI front end.", request=api.RunAgentInput),
        base.Route(
            "POST",
            "/ag-ui/{agent}/connect",
            summary="The run of a thread that has not ended, once more.",
            request=api.RunAgentInput,
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        exchange = Exchange(bodies.decode(request.body, api.RunAgentInput), request)
        if request.path.endswith("/connect"):
            after = resume.position(request.query, request.headers)
            return base.Attachment(
                request.path_params["agent"],
                lambda kept, _: resume.Rest(kept, after),
                exchange.reply("", _NOTHING),
                thread=exchange.request.thread_id,
                skips=False,  # a snapshot takes back what is void
            )
        said = [each for each in exchange.request.messages if not isinstance(each, messages.SystemMessage)]
        if not said and exchange.request.agent in request.agents:
            return exchange.reply("", _NOTHING)
        return exchange

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return refusal(error)


_NOTHING = (events.RunStarted("", ""), events.RunFinished("stop", usage.Usage(), 0))


class Exchange:
    stream = True
    headers: Mapping[str, str] = {}

    def __init__(self, body: api.RunAgentInput, client: base.ClientRequest) -> None:
        self._body, self._statuses, self._client = body, statuses.are_wanted(client), client
        incoming.name(body.run_id, "runId")
        self.request = ag_ui_request.run_request(body, client.path_params.get("agent"))
        self.thread = incoming.thread_ref(self.request, client.headers)

    def encoder(self, agent: str) -> Encoder:
        told = ag_ui_request.raw_messages(self._client.body) if self._client.kept else None
        return Encoder(self._body.thread_id, self._body.run_id, statuses=self._statuses, conversation=told)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        """AG-UI has no other answer than the stream. A front end opens a thread with a run that has no messages."""
        encoder = self.encoder(agent)
        return base.Reply(200, encoder.feed(batch) + encoder.close(), "text/event-stream")

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return refusal(error)


def refusal(error: errors.TurnstreamError) -> base.Reply:
    """The protocol knows no error outside a stream; front ends show the status and this object."""
    return base.Reply(error.status, jsontext.encode({"message": error.message, "code": error.code}))


class Encoder(blocks.BlockEncoder):
    """``conversation`` are the messages of the request as the client wrote them, for a run that may be taken over."""

    def __init__(
        self,
        thread_id: str,
        run_id: str,
        *,
        statuses: bool = True,
        conversation: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(f"{run_id}-message-")
        self._run = {"threadId": thread_id, "runId": run_id}
        self._run_id = run_id
        self._statuses = statuses
        self._step: int | None = None
        self._text_id: str | None = None  # the message of this step that a tool call belongs to
        self._started = False
        self._written: dict[str, str] = {}  # the calls that are being written, and their arguments so far
        self._messages = None if conversation is None else [*conversation]  # with those of finished steps
        self._unsafe = False  # in a step that the model has not finished

    def open_block(self, kind: blocks.Kind, id: str) -> bytes:
        if kind == "text":
            self._text_id = id
            return _frame("TEXT_MESSAGE_START", messageId=id, role="assistant")
        start = _frame("REASONING_MESSAGE_START", messageId=id, role="reasoning")
        return _frame("REASONING_START", messageId=id) + start

    def delta(self, kind: blocks.Kind, id: str) -> bytes:
        type = "TEXT_MESSAGE_CONTENT" if kind == "text" else "REASONING_MESSAGE_CONTENT"
        return _frame(type, messageId=id)[:-3] + b',"delta":'

    def close_block(self, kind: blocks.Kind, id: str) -> bytes:
        if kind == "text":
            return _frame("TEXT_MESSAGE_END", messageId=id)
        return _frame("REASONING_MESSAGE_END", messageId=id) + _frame("REASONING_END", messageId=id)

    def event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                return b""  # in blocks
            case events.StepFinished(message=message):
                self._keep(message)
                return b""
            case events.ToolCallStarted(tool_call_id=id, name=name):
                return self._begin_call(id, name)
            case events.ToolCallArguments(tool_call_id=id, arguments=text):
                return self._write_arguments(id, text)
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
                return b"".join([self._call(call) for call in calls])
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._call(messages.ToolCall(id, name, arguments))
            case events.HostedToolResult(id=id, content=content):
                return self._result(id, content)
            case events.ToolProgress(tool_call_id=id, message=message, fraction=fraction):
                return self._custom("tool.progress", {"toolCallId": id, "message": message, "fraction": fraction})
            case events.SourceFound(source=source, tool_call_id=id):
                return self._custom("source", {"toolCallId": id, "source": source})
            case events.RunFinished(usage=usage, reason=reason):
                filtered = self._say("text", statuses.FILTERED) + self._leave() if reason == "content_filter" else b""
                return filtered + self._finish({"type": "success"}, usage)
            case events.RunWaiting(tool_calls=calls, usage=usage):
                named = {call.id: call for call in calls}
                interrupts = [_interrupt(ask, named[ask.tool_call_id]) for ask in event.asks]
                outcome = {"type": "interrupt", "interrupts": interrupts} if interrupts else {"type": "success"}
                return self._finish(outcome, usage)
            case events.RunFailed() | events.RunCancelled():
                failure = base.as_failure(event)
                code, message, usage = failure.code, failure.message, failure.usage
                ended = self._start() + self._end_calls() + self._end_step()
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
        self._step, self._text_id, self._unsafe = step, None, True
        return _frame("STEP_STARTED", stepName=f"step {step}")

    def _keep(self, message: messages.AssistantMessage) -> None:
        """What a snapshot shows of a step: one message, whatever blocks it was told in."""
        self._unsafe = False
        shown = ag_ui_request.show(message, self._text_id or f"{self._run_id}-calls-{self._step or 0}")
        if self._messages is not None and len(shown) > 2:
            self._messages.append(shown)

    def abandon(self) -> bytes:
        """The step that was not finished is closed, and a snapshot of the conversation takes it back."""
        if not self._unsafe:
            return b""
        self._unsafe = False
        return self._end_calls() + self._end_step() + _frame("MESSAGES_SNAPSHOT", messages=self._messages or [])

    def _end_step(self) -> bytes:
        if self._step is None:
            return b""
        step, self._step = self._step, None
        return _frame("STEP_FINISHED", stepName=f"step {step}")

    def _begin_call(self, id: str, name: str) -> bytes:
        """All calls of a step belong to one message: the client would make one of each, and part them from each other's
        results."""
        if self._text_id is None:
            self._text_id = f"{self._run_id}-calls-{self._step or 0}"
        self._written[id] = ""
        return _frame("TOOL_CALL_START", toolCallId=id, toolCallName=name, parentMessageId=self._text_id)

    def _write_arguments(self, id: str, text: str) -> bytes:
        if id not in self._written or not text:
            return b""
        self._written[id] += text
        return _frame("TOOL_CALL_ARGS", toolCallId=id, delta=text)

    def _call(self, call: messages.ToolCall) -> bytes:
        """A whole call, or what is left to say of one that has begun."""
        begun = b"" if call.id in self._written else self._begin_call(call.id, call.name)
        rest = "" if self._written[call.id] else call.arguments or "{}"
        written = self._write_arguments(call.id, rest)
        del self._written[call.id]
        return begun + written + _frame("TOOL_CALL_END", toolCallId=call.id)

    def _end_calls(self) -> bytes:
        ended = [_frame("TOOL_CALL_END", toolCallId=id) for id in self._written]
        self._written.clear()
        return b"".join(ended)

    def _result(self, id: str, content: str) -> bytes:
        message = f"{self._run_id}-result-{id}"
        if self._messages is not None:
            self._messages.append({"id": message, "role": "tool", "toolCallId": id, "content": content})
        return _frame("TOOL_CALL_RESULT", messageId=message, toolCallId=id, content=content, role="tool")


_APPROVED = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "arguments": {"type": "object", "description": "In place of those of the call."},
        "reason": {"type": "string"},
    },
    "required": ["approved"],
}


def _interrupt(ask: asks.Ask, call: messages.ToolCall) -> dict[str, Any]:
    """The call's arguments are told in words too: the page may show the question without the call."""
    question, review = ask.kind == "question", ask.kind == "review"
    shown = {"name": call.name, "arguments": base.arguments(call)}
    interrupt: dict[str, Any] = {
        "id": ask.code,
        "reason": "input_required" if question else "confirmation" if review else "tool_call",
        "message": asking.sentence(ask, call),
        **({} if review else {"toolCallId": call.id}),
        "metadata": {"kind": ask.kind, "toolCall": shown, **({"url": ask.url} if ask.url else {})},
    }
    schema = ask.schema if question else _APPROVED
    if schema is not None:
        interrupt["responseSchema"] = schema
    if ask.expires_at is not None:
        interrupt["expiresAt"] = asking.iso_time(ask.expires_at)
    return interrupt


def _frame(type: str, **members: Any) -> bytes:
    return b"data: " + jsontext.encode({"type": type, **members}) + b"\n\n"


def _usage(usage: usage.Usage) -> dict[str, int]:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
        "reasoningTokens": usage.reasoning,
        "cachedInputTokens": usage.cached,
        "cacheWriteInputTokens": usage.cache_write,
    }
