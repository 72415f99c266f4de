"""Anthropic Messages, streamed and not (https://platform.claude.com/docs/en/api/messages-streaming).

Each frame has an ``event:`` line with the type of its data. Content is blocks, one open at a time, numbered from 0.
``tool_use`` is the client's to run. Tools that we run are ``mcp_tool_use`` and ``mcp_tool_result`` blocks, the
protocol's form for tools that run elsewhere; they are a beta, so only clients of the beta get them (`is_beta`), others
do not know these types. Statuses ride on ``ping``, which clients skip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

import msgspec

from turnstream import errors, events, jsontext, messages, requests, toolspec, usage
from turnstream.api import messages as api
from turnstream.dialects import (
    anthropic_messages_request,
    asking,
    base,
    blocks,
    body as bodies,
    incoming,
    paragraphs,
    statuses,
)

COUNT_PATH = "/v1/messages/count_tokens"
ID_HEADER = "request-id"  # where Anthropic's clients look for it


class AnthropicMessages:
    name: ClassVar[str] = "anthropic_messages"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route(
            "POST", "/v1/messages", summary="Ask an agent as Anthropic's clients do.", request=api.MessagesRequest
        ),
        base.Route("POST", COUNT_PATH, summary="Estimate the tokens of a request.", request=api.MessagesRequest),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        body = bodies.decode(request.body, api.MessagesRequest)
        counted = request.path.rstrip("/") == COUNT_PATH
        asked = anthropic_messages_request.run_request(body, request.headers, only_counted=counted)
        if counted:
            count = {"input_tokens": anthropic_messages_request.estimate(asked)}
            return base.Reply(200, jsontext.encode(count), headers={ID_HEADER: request.request_id})
        return Exchange(body, asked, request)

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return refusal(error, id)


def is_beta(request: base.ClientRequest) -> bool:
    """The header that asks for tools of MCP servers, or ``?beta=true``, which older beta clients add."""
    return "mcp-client" in request.headers.get("anthropic-beta", "") or request.query.get("beta") == "true"


class Exchange:
    def __init__(self, body: api.MessagesRequest, request: requests.RunRequest, client: base.ClientRequest) -> None:
        self.request, self.stream = request, bool(body.stream)
        self.thread = incoming.thread_ref(request, client.headers, body.metadata)
        self.headers: Mapping[str, str] = {ID_HEADER: client.request_id}
        self._id, self._beta, self._statuses = client.id, is_beta(client), statuses.are_wanted(client)
        self._estimate = anthropic_messages_request.estimate(request) if self.stream else 0

    def encoder(self, agent: str) -> Encoder:
        name = self.request.agent or agent
        return Encoder(f"msg_{self._id}", name, shows_tools=self._beta, statuses=self._statuses, tokens=self._estimate)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        encoder = self.encoder(agent)
        message = collect(encoder.feed(batch) + encoder.close())
        return base.Reply(200, jsontext.encode(message), headers=self.headers)

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return refusal(error, request_id)


def refusal(error: errors.TurnstreamError, request_id: str) -> base.Reply:
    status = _status(error.status, error.code)
    body = {**envelope(error.message, status), "request_id": request_id}
    return base.Reply(status, jsontext.encode(body), headers={ID_HEADER: request_id})


class Encoder(blocks.BlockEncoder):
    delta_end = b"}}\n\n"

    def __init__(
        self, message_id: str, model: str, *, shows_tools: bool, statuses: bool = True, tokens: int = 0
    ) -> None:
        """``tokens`` is what the request is estimated at, for clients that look at the beginning alone; the end has
        what the model counted."""
        super().__init__("")
        self._tokens = tokens
        self._message_id, self._model = message_id, model
        self._shows_tools, self._statuses = shows_tools, statuses
        self._started = self._asks = False
        self._index = 0  # of the next block
        self._sources: list[toolspec.Source] = []
        self._paragraphs = paragraphs.Paragraphs()

    # ------------------------------------------------------------------------------------------------------ blocks

    def _say(self, kind: blocks.Kind, text: str) -> bytes:
        """Clients join the texts of all blocks. Where tools stand between them, nothing else need part them."""
        if kind == "text" and not self._shows_tools and not self._paragraphs.open:
            self._paragraphs.last = self.last
            text = self._paragraphs.begin(text)
        return super()._say(kind, text)

    def open_block(self, kind: blocks.Kind, id: str) -> bytes:
        begun = {
            "text": {"type": "text", "text": ""},
            "reasoning": {"type": "thinking", "thinking": "", "signature": ""},
        }
        cited = self._citations() if kind == "text" else b""
        return self._start() + self._block_start(begun[kind]) + cited

    def delta(self, kind: blocks.Kind, id: str) -> bytes:
        inner = b'{"type":"text_delta","text":' if kind == "text" else b'{"type":"thinking_delta","thinking":'
        return _frame("content_block_delta", index=self._index)[:-3] + b',"delta":' + inner

    def close_block(self, kind: blocks.Kind, id: str) -> bytes:
        return self._block_stop()

    def _block_start(self, block: dict[str, Any]) -> bytes:
        return _frame("content_block_start", index=self._index, content_block=block)

    def _block_stop(self) -> bytes:
        self._index += 1
        return _frame("content_block_stop", index=self._index - 1)

    def _block(self, block: dict[str, Any]) -> bytes:
        """A block that is complete at once."""
        return self._start() + self._block_start(block) + self._block_stop()

    def _citations(self) -> bytes:
        """The sources found so far are cited by the text that follows them."""
        frames = [_citation(self._index, source) for source in self._sources if source.url]
        self._sources.clear()
        return b"".join(frames)

    # -------------------------------------------------------------------------------------------------- other events

    def heartbeat(self) -> bytes:
        return b"" if self.ended else _frame("ping")

    def event(self, event: events.RunEvent) -> bytes:
        self._paragraphs.see(event)
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                return b""  # in blocks
            case events.StepFinished() | events.ToolCallArguments():
                return b""  # a block that has begun cannot be taken back, so a call is shown when it is whole
            case events.ToolCallStarted(index=index, tool_call_id=id, name=name):
                return self._start() + self._ping("tool_call", {"index": index, "id": id, "name": name})
            case events.RunStarted():
                return self._start()
            case events.StepStarted() | events.ToolCallsDetected() | events.ToolsExecuted() | events.MaxStepsReached():
                word, details = statuses.status(event)
                calls = event.tool_calls if isinstance(event, events.ToolCallsDetected) else ()
                head = [self._start(), self._ping("agent", {"status": word, "details": details})]
                return b"".join([*head, *(self._server_call(call) for call in calls)])
            case events.ToolProgress(tool_call_id=id, name=name, message=message, fraction=fraction):
                progress = {"id": id, "name": name, "message": message, "fraction": fraction}
                return self._ping("tool_progress", progress)
            case events.ToolResult(tool_call=call, output=output, ok=ok):
                return self._server_result(call.id, output.shown_text, ok)
            case events.HostedToolCall(id=id, name=name, arguments=text):
                return self._server_call(messages.ToolCall(id, name, text))
            case events.HostedToolResult(id=id, content=content, ok=ok):
                return self._server_result(id, content, ok)
            case events.ClientToolCalls(tool_calls=calls):
                self._asks = True
                return b"".join([self._client_call(call) for call in calls])
            case events.SourceFound(source=source):
                self._sources.append(source)
                return b""
            case events.RunFinished():
                return self._finish(event)
            case events.RunWaiting(step=step, usage=used):
                asked = self._say("text", asking.message(event)) + self._leave()
                return asked + self._finish(events.RunFinished("stop", used, step))
            case events.RunFailed(code=code, message=message, status=status):
                return self._fail(message, _status(status, code))
            case events.RunCancelled():
                return self._fail("The run was cancelled.", 500)
            case _:
                assert_never(event)

    def _ping(self, member: str, value: dict[str, Any]) -> bytes:
        return _frame("ping", **{member: value}) if self._statuses else b""

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        head = {"id": self._message_id, "type": "message", "role": "assistant", "model": self._model, "content": []}
        estimate = _usage(usage.Usage(input=self._tokens))
        message = {**head, "stop_reason": None, "stop_sequence": None, "usage": estimate}
        return _frame("message_start", message=message)

    def _server_call(self, call: messages.ToolCall) -> bytes:
        if not self._shows_tools:
            return b""
        named = {"id": call.id, "name": call.name, "server_name": self._model}
        return self._block({"type": "mcp_tool_use", **named, "input": base.arguments(call)})

    def _server_result(self, id: str, text: str, ok: bool) -> bytes:
        if not self._shows_tools:
            return b""
        content = [{"type": "text", "text": text}]
        return self._block({"type": "mcp_tool_result", "tool_use_id": id, "is_error": not ok, "content": content})

    def _client_call(self, call: messages.ToolCall) -> bytes:
        opened = self._block_start({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        given = {"type": "input_json_delta", "partial_json": jsontext.encode(base.arguments(call)).decode()}
        delta = _frame("content_block_delta", index=self._index, delta=given)
        return self._start() + opened + delta + self._block_stop()

    def _finish(self, end: events.RunFinished) -> bytes:
        stopped = self._say("text", statuses.STOPPED) + self._leave() if end.reason == "max_steps" else b""
        self.ended = True
        delta = {"stop_reason": self._stop_reason(end), "stop_sequence": None}
        ending = _frame("message_delta", delta=delta, usage=_usage(end.usage)) + _frame("message_stop")
        return self._start() + stopped + ending

    def _stop_reason(self, end: events.RunFinished) -> str:
        """``pause_turn`` would ask the client to send the answer back for more, so a limit of steps is no pause."""
        if self._asks:
            return "tool_use"
        match end.reason:
            case "length":
                return "max_tokens"
            case "content_filter":
                return "refusal"
            case "stop" | "tool_calls" | "pause" | "unknown" | "max_steps":
                return "refusal" if self.refused else "end_turn"
            case _:
                assert_never(end.reason)

    def _fail(self, message: str, status: int) -> bytes:
        self.ended = True
        return b"event: error\ndata: " + jsontext.encode(envelope(message, status)) + b"\n\n"


def _frame(type: str, **members: Any) -> bytes:
    return b"event: " + type.encode() + b"\ndata: " + jsontext.encode({"type": type, **members}) + b"\n\n"


def _citation(index: int, source: toolspec.Source) -> bytes:
    cited = {
        "type": "web_search_result_location",
        "url": source.url,
        "title": source.title or None,
        "cited_text": source.snippet,
        "encrypted_index": "",
    }
    return _frame("content_block_delta", index=index, delta={"type": "citations_delta", "citation": cited})


def _usage(usage: usage.Usage) -> dict[str, Any]:
    """Anthropic counts cached input apart; ours counts it in."""
    return {
        "input_tokens": max(0, usage.input - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


_ERRORS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def _status(status: int, code: str) -> int:
    """A vendor that is overloaded, in the protocol's own word, at which clients change to another model."""
    return 529 if status == 503 and code != "server_shutdown" else status


def envelope(message: str, status: int) -> dict[str, Any]:
    kind = _ERRORS.get(status) or ("invalid_request_error" if 400 <= status < 499 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def collect(stream: bytes) -> dict[str, Any]:
    """The message that the frames of a stream without an error add up to: the answer in one piece."""
    message: dict[str, Any] = {}
    for frame in stream.split(b"\n\n")[:-1]:
        data = msgspec.json.decode(frame.partition(b"\ndata: ")[2])
        match data["type"]:
            case "message_start":
                message = data["message"]
            case "content_block_start":
                message["content"].append(data["content_block"])
            case "content_block_delta":
                _add(message["content"][data["index"]], data["delta"])
            case "message_delta":
                message |= {**data["delta"], "usage": data["usage"]}
    return message


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "input_json_delta":
            block["input"] = msgspec.json.decode(delta["partial_json"])
        case "citations_delta":
            block.setdefault("citations", []).append(delta["citation"])
