"""OpenAI chat completions, streamed and not: the default dialect. The rules are in docs/chat-completions.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, assert_never

import msgspec

from turnstream import errors, events, jsontext, messages, requests, text, toolspec, usage
from turnstream.api import chat_completions as api
from turnstream.dialects import (
    asking,
    base,
    body as bodies,
    incoming,
    open_webui,
    openai_chat_calls,
    openai_chat_request,
    paragraphs,
    statuses,
)

DONE = b"data: [DONE]\n\n"

_DELTA = b',"choices":[{"index":0,"delta":'
_CONTENT = b'{"content":'
_UNFINISHED = b',"finish_reason":null'  # OpenAI's chunks have it, and hand-written readers ask

_string = msgspec.json.Encoder().encode
_TEXT = frozenset({events.TextDelta})
_NO_CALLS = openai_chat_calls.Calls()
_SILENT = frozenset({events.RunStarted, events.StepFinished, events.ToolCallArguments})


class ChatCompletions:
    name: ClassVar[str] = "openai_chat"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route(
            "POST",
            "/v1/chat/completions",
            summary="Ask an agent; the answer is a stream of chunks, or one completion.",
            request=api.ChatRequest,
            event="SSEChunk",
        ),
        base.Route(
            "POST",
            "/openai/deployments/{agent}/chat/completions",
            summary="The same, as Azure's clients ask: the deployment is the agent.",
            request=api.ChatRequest,
            event="SSEChunk",
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        body = bodies.decode(request.body, api.ChatRequest)
        body.model = request.path_params.get("agent", body.model)
        return Exchange(request, body, openai_chat_request.run_request(body, request.headers))

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return refusal(error)


class Exchange:
    """One chat completions request."""

    headers: Mapping[str, str] = {}

    __slots__ = ("calls", "created", "id", "model", "request", "statuses", "stream", "thread", "usage")

    def __init__(self, client: base.ClientRequest, body: api.ChatRequest, request: requests.RunRequest) -> None:
        self.request = request
        self.thread = incoming.thread_ref(request, client.headers, body.metadata)
        self.stream = bool(body.stream)
        self.statuses = _status_mode(client, body)
        self.usage = bool(body.stream_options and body.stream_options.include_usage)
        self.calls = _NO_CALLS
        if body.tools or body.functions:
            self.calls = openai_chat_calls.Calls(
                old=openai_chat_request.has_functions(body), custom=openai_chat_request.custom_tools(body)
            )
        self.id = f"chatcmpl-{client.id}"
        self.model = body.model
        self.created = int(client.time)

    def encoder(self, agent: str) -> Encoder:
        return Encoder(
            self.id,
            self.created,
            self.model or agent,
            thread_id=self.request.thread_id,
            statuses=self.statuses,
            usage=self.usage,
            calls=self.calls,
        )

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        completion = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model or agent,
            "choices": [_choice(batch, self.calls)],
        }
        end = base.ending(batch)
        if isinstance(end, events.RunFinished | events.RunWaiting):
            completion["usage"] = usage_object(end.usage)
        if self.request.thread_id is not None:
            completion["thread_id"] = self.request.thread_id
        return base.Reply(200, jsontext.encode(completion))

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return refusal(error)


def _status_mode(client: base.ClientRequest, body: api.ChatRequest) -> statuses.StatusMode:
    if body.include_status_updates is not None:
        return "metadata" if body.include_status_updates else "off"
    return statuses.mode(client)


class Encoder(base.StreamEncoder):
    """Writes the constant parts of a chunk once a run and splices the JSON in: no object is made per token."""

    def __init__(
        self,
        id: str,
        created: int,
        model: str,
        *,
        thread_id: str | None = None,
        statuses: statuses.StatusMode = "extension",
        usage: bool = False,
        calls: openai_chat_calls.Calls = _NO_CALLS,
    ) -> None:
        self._id, self._created, self._model = id, created, model
        self._statuses, self._usage, self._calls = statuses, usage, calls
        self._thread = b"" if thread_id is None else b',"thread_id":' + jsontext.encode(thread_id)
        self._tail = b"}]" + self._thread  # what still may follow: extension members, then "}\n\n"
        self._text = self._start(id) + _DELTA + _CONTENT
        self._text_end = b"}" + _UNFINISHED + self._tail + b"}\n\n"
        self._opened = self._tools_run = False
        self._paragraphs = paragraphs.Paragraphs()
        self._client_calls = 0
        self._sources: dict[str, toolspec.Source] = {}

    def _start(self, id: str) -> bytes:
        head = {"id": id, "object": "chat.completion.chunk", "created": self._created, "model": self._model}
        return b"data: " + jsontext.encode(head)[:-1]

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        if self.ended:
            return b""
        answer = self._paragraphs
        if answer.open:  # and so is the stream
            if len(batch) == 1 and type(event := batch[0]) is events.TextDelta:
                try:
                    encoded = _string(event.text)
                except UnicodeEncodeError:
                    encoded = _string(text.join_surrogates(event.text))
                answer.last = event.text or answer.last
                return self._text + encoded + self._text_end
            if _TEXT.issuperset(map(type, batch)):
                try:
                    return self._texts([*map(events.text_of, batch)])
                except UnicodeEncodeError:
                    pass
        elif len(batch) > 1 and type(event := batch[0]) is events.TextDelta and event.text:
            return self.feed(batch[:1]) + self.feed(batch[1:])  # what follows the first words is often more of them
        pieces: list[bytes] = [] if self._opened else [self._open()]
        for event in batch:
            kind = type(event)
            if kind not in _SILENT:
                if kind in paragraphs.BREAKS:
                    answer.open = False
                pieces.append(self._event(event))
                if kind in base.LAST:
                    break
        return b"".join(pieces)

    def _words(self, words: str) -> bytes:
        answer = self._paragraphs
        if answer.open:
            answer.last = words or answer.last
        else:
            words = answer.begin(words)
        return self._text + jsontext.string(words) + self._text_end

    def _texts(self, texts: list[str]) -> bytes:
        """Pieces of one paragraph: a chunk each."""
        encoded = (self._text_end + self._text).join(map(_string, texts))
        self._paragraphs.last = next(filter(None, reversed(texts)), self._paragraphs.last)
        return self._text + encoded + self._text_end if texts else b""

    def heartbeat(self) -> bytes:
        if self.ended:
            return b""
        return self._chunk(b"{}") if self._opened else self._open()

    def _open(self) -> bytes:
        self._opened = True
        return self._chunk(b'{"role":"assistant","content":""}')

    def _chunk(self, delta: bytes, finish_reason: str | None = None, extension: bytes = b"") -> bytes:
        """``extension`` is further top-level members of the chunk: ``,"name":…``."""
        reason = _UNFINISHED if finish_reason is None else b',"finish_reason":"%b"' % finish_reason.encode()
        return self._text[: -len(_CONTENT)] + delta + reason + self._tail + extension + b"}\n\n"

    def _event(self, event: events.RunEvent) -> bytes:
        match event:  # what comes most often is first
            case events.TextDelta(text=text):
                return self._words(text)
            case events.ReasoningDelta(text=text):
                return self._chunk(jsontext.encode({"reasoning_content": text, "reasoning": text}))
            case events.StepStarted() | events.ToolCallsDetected() | events.ToolsExecuted() | events.MaxStepsReached():
                return self._status(event)
            case events.RunFinished():
                return self._finish(event)
            case events.ToolCallStarted(index=index, tool_call_id=id, name=name):
                if self._statuses != "extension":
                    return b""
                return self._extension({"tool_call": {"index": index, "id": id, "name": name}})
            case events.ToolResult() | events.ToolProgress() | events.HostedToolCall() | events.HostedToolResult():
                return self._activity(event)
            case events.RefusalDelta(text=text):
                return self._chunk(jsontext.encode({"refusal": text}))
            case events.ClientToolCalls(tool_calls=calls):
                return b"".join([self._client_call(call) for call in calls])
            case events.SourceFound(source=source):
                self._sources.setdefault(source.url or source.id, source)
                if self._statuses != "extension":
                    return b""
                return self._extension({"source": source, "event": open_webui.source(source)})
            case events.RunWaiting(step=step, usage=used):
                said = self._paragraphs.begin(asking.message(event))
                shown = self._extension({"event": open_webui.waiting()}) if self._tools_run else b""
                asked = self._chunk(jsontext.encode({"content": said})) if said else b""
                return shown + asked + self._finish(events.RunFinished("stop", used, step))
            case events.RunFailed(code=code, message=message, status=status, param=param):
                return self._fail(message, status, code, param)
            case events.RunCancelled():
                return self._fail("The run was cancelled.", 499, "cancelled")
            case events.RunStarted() | events.StepFinished() | events.ToolCallArguments():
                return b""
            case _:
                assert_never(event)

    # ------------------------------------------------------------------------------------------------------- parts

    def _extension(self, members: dict[str, Any]) -> bytes:
        return self._chunk(b"{}", extension=b"," + jsontext.encode(members)[1:-1])

    def _status(self, event: statuses.StatusEvent) -> bytes:
        if self._statuses == "off":
            return b""
        if self._statuses == "extension":
            self._tools_run = isinstance(event, events.ToolCallsDetected)
            if isinstance(event, events.StepStarted):
                return self._chunk(b"{}", extension=_start_members(event.step))
            return self._extension({**statuses.member(event), "event": open_webui.status(event)})
        word, details = statuses.status(event)
        delta = {"role": "system", "metadata": {"status": word, **statuses.add_indexes(details)}}
        start = self._start("status_" + self._id.removeprefix("chatcmpl-"))
        return start + _DELTA + jsontext.encode(delta) + _UNFINISHED + self._tail + b"}\n\n"

    def _activity(
        self, event: events.ToolProgress | events.ToolResult | events.HostedToolCall | events.HostedToolResult
    ) -> bytes:
        if self._statuses != "extension":
            return b""
        match event:
            case events.ToolProgress(tool_call_id=id, name=name, message=message, fraction=fraction):
                progress = {"id": id, "name": name, "message": message, "fraction": fraction}
                return self._extension({"tool_progress": progress, "event": open_webui.status(event)})
            case events.ToolResult(step=step):
                return self._extension({"tool_result": {"step": step, **statuses.result_details(event)}})
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._extension({"hosted_tool_call": {"id": id, "name": name, "arguments": arguments}})
            case events.HostedToolResult(id=id, name=name, ok=ok, content=content):
                result = {"id": id, "name": name, "ok": ok, "excerpt": statuses.excerpt(content)}
                return self._extension({"hosted_tool_result": result})

    def _client_call(self, call: messages.ToolCall) -> bytes:
        if self._calls.old:
            delta = self._calls.members([call]) if not self._client_calls else {}
        else:
            delta = {"tool_calls": [{"index": self._client_calls, **self._calls.object(call)}]}
        self._client_calls += 1
        return self._chunk(jsontext.encode(delta))

    def _finish(self, end: events.RunFinished) -> bytes:
        self.ended = True
        pieces: list[bytes] = []
        if end.reason == "max_steps":
            pieces.append(self._chunk(jsontext.encode({"content": self._paragraphs.begin(statuses.STOPPED)})))
        if self._sources and (annotations := _annotations(self._sources.values())):
            # One chunk for all: openai-python cannot merge a second list of objects into the first.
            pieces.append(self._chunk(jsontext.encode({"annotations": annotations})))
        pieces.append(self._chunk(b"{}", finish_reason(end, self._calls.reason if self._client_calls else "")))
        if self._usage:
            usage = b',"usage":' + jsontext.encode(usage_object(end.usage))
            pieces.append(self._start(self._id) + b',"choices":[]' + self._thread + usage + b"}\n\n")
        pieces.append(DONE)
        return b"".join(pieces)

    def _fail(self, message: str, status: int, code: str, param: str | None = None) -> bytes:
        self.ended = True
        shown = self._extension({"event": open_webui.show_stop()}) if self._tools_run else b""
        return shown + b"data: " + jsontext.encode(envelope(message, status, code, param)) + b"\n\n"


# ------------------------------------------------------------------------------------------------------------ objects


@lru_cache(64)  # they are the same in each run
def _start_members(step: int) -> bytes:
    return b"," + jsontext.encode(statuses.member(events.StepStarted(step)))[1:-1]


def _choice(batch: Sequence[events.RunEvent], form: openai_chat_calls.Calls) -> dict[str, Any]:
    """The one choice of a whole answer: what the stream's deltas add up to."""
    end = base.ending(batch)
    stopped = isinstance(end, events.RunFinished) and end.reason == "max_steps"
    asked = asking.message(end) if isinstance(end, events.RunWaiting) else ""
    text = paragraphs.join(batch, statuses.STOPPED if stopped else asked)
    reasoning = "".join(event.text for event in batch if isinstance(event, events.ReasoningDelta))
    refusal = "".join(event.text for event in batch if isinstance(event, events.RefusalDelta))
    calls = [call for event in batch if isinstance(event, events.ClientToolCalls) for call in event.tool_calls]
    sources = {
        event.source.url or event.source.id: event.source for event in batch if isinstance(event, events.SourceFound)
    }
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": refusal or None}
    if not text and (calls or refusal):
        message["content"] = None
    if reasoning:
        message |= {"reasoning_content": reasoning, "reasoning": reasoning}
    if calls:
        message |= form.members(calls)
    annotations = _annotations(sources.values())
    if annotations:
        message["annotations"] = annotations
    reason = finish_reason(end, form.reason if calls else "") if isinstance(end, events.RunFinished) else "stop"
    return {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}


def finish_reason(end: events.RunFinished, called: str) -> str:
    """The reason in OpenAI's words; clients break on any other. A limit of steps is no error, so it is ``stop``.
    ``called`` is the word for calls of the client's tools, "" where there are none."""
    if called:
        return called
    match end.reason:
        case "stop" | "tool_calls" | "pause" | "unknown" | "max_steps":
            return "stop"
        case "length" | "content_filter":
            return end.reason
        case _:
            assert_never(end.reason)


def _annotations(sources: Any) -> list[dict[str, Any]]:
    """Sources that have an address, as OpenAI's citations. The whole answer is what they are cited for: no run knows
    more, and clients want the indices."""
    return [
        {
            "type": "url_citation",
            "url_citation": {"start_index": 0, "end_index": 0, "url": source.url, "title": source.title or source.url},
        }
        for source in sources
        if source.url
    ]


def usage_object(usage: usage.Usage) -> dict[str, Any]:
    """``cost``, where it is known, is in US dollars: a member that OpenAI's object does not have."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        **({} if usage.cost is None else {"cost": usage.cost}),
    }


def envelope(message: str, status: int, code: str | None, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object. Its ``type`` follows from the HTTP status."""
    if status == 401:
        kind = "authentication_error"
    elif status == 429:
        kind = "rate_limit_error"
    else:
        kind = "invalid_request_error" if 400 <= status < 499 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refusal(error: errors.TurnstreamError) -> base.Reply:
    param = error.param if isinstance(error, errors.RequestError) else None
    return base.Reply(error.status, jsontext.encode(envelope(error.message, error.status, error.code, param)))
