"""IBM watsonx Orchestrate's external agents: chat completions with run steps.

Source: the external agent specification of the watsonx Orchestrate developer toolkit, and the validator that IBM ships
(``orchestrate evaluations validate-external``). Frames are ``data:`` lines only, each with ``id``, ``object``,
``choices`` and ``thread_id``; text is ``thread.message.delta``, what the agent does is ``thread.run.step.delta`` with
``step_details`` of type thinking, tool_calls or tool_response. The protocol has no error event: a failure is told as
text, without a finish reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

import msgspec

from turnstream import errors, events, jsontext, messages, requests
from turnstream.api import chat_completions as api
from turnstream.dialects import asking, base, body as bodies, openai_chat, openai_chat_request, paragraphs, statuses

_HANDED_OVER = "transfer_to_"
_TEXT_END = b"}}]}\n\n"


class Orchestrate:
    name: ClassVar[str] = "orchestrate"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route(
            "POST",
            "/orchestrate/chat/completions",
            summary="Ask an agent as watsonx Orchestrate does.",
            request=api.ChatRequest,
            event="SSEChunk",
        ),
        base.Route("POST", "/v1/chat/completions", header="x-ibm-thread-id", request=api.ChatRequest, event="SSEChunk"),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        body = bodies.decode(request.body, api.ChatRequest)
        asked = openai_chat_request.run_request(body, request.headers)
        conversation = without_hand_over(asked.messages)
        return Exchange(request, body, msgspec.structs.replace(asked, messages=conversation))

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return openai_chat.refusal(error)


def without_hand_over(conversation: Sequence[messages.Message]) -> tuple[messages.Message, ...]:
    """Orchestrate's own call that chose this agent, with or without its result, ends the history; it is no turn of the
    conversation. Instructions may stand behind it."""
    given = tuple(conversation)
    last = next((at for at in reversed(range(len(given))) if isinstance(given[at], messages.AssistantMessage)), 0)
    call, after = given[last] if given else None, given[last + 1 :]
    if not last or not isinstance(call, messages.AssistantMessage) or not call.tool_calls:
        return given
    if any(isinstance(message, messages.UserMessage) for message in after):
        return given
    if not all(one.name.startswith(_HANDED_OVER) for one in call.tool_calls):
        return given
    instructions = tuple(message for message in after if isinstance(message, messages.SystemMessage))
    return (*given[:last], *instructions)


class Exchange(openai_chat.Exchange):
    """The same request as chat completions; the answer in one piece is the same too. Each has a thread on the wire."""

    def __init__(self, client: base.ClientRequest, body: api.ChatRequest, request: requests.RunRequest) -> None:
        thread = request.thread_id or f"thread-{client.id}"
        super().__init__(client, body, msgspec.structs.replace(request, thread_id=thread))

    def encoder(self, agent: str) -> Encoder:  # type: ignore[override]  # the seam asks for any encoder
        return Encoder(
            self.id.removeprefix("chatcmpl-"), self.created, self.model or agent, self.request.thread_id or ""
        )


class Encoder(base.StreamEncoder):
    """Orchestrate shows steps, not deltas, of what the agent thinks: reasoning is told when it is complete."""

    def __init__(self, id: str, created: int, model: str, thread_id: str) -> None:
        self._id = id
        self._common = {"thread_id": thread_id, "model": model, "created": created}
        self._text = self._start(f"run-{id}", "thread.message.delta") + b'{"role":"assistant","content":'
        self._paragraphs = paragraphs.Paragraphs()
        self._reasoning: list[str] = []
        self._steps = self._client_calls = 0

    def _start(self, id: str, object: str) -> bytes:
        head = {"id": id, "object": object, **self._common}
        return b"data: " + jsontext.encode(head)[:-1] + b',"choices":[{"index":0,"delta":'

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        if self.ended:
            return b""
        pieces: list[bytes] = []
        head = self._text
        for event in batch:
            if type(event) is events.TextDelta and self._paragraphs.open and not self._reasoning:
                text = event.text
                self._paragraphs.last = text or self._paragraphs.last
                pieces += (head, jsontext.string(text) if ":" not in text else plain(jsontext.string(text)), _TEXT_END)
                continue
            if not isinstance(event, events.ReasoningDelta):
                pieces.append(self._thought())
            self._paragraphs.see(event)
            pieces.append(self._event(event))
            if type(event) in base.LAST:
                break
        return b"".join(pieces)

    def heartbeat(self) -> bytes:
        return b"" if self.ended else self._message({})

    def _event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.TextDelta(text=text) | events.RefusalDelta(text=text):
                return self._text + plain(jsontext.string(self._paragraphs.begin(text))) + _TEXT_END
            case events.ReasoningDelta(text=text):
                self._reasoning.append(text)
                return b""
            case events.ToolCallsDetected(tool_calls=calls):
                told = [{"id": call.id, "name": call.name, "args": base.arguments(call)} for call in calls]
                return self._step({"type": "tool_calls", "tool_calls": told})
            case events.ToolResult(tool_call=call, output=output):
                return self._response(call.id, call.name, output.shown_text)
            case events.HostedToolCall(id=id, name=name, arguments=text):
                hosted = {"id": id, "name": name, "args": base.arguments(messages.ToolCall(id, name, text))}
                return self._step({"type": "tool_calls", "tool_calls": [hosted]})
            case events.HostedToolResult(id=id, name=name, content=content):
                return self._response(id, name, content)
            case events.ClientToolCalls(tool_calls=calls):
                return b"".join([self._client_call(call) for call in calls])
            case (
                events.RunStarted()
                | events.StepStarted()
                | events.StepFinished()
                | events.ToolCallStarted()
                | events.ToolCallArguments()
                | events.ToolsExecuted()
                | events.ToolProgress()
                | events.SourceFound()
                | events.MaxStepsReached()
            ):
                return b""
            case events.RunFinished():
                return self._finish(event)
            case events.RunWaiting(step=step, usage=used):
                said = self._paragraphs.begin(asking.message(event))
                asked = self._message({"role": "assistant", "content": said}) if said else b""
                return asked + self._finish(events.RunFinished("stop", used, step))
            case events.RunFailed(message=message):
                return self._fail(message)
            case events.RunCancelled():
                return self._fail("The run was cancelled.")
            case _:
                assert_never(event)

    def _message(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        end = b"}]}\n\n" if finish is None else b',"finish_reason":' + jsontext.encode(finish) + b"}]}\n\n"
        return self._start(f"run-{self._id}", "thread.message.delta") + plain(jsontext.encode(delta)) + end

    def _step(self, details: Mapping[str, Any]) -> bytes:
        self._steps += 1
        delta = {"role": "assistant", "step_details": details}
        start = self._start(f"step-{self._id}-{self._steps}", "thread.run.step.delta")
        return start + plain(jsontext.encode(delta)) + b"}]}\n\n"

    def _response(self, id: str, name: str, content: str) -> bytes:
        return self._step({"type": "tool_response", "content": content, "name": name, "tool_call_id": id})

    def _thought(self) -> bytes:
        if not self._reasoning:
            return b""
        text = "".join(self._reasoning)
        self._reasoning.clear()
        return self._step({"type": "thinking", "content": text})

    def _client_call(self, call: messages.ToolCall) -> bytes:
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        made = {"index": self._client_calls, "id": call.id, "type": "function", "function": function}
        self._client_calls += 1
        return self._message({"role": "assistant", "tool_calls": [made]})

    def _finish(self, end: events.RunFinished) -> bytes:
        self.ended = True
        told = b""
        if end.reason == "max_steps":
            told = self._message({"role": "assistant", "content": self._paragraphs.begin(statuses.STOPPED)})
        reason = openai_chat.finish_reason(end, "tool_calls" if self._client_calls else "")
        return told + self._message({}, reason) + openai_chat.DONE

    def _fail(self, message: str) -> bytes:
        self.ended = True
        return self._thought() + self._message({"role": "assistant", "content": message}) + openai_chat.DONE


def plain(encoded: bytes) -> bytes:
    """The same JSON without the words "data:" and "event:", which IBM's validator takes for the start of a field
    wherever they stand; the colon is escaped."""
    return encoded.replace(b"data:", b"data\\u003a").replace(b"event:", b"event\\u003a")
