"""The Vercel AI SDK's UI message stream, version 1 (``ai`` 7, ``src/ui-message-stream``; docs "Stream Protocols").

``POST /vercel/{agent}`` takes what ``useChat``'s transport sends: a chat's ``id`` and its UI messages. The answer is
a stream of ``data:`` frames that ends with ``[DONE]``. Tools that we run are ``providerExecuted``, so that the front
end shows and does not execute them; they are ``dynamic``, because it does not know them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

from turnstream import errors, events, jsontext, messages, toolspec, usage
from turnstream.api import vercel as api
from turnstream.dialects import (
    asking,
    base,
    blocks,
    body as bodies,
    incoming,
    openai_chat,
    resume,
    statuses,
    vercel_request,
)


class Vercel:
    name: ClassVar[str] = "vercel"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route("POST", "/vercel/{agent}", summary="Answer a chat of the AI SDK's useChat.", request=api.ChatBody),
        base.Route(
            "GET", "/vercel/{agent}/{chat}/stream", summary="The answer of a chat that is being written, once more."
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        if request.method == "GET":
            after = resume.position(request.query, request.headers)
            return base.Attachment(
                request.path_params["agent"],
                lambda exchange, _: resume.Rest(exchange, after),
                base.Reply(204, b""),  # useChat's word for "there is no stream to resume"
                thread=request.path_params["chat"],
                skips=after is None,
            )
        return Exchange(bodies.decode(request.body, api.ChatBody), request)

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return refusal(error)


class Exchange:
    stream = True
    headers: Mapping[str, str] = {"x-vercel-ai-ui-message-stream": "v1"}

    def __init__(self, body: api.ChatBody, client: base.ClientRequest) -> None:
        self._statuses, self._run_id = statuses.are_wanted(client), client.id
        self.request = vercel_request.run_request(body, client.path_params.get("agent"))
        self._message_id = vercel_request.find_continued(body) or f"msg-{client.id}"
        self.thread = incoming.thread_ref(self.request, client.headers)

    def encoder(self, agent: str) -> Encoder:
        return Encoder(self._message_id, statuses=self._statuses, prefix=f"msg-{self._run_id}")

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        """This protocol has no other answer than the stream."""
        encoder = self.encoder(agent)
        return base.Reply(200, encoder.feed(batch) + encoder.close(), "text/event-stream", self.headers)

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return refusal(error)


def refusal(error: errors.TurnstreamError) -> base.Reply:
    """The transport shows the body of a failed answer as the error's text."""
    return base.Reply(error.status, error.message.encode("utf-8", "replace"), "text/plain; charset=utf-8")


class Encoder(blocks.BlockEncoder):
    def __init__(self, message_id: str, *, statuses: bool = True, prefix: str | None = None) -> None:
        """``prefix`` is that of the ids of its blocks: a message that is continued has some already."""
        super().__init__(f"{prefix or message_id}-")
        self._message_id, self._statuses = message_id, statuses
        self._started = self._in_step = False
        self._unsafe = False  # in a step that the model has not finished
        self._written: dict[str, tuple[str, dict[str, Any]]] = {}  # calls that have begun: name, further members
        self._client_failures: set[str] = set()
        self._sources = 0

    def open_block(self, kind: blocks.Kind, id: str) -> bytes:
        return _frame(f"{kind}-start", id=id)

    def delta(self, kind: blocks.Kind, id: str) -> bytes:
        return _frame(f"{kind}-delta", id=id)[:-3] + b',"delta":'

    def close_block(self, kind: blocks.Kind, id: str) -> bytes:
        return _frame(f"{kind}-end", id=id)

    def event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                return b""  # in blocks
            case events.StepFinished():
                self._unsafe = False
                return b""
            case events.ToolCallStarted(tool_call_id=id, name=name, client=client):
                return self._begin_call(id, name, {} if client else _SERVER_RUN)
            case events.ToolCallArguments(tool_call_id=id, arguments=text):
                return _frame("tool-input-delta", toolCallId=id, inputTextDelta=text) if id in self._written else b""
            case events.RunStarted():
                self._started = True
                return _frame("start", messageId=self._message_id)
            case events.StepStarted():
                ended = self._end_step()
                self._in_step = self._unsafe = True
                return ended + _frame("start-step") + self._status(event)
            case events.ToolCallsDetected(tool_calls=calls):
                return b"".join([self._call(call, _SERVER_RUN) for call in calls]) + self._status(event)
            case events.ToolResult(tool_call=call, output=output, ok=ok):
                shown = output.data if output.data is not None else output.shown_text
                if call.id in self._client_failures:  # told when the call was whole: its front end waits for no result
                    return b""
                return _result_of(call.id, shown, ok)
            case events.ToolsExecuted():
                return self._status(event) + self._end_step()
            case events.MaxStepsReached():
                return self._status(event)
            case events.ClientToolCalls(tool_calls=calls):
                return b"".join([self._call(call, {}) for call in calls])
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._call(messages.ToolCall(id, name, arguments), _SERVER_RUN)
            case events.HostedToolResult(id=id, content=content, ok=ok):
                return _result_of(id, content, ok)
            case events.ToolProgress(tool_call_id=id, name=name, message=message, fraction=fraction):
                progress = {"toolCallId": id, "name": name, "message": message, "fraction": fraction}
                return self._data("tool-progress", progress)
            case events.SourceFound(source=source):
                return self._source(source)
            case events.RunWaiting(step=step, usage=usage):
                return self._wait(event) + self._end(events.RunFinished("tool_calls", usage, step))
            case events.RunFinished() | events.RunFailed() | events.RunCancelled():
                return self._end(event)
            case _:
                assert_never(event)

    def abandon(self) -> bytes:
        """Nothing can be taken back here: calls that were being written fail, and a new step begins."""
        if not self._unsafe:
            return b""
        text = "The call was given up: another process makes this step again."
        written, self._written = self._written, {}
        failed = [
            _frame("tool-input-error", toolCallId=id, toolName=name, **members, input=None, errorText=text)
            for id, (name, members) in written.items()
        ]
        return b"".join(failed) + self._end_step()

    def _begin_call(self, id: str, name: str, members: dict[str, Any]) -> bytes:
        self._written[id] = (name, members)
        return _frame("tool-input-start", toolCallId=id, toolName=name, **members)

    def _call(self, call: messages.ToolCall, members: dict[str, Any]) -> bytes:
        """A whole call, or what is left to say of one that has begun."""
        begun = b"" if call.id in self._written else self._begin_call(call.id, call.name, members)
        name, members = self._written.pop(call.id)
        named = {"toolCallId": call.id, "toolName": name, **members}
        try:
            given = jsontext.decode(call.arguments or "{}")
        except ValueError:
            text = f"The arguments are not JSON: {call.arguments}"
        else:
            if call.malformed is None:
                return begun + _frame("tool-input-available", **named, input=given)
            text = f"The call was not executed: {call.malformed}"
        if not members:
            self._client_failures.add(call.id)
        return begun + _frame("tool-input-error", **named, input=call.arguments, errorText=text)

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

    def _wait(self, waiting: events.RunWaiting) -> bytes:
        """The front end shows approvals with the calls; what it has no part for is asked in words."""
        asked = [
            _frame("tool-approval-request", approvalId=ask.code, toolCallId=ask.tool_call_id)
            for ask in waiting.asks
            if ask.kind == "approval"
        ]
        words = asking.message(waiting, asking.WORDS)
        return b"".join(asked) + self._say("text", words) + self._leave()

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
                return ended + finish + openai_chat.DONE
            case events.RunFailed(message=message):
                return (
                    ended
                    + _frame("error", errorText=message)
                    + _frame("finish", finishReason="error")
                    + openai_chat.DONE
                )
            case events.RunCancelled():
                return ended + _frame("abort", reason="The run was cancelled.") + openai_chat.DONE


_SERVER_RUN = {"providerExecuted": True, "dynamic": True}
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
    return b"data: " + jsontext.encode({"type": type, **members}) + b"\n\n"


def _result_of(id: str, output: Any, ok: bool) -> bytes:
    if ok:
        return _frame("tool-output-available", toolCallId=id, output=output, **_SERVER_RUN)
    return _frame("tool-output-error", toolCallId=id, errorText=str(output), **_SERVER_RUN)


def _usage(usage: usage.Usage) -> dict[str, int]:
    return {
        "inputTokens": usage.input,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
        "reasoningTokens": usage.reasoning,
        "cachedInputTokens": usage.cached,
    }
