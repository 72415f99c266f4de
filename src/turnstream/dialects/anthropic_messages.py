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

from turnstream import errors, events, messages, requests, toolspec, usage
from turnstream.dialects import statuses
from turnstream.dialects.anthropic_input import MessagesRequest, estimate, run_request
from turnstream.dialects.base import Call as AnyCall
from turnstream.dialects.base import ClientRequest, Reply, Route, arguments, json
from turnstream.dialects.blocks import BlockEncoder, Kind
from turnstream.dialects.body import decode

COUNT_PATH = "/v1/messages/count_tokens"
ID_HEADER = "request-id"  # where Anthropic's clients look for it


class AnthropicMessages:
    name: ClassVar[str] = "anthropic_messages"
    routes: ClassVar[Sequence[Route]] = (
        Route("POST", "/v1/messages", summary="Ask an agent as Anthropic's clients do.", request=MessagesRequest),
        Route("POST", COUNT_PATH, summary="Estimate the tokens of a request.", request=MessagesRequest),
    )

    def decode(self, request: ClientRequest) -> AnyCall | Reply:
        body = decode(request.body, MessagesRequest)
        asked = run_request(body, request.headers)
        if request.path == COUNT_PATH:
            return Reply(200, json({"input_tokens": estimate(asked)}), headers={ID_HEADER: request.id})
        return Call(bool(body.stream), asked, request.id, is_beta(request), statuses.wanted(request))

    def error(self, error: errors.TurnstreamError, id: str) -> Reply:
        body = {**envelope(error.message, error.status), "request_id": id}
        return Reply(error.status, json(body), headers={ID_HEADER: id})


def is_beta(request: ClientRequest) -> bool:
    """The header that asks for tools of MCP servers, or ``?beta=true``, which older beta clients add."""
    return "mcp-client" in request.headers.get("anthropic-beta", "") or request.query.get("beta") == "true"


class Call:
    def __init__(self, stream: bool, request: requests.RunRequest, id: str, beta: bool, statuses: bool) -> None:
        self.stream, self.request = stream, request
        self.headers: Mapping[str, str] = {ID_HEADER: id}
        self._id, self._beta, self._statuses = id, beta, statuses

    def encoder(self, agent: str) -> Encoder:
        return Encoder(f"msg_{self._id}", agent, shows_tools=self._beta, statuses=self._statuses)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> Reply:
        encoder = self.encoder(agent)
        return Reply(200, json(whole(encoder.feed(batch) + encoder.close())), headers=self.headers)


class Encoder(BlockEncoder):
    delta_end = b"}}\n\n"

    def __init__(self, message_id: str, model: str, *, shows_tools: bool, statuses: bool = True) -> None:
        super().__init__("")
        self._message_id, self._model = message_id, model
        self._shows_tools, self._statuses = shows_tools, statuses
        self._started = self._asks = False
        self._index = 0  # of the next block
        self._sources: list[toolspec.Source] = []

    # ------------------------------------------------------------------------------------------------------ blocks

    def opening(self, kind: Kind, id: str) -> bytes:
        begun = {
            "text": {"type": "text", "text": ""},
            "reasoning": {"type": "thinking", "thinking": "", "signature": ""},
        }
        cited = self._citations() if kind == "text" else b""
        return self._start() + self._block_start(begun[kind]) + cited

    def delta(self, kind: Kind, id: str) -> bytes:
        inner = b'{"type":"text_delta","text":' if kind == "text" else b'{"type":"thinking_delta","thinking":'
        return _frame("content_block_delta", index=self._index)[:-3] + b',"delta":' + inner

    def closing(self, kind: Kind, id: str) -> bytes:
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
        match event:
            case events.TextDelta() | events.ReasoningDelta() | events.RefusalDelta():
                return b""  # in blocks
            case events.StepFinished() | events.ToolCallStarted() | events.ToolCallArguments():
                return b""
            case events.RunStarted():
                return self._start()
            case events.StepStarted() | events.ToolCallsDetected() | events.ToolsExecuted() | events.MaxStepsReached():
                word, details = statuses.status(event)
                calls = event.tool_calls if isinstance(event, events.ToolCallsDetected) else ()
                told = [self._start(), self._told("agent", {"status": word, "details": details})]
                return b"".join([*told, *(self._our_call(call) for call in calls)])
            case events.ToolProgress(tool_call_id=id, name=name, message=message, fraction=fraction):
                progress = {"id": id, "name": name, "message": message, "fraction": fraction}
                return self._told("tool_progress", progress)
            case events.ToolResult(tool_call=call, output=output, ok=ok):
                return self._our_result(call.id, output.shown_text, ok)
            case events.HostedToolCall(id=id, name=name, arguments=text):
                return self._our_call(messages.ToolCall(id, name, text))
            case events.HostedToolResult(id=id, content=content, ok=ok):
                return self._our_result(id, content, ok)
            case events.ClientToolCalls(tool_calls=calls):
                self._asks = True
                return b"".join([self._client_call(call) for call in calls])
            case events.SourceFound(source=source):
                self._sources.append(source)
                return b""
            case events.RunFinished():
                return self._finish(event)
            case events.RunFailed(message=message, status=status):
                return self._fail(message, status)
            case events.RunCancelled():
                return self._fail("The run was cancelled.", 500)
            case _:
                assert_never(event)

    def _told(self, member: str, value: dict[str, Any]) -> bytes:
        return _frame("ping", **{member: value}) if self._statuses else b""

    def _start(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        head = {"id": self._message_id, "type": "message", "role": "assistant", "model": self._model, "content": []}
        return _frame(
            "message_start",
            message={**head, "stop_reason": None, "stop_sequence": None, "usage": _usage(usage.Usage())},
        )

    def _our_call(self, call: messages.ToolCall) -> bytes:
        if not self._shows_tools:
            return b""
        named = {"id": call.id, "name": call.name, "server_name": self._model}
        return self._block({"type": "mcp_tool_use", **named, "input": arguments(call)})

    def _our_result(self, id: str, text: str, ok: bool) -> bytes:
        if not self._shows_tools:
            return b""
        content = [{"type": "text", "text": text}]
        return self._block({"type": "mcp_tool_result", "tool_use_id": id, "is_error": not ok, "content": content})

    def _client_call(self, call: messages.ToolCall) -> bytes:
        opened = self._block_start({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
        given = {"type": "input_json_delta", "partial_json": json(arguments(call)).decode()}
        delta = _frame("content_block_delta", index=self._index, delta=given)
        return self._start() + opened + delta + self._block_stop()

    def _finish(self, end: events.RunFinished) -> bytes:
        told = self._say("text", statuses.STOPPED) + self._leave() if end.reason == "max_steps" else b""
        self.ended = True
        delta = {"stop_reason": self._stop_reason(end), "stop_sequence": None}
        ending = _frame("message_delta", delta=delta, usage=_usage(end.usage)) + _frame("message_stop")
        return self._start() + told + ending

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
        return b"event: error\ndata: " + json(envelope(message, status)) + b"\n\n"


def _frame(type: str, **members: Any) -> bytes:
    return b"event: " + type.encode() + b"\ndata: " + json({"type": type, **members}) + b"\n\n"


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


def envelope(message: str, status: int) -> dict[str, Any]:
    kind = _ERRORS.get(status) or ("invalid_request_error" if 400 <= status < 499 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def whole(stream: bytes) -> dict[str, Any]:
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
