"""OpenAI Responses, streamed and not (openai-openapi, "Responses", streaming events).

Frames are ``event:`` and ``data:`` lines; every event has a dense ``sequence_number``; the stream ends with
``response.completed``, ``.incomplete`` or ``.failed`` and has no ``[DONE]``. Tools that we ran stand in the output as a
``function_call`` with its ``function_call_output``; a call without output is the client's to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

from turnstream import errors, events, jsontext, messages, protocols, requests, toolspec, usage
from turnstream.api import responses as api
from turnstream.dialects import base, openai_chat, openai_responses_request, responses_kept, statuses
from turnstream.dialects import body as bodies


class Responses:
    name: ClassVar[str] = "openai_responses"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route(
            "POST", "/v1/responses", summary="Ask an agent; the answer is a response.", request=api.ResponsesRequest
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        body = bodies.decode(request.body, api.ResponsesRequest)

        def go_on(found: Mapping[str, protocols.RunState]) -> Exchange:
            body.input = responses_kept.resolve(body.input, found)
            asked = openai_responses_request.run_request(body, request.headers)
            return Exchange(body, request, asked, responses_kept.thread_ref(body, request, asked, found))

        named = responses_kept.named_runs(body)
        return base.Lookup(body.model or None, named, go_on) if named else go_on({})

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return openai_chat.refusal(error)


class Exchange:
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        body: api.ResponsesRequest,
        client: base.ClientRequest,
        request: requests.RunRequest,
        thread: requests.ThreadRef,
    ) -> None:
        self.request, self.thread = request, thread
        self.stream = bool(body.stream)
        self._shell = {
            "id": f"{responses_kept.PREFIX}{client.id}",
            "object": "response",
            "created_at": int(client.time),
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "metadata": {key: str(value) for key, value in (body.metadata or {}).items()},
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "temperature": body.temperature,
            "top_p": body.top_p,
            "max_output_tokens": body.max_output_tokens,
            "tool_choice": body.tool_choice or "auto",
            "tools": [_tool_object(tool) for tool in request.tools],
        }

    def encoder(self, agent: str) -> Encoder:
        return Encoder({**self._shell, "model": agent})

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        encoder = self.encoder(agent)
        encoder.feed(batch)
        encoder.close()
        return base.Reply(200, encoder.snapshot())

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return openai_chat.refusal(error)


def _tool_object(tool: toolspec.ToolSpec) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": bool(tool.strict),
    }


class Encoder(base.StreamEncoder):
    """``response`` is the response object as it stands; it is whole after the terminal event."""

    def __init__(self, shell: Mapping[str, Any]) -> None:
        self.response: dict[str, Any] = {**shell, "status": "in_progress", "output": [], "usage": None}
        self._id = str(shell["id"]).removeprefix(responses_kept.PREFIX)
        self._number = 0
        self._item: _Text | None = None
        self._sources: list[toolspec.Source] = []
        self._started = False

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        if (frames := self._only_text(batch)) is not None:
            return frames
        pieces: list[bytes] = [] if self._started else [self._start()]
        for event in batch:
            if self.ended:
                break
            if type(event) is events.TextDelta:
                pieces.append(self._say(_OUTPUT, event.text))
            elif type(event) is events.ReasoningDelta:
                pieces.append(self._say(_REASONING, event.text))
            elif type(event) is events.RefusalDelta:
                pieces.append(self._say(_REFUSAL, event.text))
            else:
                pieces.append(self._event(event))
        return b"".join(pieces)

    def _only_text(self, events: Sequence[events.RunEvent]) -> bytes | None:
        """`_say` for a batch that only continues the text, as nearly all do; None for any other."""
        item = self._item
        if item is None or item.kind is not _OUTPUT:
            return None
        if (texts := base.texts_of(events)) is None:
            return None
        item.pieces += texts
        first = self._number
        self._number += len(texts)
        pieces = [item.head] * (3 * len(texts))  # head, text, tail; head, text, tail; …
        pieces[1::3] = jsontext.strings(texts)
        if self._number <= len(_TAILS):
            pieces[2::3] = _TAILS[first : self._number]
        else:
            pieces[2::3] = [_tail(number) for number in range(first, self._number)]
        return b"".join(pieces)

    def snapshot(self) -> bytes:
        return jsontext.encode(self.response)

    # ---------------------------------------------------------------------------------------------------- frames

    def _frame(self, type: str, **members: Any) -> bytes:
        data = jsontext.encode({"type": type, **members, "sequence_number": self._number})
        self._number += 1
        return b"event: " + type.encode() + b"\ndata: " + data + b"\n\n"

    def _start(self) -> bytes:
        self._started = True
        created = self._frame("response.created", response=self.response)
        return created + self._frame("response.in_progress", response=self.response)

    @property
    def _index(self) -> int:
        return len(self.response["output"])

    def _whole(self, item: dict[str, Any]) -> bytes:
        """An item that is complete at once."""
        index = self._index
        added = self._frame("response.output_item.added", output_index=index, item=item)
        self.response["output"].append(item)
        return added + self._frame("response.output_item.done", output_index=index, item=item)

    # ------------------------------------------------------------------------------------------------------ text

    def _say(self, kind: _Kind, text: str) -> bytes:
        if not text:
            return b""
        opened = b""
        if self._item is None or self._item.kind is not kind:
            opened = self._leave() + self._enter(kind)
        assert self._item is not None
        self._item.pieces.append(text)
        data = self._item.head + jsontext.string(text) + _tail(self._number)
        self._number += 1
        return opened + data

    def _enter(self, kind: _Kind) -> bytes:
        index = self._index
        item = _Text(kind, f"{kind.prefix}_{self._id}_{index}", index)
        self._item = item
        added = self._frame("response.output_item.added", output_index=index, item=item.object("in_progress", []))
        part = kind.part("", [])
        return added + self._frame("response.content_part.added", **item.place, part=part)

    def _leave(self) -> bytes:
        item, self._item = self._item, None
        if item is None:
            return b""
        text = "".join(item.pieces)
        frames, annotations = self._annotations(item)
        part = item.kind.part(text, annotations)
        done = {item.kind.member: text, **({"logprobs": []} if item.kind is _OUTPUT else {})}
        whole = item.object("completed", [part])
        self.response["output"].append(whole)
        return b"".join(
            (
                *frames,
                self._frame(item.kind.done, **item.place, **done),
                self._frame("response.content_part.done", **item.place, part=part),
                self._frame("response.output_item.done", output_index=item.index, item=whole),
            )
        )

    def _annotations(self, item: _Text) -> tuple[list[bytes], list[dict[str, Any]]]:
        """The sources found so far are cited by the text that follows them."""
        if item.kind is not _OUTPUT:
            return [], []
        cited = [
            {"type": "url_citation", "start_index": 0, "end_index": 0, "url": source.url, "title": source.title}
            for source in self._sources
            if source.url
        ]
        self._sources.clear()
        added = "response.output_text.annotation.added"
        frames = [self._frame(added, **item.place, annotation_index=at, annotation=one) for at, one in enumerate(cited)]
        return frames, cited

    # ---------------------------------------------------------------------------------------------- other events

    def _event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.SourceFound(source=source):
                self._sources.append(source)
                return b""
            case (
                events.TextDelta()
                | events.ReasoningDelta()
                | events.RefusalDelta()
                | events.RunStarted()
                | events.StepStarted()
                | events.StepFinished()
                | events.ToolCallStarted()
                | events.ToolCallArguments()
            ):
                return b""
            case events.ToolProgress() | events.ToolsExecuted() | events.MaxStepsReached():
                return b""
            case events.ToolCallsDetected(tool_calls=calls) | events.ClientToolCalls(tool_calls=calls):
                return self._leave() + b"".join([self._call(call) for call in calls])
            case events.ToolResult(tool_call=call, output=output):
                return self._leave() + self._output(call.id, output.shown_text)
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._leave() + self._call(messages.ToolCall(id, name, arguments))
            case events.HostedToolResult(id=id, content=content):
                return self._leave() + self._output(id, content)
            case events.RunFinished() | events.RunFailed() | events.RunCancelled():
                return self._end(event)
            case _:
                assert_never(event)

    def _call(self, call: messages.ToolCall) -> bytes:
        index = self._index
        arguments = call.arguments or "{}"
        item = {"type": "function_call", "id": f"fc_{self._id}_{index}", "call_id": call.id, "name": call.name}
        begun = {**item, "arguments": "", "status": "in_progress"}
        whole = {**item, "arguments": arguments, "status": "completed"}
        place = {"item_id": item["id"], "output_index": index}
        self.response["output"].append(whole)
        return b"".join(
            (
                self._frame("response.output_item.added", output_index=index, item=begun),
                self._frame("response.function_call_arguments.delta", **place, delta=arguments),
                self._frame("response.function_call_arguments.done", **place, name=call.name, arguments=arguments),
                self._frame("response.output_item.done", output_index=index, item=whole),
            )
        )

    def _output(self, call_id: str, text: str) -> bytes:
        id = f"fco_{self._id}_{self._index}"
        output = [{"type": "input_text", "text": text}]  # a string is allowed as well, and stops Open WebUI's page
        return self._whole(
            {"type": "function_call_output", "id": id, "call_id": call_id, "output": output, "status": "completed"}
        )

    def _end(self, end: events.RunFinished | events.RunFailed | events.RunCancelled) -> bytes:
        stopped = b""
        if isinstance(end, events.RunFinished) and end.reason == "max_steps":
            stopped = self._say(_OUTPUT, statuses.STOPPED)
        left = stopped + self._leave()
        self.ended = True
        self.response["usage"] = usage_object(end.usage)
        match end:
            case events.RunFinished(reason="length"):
                status, change = "incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}
            case events.RunFinished(reason="content_filter"):
                status, change = "incomplete", {"incomplete_details": {"reason": "content_filter"}}
            case events.RunFinished():
                status, change = "completed", {}
            case events.RunFailed(status=code, message=message):
                kind = "rate_limit_exceeded" if code == 429 else "server_error"
                status, change = "failed", {"error": {"code": kind, "message": message}}
            case events.RunCancelled():
                status, change = "failed", {"error": {"code": "server_error", "message": "The run was cancelled."}}
        self.response |= {"status": status, **change}
        return left + self._frame(f"response.{status}", response=self.response)


# -------------------------------------------------------------------------------------------------------------- kinds


class _Kind:
    """How one kind of text is spelt: its part's type, the member that holds the text, and its events."""

    def __init__(self, prefix: str, type: str, member: str, event: str) -> None:
        self.prefix, self.type, self.member = prefix, type, member
        self.delta, self.done = f"response.{event}.delta", f"response.{event}.done"

    def part(self, text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
        more = {"annotations": annotations, "logprobs": []} if self.type == "output_text" else {}
        return {"type": self.type, self.member: text, **more}


_OUTPUT = _Kind("msg", "output_text", "text", "output_text")
_REFUSAL = _Kind("msg", "refusal", "refusal", "refusal")
_REASONING = _Kind("rs", "reasoning_text", "text", "reasoning_text")


def _tail(number: int) -> bytes:
    return b',"sequence_number":%d}\n\n' % number


_TAILS = tuple(_tail(number) for number in range(4096))  # as many as most streams need, written once


class _Text:
    """A message or a reasoning item while its text comes."""

    def __init__(self, kind: _Kind, id: str, index: int) -> None:
        self.kind, self.id, self.index = kind, id, index
        self.pieces: list[str] = []
        self.place = {"item_id": id, "output_index": index, "content_index": 0}
        logprobs: dict[str, Any] = {"logprobs": []} if kind is _OUTPUT else {}
        head = jsontext.encode({"type": kind.delta, **self.place, **logprobs})
        self.head = b"event: " + kind.delta.encode() + b"\ndata: " + head[:-1] + b',"delta":'

    def object(self, status: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
        if self.kind is _REASONING:
            return {"type": "reasoning", "id": self.id, "summary": [], "content": parts, "status": status}
        return {"type": "message", "id": self.id, "role": "assistant", "content": parts, "status": status}


def usage_object(usage: usage.Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
