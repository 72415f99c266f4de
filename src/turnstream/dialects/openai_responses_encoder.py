"""The stream of a response: items that open and close, each with its parts, and the response object with all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, assert_never

from turnstream import events, jsontext, messages, toolspec, usage
from turnstream.dialects import (
    asking,
    base,
    openai_chat,
    openai_responses_items as items,
    openai_responses_tools as tools,
    paragraphs,
    responses_kept,
    statuses,
)

ServerCalls = Literal["mcp", "function", "off"]
"""How calls that the server runs are shown."""


class Encoder(base.StreamEncoder):
    """``response`` is the response object as it stands; it is whole after the terminal event. At most one text is open,
    and any number of calls. A run that is ``kept`` may be taken over."""

    def __init__(
        self,
        shell: Mapping[str, Any],
        forms: Mapping[str, tools.Form],
        server_calls: ServerCalls,
        label: str,
        *,
        kept: bool = False,
    ) -> None:
        status = "queued" if shell.get("background") else "in_progress"
        self.response: dict[str, Any] = {**shell, "status": status, "output": [], "usage": None}
        self._id = str(shell["id"]).removeprefix(responses_kept.PREFIX)
        self._forms, self._server_calls, self._label = forms, server_calls, label
        self._number = 0
        self._item: items.Text | None = None
        self._calls: dict[str, items.Call] = {}
        self._finished: set[str] = set()  # calls that ended when the next began
        self._paragraphs = paragraphs.Paragraphs()
        self._sources: list[toolspec.Source] = []
        self._seconds = 0.0
        self._started = False
        self._kept = kept
        self._safe: int | None = None  # items from this place on are of a step that the model has not finished
        self._void: set[int] = set()

    def feed(self, batch: Sequence[events.LogEvent]) -> bytes:
        if (frames := self._only_text(batch)) is not None:
            return frames
        pieces: list[bytes] = [] if self._started else [self._start()]
        for event in batch:
            if self.ended:
                break
            if type(event) is events.TextDelta:
                pieces.append(self._say(items.OUTPUT, self._paragraphs.begin(event.text)))
            elif type(event) is events.ReasoningDelta:
                pieces.append(self._say(items.REASONING, event.text))
            elif type(event) is events.RefusalDelta:
                pieces.append(self._say(items.REFUSAL, event.text))
            else:
                self._paragraphs.see(event)
                pieces.append(self._event(event))
        return b"".join(pieces)

    def _only_text(self, batch: Sequence[events.LogEvent]) -> bytes | None:
        """`_say` for a batch that only continues the text, as nearly all do; None for any other."""
        item = self._item
        if item is None or item.kind is not items.OUTPUT or not self._paragraphs.open:
            return None
        if (texts := base.texts_of(batch)) is None:
            return None
        item.pieces += texts
        self._paragraphs.last = texts[-1]
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
        return jsontext.encode(self._shown)

    @property
    def _shown(self) -> dict[str, Any]:
        """Without what a takeover has made void."""
        if not self._void:
            return self.response
        output = [item for at, item in enumerate(self.response["output"]) if at not in self._void]
        return {**self.response, "output": output}

    # ---------------------------------------------------------------------------------------------------- frames

    def _frame(self, type: str, **members: Any) -> bytes:
        data = jsontext.encode({"type": type, **members, "sequence_number": self._number})
        self._number += 1
        return b"event: " + type.encode() + b"\ndata: " + data + b"\n\n"

    def _start(self) -> bytes:
        self._started = True
        created = self._frame("response.created", response=self.response)
        self.response["status"] = "in_progress"
        return created + self._frame("response.in_progress", response=self.response)

    def _add(self, item: dict[str, Any]) -> bytes:
        """An item begins, at the next place of the output."""
        self.response["output"].append(item)
        return self._frame("response.output_item.added", output_index=len(self.response["output"]) - 1, item=item)

    def _finish_item(self, index: int, item: dict[str, Any]) -> bytes:
        self.response["output"][index] = item
        return self._frame("response.output_item.done", output_index=index, item=item)

    @property
    def _next(self) -> int:
        return len(self.response["output"])

    # ------------------------------------------------------------------------------------------------------ text

    def _say(self, kind: items.Kind, text: str) -> bytes:
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

    def _enter(self, kind: items.Kind) -> bytes:
        item = self._item = items.Text(kind, f"{kind.prefix}_{self._id}_{self._next}", self._next)
        added = self._add(item.object("in_progress", []))
        return added + self._frame(kind.part_added, **item.place, part=kind.part("", []))

    def _leave(self, status: str = "completed") -> bytes:
        item, self._item = self._item, None
        if item is None:
            return b""
        text = "".join(item.pieces)
        frames, annotations = self._annotations(item)
        part = item.kind.part(text, annotations)
        done = {item.kind.member: text, **({"logprobs": []} if item.kind is items.OUTPUT else {})}
        return b"".join(
            (
                *frames,
                self._frame(item.kind.done, **item.place, **done),
                self._frame(item.kind.part_done, **item.place, part=part),
                self._finish_item(item.index, item.object(status, [part])),
            )
        )

    def _annotations(self, item: items.Text) -> tuple[list[bytes], list[dict[str, Any]]]:
        """The sources found so far are cited by the text that follows them."""
        if item.kind is not items.OUTPUT:
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

    def _event(self, event: events.LogEvent) -> bytes:
        match event:
            case events.RunResumed():
                return self._abandon()
            case events.RunWaiting():
                return self._wait(event) if event.asks else b""
            case events.ToolBegan() | events.RunAnswered():
                return b""
            case events.SourceFound(source=source):
                self._sources.append(source)
                return b""
            case events.StepStarted():
                self._safe = self._next
                return b""
            case events.StepFinished(duration=duration):
                self._seconds += duration
                return self._leave_step()
            case (
                events.TextDelta()
                | events.ReasoningDelta()
                | events.RefusalDelta()
                | events.RunStarted()
                | events.ToolProgress()
                | events.MaxStepsReached()
            ):
                return b""
            case events.ToolCallStarted(tool_call_id=id, name=name, client=client):
                return self._open_call(id, name, client=client)
            case events.ToolCallArguments(tool_call_id=id, arguments=arguments):
                return self._write_arguments(id, arguments)
            case events.ToolCallsDetected(tool_calls=calls):
                return b"".join([self._whole_call(call, client=False) for call in calls])
            case events.ClientToolCalls(tool_calls=calls):
                return b"".join([self._whole_call(call, client=True) for call in calls])
            case events.ToolResult(tool_call=call, output=output):
                return self._answer(call.id, output.shown_text, output.is_error)
            case events.ToolsExecuted(results=results):
                self._seconds += max((result.duration for result in results), default=0.0)
                return b""
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._whole_call(messages.ToolCall(id, name, arguments), client=False)
            case events.HostedToolResult(id=id, content=content, ok=ok):
                return self._answer(id, content, not ok)
            case events.RunFinished() | events.RunFailed() | events.RunCancelled():
                return self._end(event)
            case _:
                assert_never(event)

    # ----------------------------------------------------------------------------------------------------- calls

    def _open_call(self, id: str, name: str, *, client: bool) -> bytes:
        if not client and self._server_calls == "off":
            return self._leave()
        form = self._forms.get(name, tools.Form(name)) if client else tools.Form(name)
        server: items.Shape = "mcp" if self._server_calls == "mcp" else "function"
        shape: items.Shape = server if not client else "custom" if form.custom else "function"
        left = self._leave() + self._finish_written()
        call = self._calls[id] = items.Call(shape, id, form, self._id, self._next, self._label, client=client)
        added = self._add(call.object("in_progress"))
        if shape == "mcp":
            added += self._frame("response.mcp_call.in_progress", **call.place)
        return left + added

    def _write_arguments(self, id: str, arguments: str) -> bytes:
        call = self._calls.get(id)
        if call is None or call.shape == "custom" or not arguments:
            return b""
        call.written += arguments
        return self._frame(call.delta, **call.place, delta=arguments)

    def _finish_written(self) -> bytes:
        """The client's calls that are written out: agents that read one call at a time (agno) want it to end before
        the next begins."""
        frames: list[bytes] = []
        for id, call in list(self._calls.items()):
            if call.shape == "function" and call.client and _is_object(call.written):
                del self._calls[id]
                self._finished.add(id)
                members = call.describe_end(messages.ToolCall(id, call.form.name, call.written))
                frames.append(self._frame(call.done, **call.place, **members))
                frames.append(self._finish_item(call.index, call.object("completed", call.written)))
        return b"".join(frames)

    def _whole_call(self, whole: messages.ToolCall, *, client: bool) -> bytes:
        """The rest of a call's arguments, and that it is whole: a call that the server runs stays open for its result,
        and so does one of the client that turned out malformed."""
        if whole.id in self._finished:
            return b""
        opened = b"" if whole.id in self._calls else self._open_call(whole.id, whole.name, client=client)
        call = self._calls.get(whole.id)
        if call is None:
            return opened
        members = call.describe_end(whole)
        text = members.get("input", members.get("arguments", ""))
        rest = text.removeprefix(call.written) if text.startswith(call.written) else ""
        delta = self._frame(call.delta, **call.place, delta=rest) if rest else b""
        done = self._frame(call.done, **call.place, **members)
        call.written = whole.arguments or "{}"
        finished = whole.malformed is None if call.client else self._server_calls == "function"
        if finished:
            del self._calls[whole.id]
            done += self._finish_item(call.index, call.object("completed", call.written))
        return opened + delta + done

    def _answer(self, id: str, text: str, failed: bool) -> bytes:
        call = self._calls.pop(id, None)
        if call is None:
            return self._leave() + self._output(id, text) if self._server_calls == "function" else b""
        if call.client:  # it was malformed: nobody is to run it
            return self._finish_item(call.index, call.object("incomplete", call.written))
        done = self._frame(f"response.mcp_call.{'failed' if failed else 'completed'}", **call.place)
        status = "failed" if failed else "completed"
        output, error = (None, text) if failed else (text, None)
        return done + self._finish_item(call.index, call.object(status, call.written, output, error))

    def _output(self, call_id: str, text: str) -> bytes:
        index = self._next
        output = [{"type": "input_text", "text": text}]  # a string is allowed as well, and stops Open WebUI's page
        item = {
            "type": "function_call_output",
            "id": f"fco_{self._id}_{index}",
            "call_id": call_id,
            "output": output,
            "status": "completed",
        }
        return self._add(item) + self._finish_item(index, item)

    # --------------------------------------------------------------------------------------------------- takeover

    def _leave_step(self) -> bytes:
        """In a run that may be taken over no item reaches from one step into the next."""
        self._safe = None
        return self._leave() if self._kept else b""

    def _abandon(self) -> bytes:
        """Another process makes the step again: what was shown of it is closed, and is not part of the answer."""
        if self._safe is None:
            return b""
        left = self._leave("incomplete")
        for id, call in list(self._calls.items()):
            if call.index >= self._safe:
                del self._calls[id]
                left += self._finish_item(call.index, call.object("incomplete", call.written))
        self._void.update(range(self._safe, self._next))
        return left

    # ------------------------------------------------------------------------------------------------------- end

    def _end(self, end: events.RunFinished | events.RunFailed | events.RunCancelled) -> bytes:
        stopped = b""
        if isinstance(end, events.RunFinished) and end.reason == "max_steps":
            stopped = self._say(items.OUTPUT, self._paragraphs.begin(statuses.STOPPED))
        status, change = _outcome(end)
        left = stopped + self._leave("completed" if status == "completed" else "incomplete")
        left += b"".join([self._finish_item(c.index, c.object("incomplete", c.written)) for c in self._calls.values()])
        self.ended = True
        self.response |= {"usage": usage_object(end.usage), "status": status, **change}
        if status == "completed":
            self.response["completed_at"] = self.response["created_at"] + round(self._seconds)
        told = b""
        if not isinstance(end, events.RunFinished):  # many clients take `response.failed` alone for an end
            failure = base.as_failure(end)
            error = openai_chat.envelope(failure.message, failure.status, failure.code, failure.param)["error"]
            members = {"code": failure.code, "message": failure.message, "param": failure.param}
            told = self._frame("error", **members, error=error)
        return left + told + self._frame(f"response.{status}", response=self._shown) + openai_chat.DONE

    def _wait(self, waiting: events.RunWaiting) -> bytes:
        """An approval is an item of its own; what the protocol has no item for is asked in words."""
        left = self._leave()
        approvals = [ask for ask in waiting.asks if ask.kind == "approval" and self._server_calls == "mcp"]
        calls = {call.id: call for call in waiting.tool_calls}
        for ask in approvals:
            if (open_call := self._calls.pop(ask.tool_call_id, None)) is not None:
                left += self._finish_item(open_call.index, open_call.object("incomplete", open_call.written))
            item = items.approval_request(ask, calls[ask.tool_call_id], self._label)
            left += self._add(item) + self._finish_item(self._next - 1, item)
        words = asking.message(waiting, asking.WORDS if self._server_calls == "mcp" else asking.KINDS)
        said = self._say(items.OUTPUT, self._paragraphs.begin(words))
        return left + said + self._end(events.RunFinished("stop", waiting.usage, waiting.step))


def _outcome(end: events.RunFinished | events.RunFailed | events.RunCancelled) -> tuple[str, dict[str, Any]]:
    match end:
        case events.RunFinished(reason="length"):
            return "incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}
        case events.RunFinished(reason="content_filter"):
            return "incomplete", {"incomplete_details": {"reason": "content_filter"}}
        case events.RunFinished():
            return "completed", {}
        case _:
            failure = base.as_failure(end)
            kind = "rate_limit_exceeded" if failure.status == 429 else "server_error"
            return "failed", {"error": {"code": kind, "message": failure.message}}


def _is_object(written: str) -> bool:
    return bool(written) and jsontext.decode_object(written) is not None


def _tail(number: int) -> bytes:
    return b',"sequence_number":%d}\n\n' % number


_TAILS = tuple(_tail(number) for number in range(4096))  # as many as most streams need, written once


def usage_object(usage: usage.Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
