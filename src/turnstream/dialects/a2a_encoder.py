"""The stream of an A2A task: the task itself, then artifact updates for its answer and status updates for all else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec
from msgspec import Struct

from turnstream import events, jsontext, usage
from turnstream.api import a2a as api
from turnstream.dialects import a2a_objects as objects, asking, base, paragraphs, statuses


class Ask(Struct, frozen=True):
    """How its client asked for a run, and so wants to be answered."""

    version: objects.Version
    rpc_id: api.RpcId
    stream: bool
    statuses: bool


class Encoder(base.StreamEncoder):
    """``task`` is the run as it stands."""

    def __init__(self, task: objects.Task, ask: Ask) -> None:
        self.task, self._ask = task, ask
        self._paragraphs = paragraphs.Paragraphs()
        self._reasoning: list[str] = []
        self._started = False
        self._sentences = 0
        self._safe = 0  # texts before this place are of finished steps
        self._head, self._tail = self._text_frame(append=True)

    def snapshot(self) -> bytes:
        return jsontext.encode(self.task)

    def feed(self, batch: Sequence[events.LogEvent]) -> bytes:
        if self.ended and self.task.state != "input-required":
            return b""
        self.ended = False
        if self._paragraphs.open and not self._reasoning and (frames := self._only_text(batch)) is not None:
            return frames
        pieces: list[bytes] = [] if self._started else [self.show_task()]
        for event in batch:
            if type(event) is events.ReasoningDelta:
                self._reasoning.append(event.text)
                continue
            if self._reasoning:
                pieces.append(self._thought())
            self._paragraphs.see(event)
            pieces.append(self._event(event))
            if isinstance(event, events.RunFinished | events.RunFailed | events.RunCancelled):
                break
        return b"".join(pieces)

    def _only_text(self, events: Sequence[events.LogEvent]) -> bytes | None:
        """`_say` for a batch that only continues the text, as nearly all do; None for any other."""
        if (texts := base.texts_of(events)) is None:
            return None
        self.task.texts += texts
        self._paragraphs.last = texts[-1]
        encoded = jsontext.strings(texts)
        if jsontext.has_line_separators("".join(texts)):
            encoded = [jsontext.escape_line_separators(text) for text in encoded]
        encoded[0] = self._head + encoded[0]
        encoded[-1] += self._tail
        return (self._tail + self._head).join(encoded)

    def _event(self, event: events.LogEvent) -> bytes:
        match event:
            case events.TextDelta(text=text) | events.RefusalDelta(text=text):
                return self._say(text)
            case events.StepStarted() | events.ToolCallsDetected() | events.ToolsExecuted() | events.MaxStepsReached():
                word, details = statuses.status(event)
                return self._tell({"agent_status": word, "details": details}, statuses.description(event))
            case events.ToolProgress(tool_call_id=id, name=name, message=message, fraction=fraction):
                progress = {"id": id, "name": name, "message": message, "fraction": fraction}
                return self._tell({"tool_progress": progress}, f"{name}: {message}")
            case events.ToolResult(output=output):
                return self._tell({"tool_result": {**statuses.result_details(event), "content": output.shown_text}})
            case events.HostedToolCall(id=id, name=name, arguments=arguments):
                return self._tell({"hosted_tool_call": {"id": id, "name": name, "arguments": arguments}})
            case events.HostedToolResult(id=id, name=name, content=text, ok=ok):
                return self._tell({"hosted_tool_result": {"id": id, "name": name, "ok": ok, "content": text}})
            case events.SourceFound(source=source):
                return self._tell({"source": msgspec.to_builtins(source)})
            case events.StepFinished():
                self._safe = len(self.task.texts)
                return b""
            case events.RunResumed():
                return self._abandon()
            case events.ToolCallStarted() | events.ToolCallArguments():
                return b""
            case events.ReasoningDelta() | events.RunStarted() | events.ClientToolCalls():
                return b""  # this protocol's clients declare no tools
            case events.RunWaiting():
                return self._wait(event) if event.asks else b""
            case events.RunAnswered():
                return self._update(None) if self.task.state == "input-required" else b""
            case events.ToolBegan():
                return b""
            case events.RunFinished(usage=usage, reason=reason):
                last_words = {"max_steps": statuses.STOPPED, "content_filter": statuses.FILTERED}.get(reason, "")
                return self._say(last_words) + self._end(usage, None)
            case events.RunFailed(message=message, code=code, usage=usage):
                return self._end(usage, message, cancelled=code == "cancelled")
            case events.RunCancelled(usage=usage):
                return self._end(usage, "The run was cancelled.", cancelled=True)
            case _:
                assert_never(event)

    # ------------------------------------------------------------------------------------------------------ frames

    def _frame(self, kind: str, member: str, body: dict[str, Any]) -> bytes:
        """0.3 names the kind in the result, 1.0 by the member that holds it."""
        result = {"kind": kind, **body} if self._ask.version == "0.3" else {member: body}
        return b"data: " + jsontext.escape_line_separators(objects.rpc_result(self._ask.rpc_id, result)) + b"\n\n"

    def show_task(self) -> bytes:
        """The task as it stands, which is how a stream begins."""
        self._started = True
        body = objects.task_object(self.task, self._ask.version)
        body.pop("kind", None)
        return self._frame("task", "task", body)

    @property
    def _place(self) -> dict[str, Any]:
        return {"taskId": self.task.id, "contextId": self.task.context_id}

    def _tell(self, metadata: dict[str, Any], sentence: str | None = None) -> bytes:
        """What the client may not want to hear; that the task is at work it must."""
        if self._ask.statuses:
            return self._update(metadata, sentence)
        return self._update(None) if self.task.state == "submitted" else b""

    def _update(self, metadata: dict[str, Any] | None, sentence: str | None = None, final: bool = False) -> bytes:
        if self.task.state == "submitted" or (self.task.state == "input-required" and not final):
            self.task.state = "working"
        id = ""
        if sentence is not None and final:  # the same, whether or not there was a stream before it
            id = self.task.message_id = f"{self.task.id}-status-end"
        elif sentence is not None:
            self._sentences += 1
            id = f"{self.task.id}-status-{self._sentences}"
        body = {**self._place, "status": objects.status(self.task, self._ask.version, sentence, id)}
        if self._ask.version == "0.3":
            body["final"] = final
        if metadata is not None:
            body["metadata"] = metadata
        return self._frame("status-update", "statusUpdate", body)

    def _text_frame(self, append: bool, last: bool = False) -> tuple[bytes, bytes]:
        """An artifact update around the JSON string of its text."""
        parts = [objects.text_part("\x00", self._ask.version)]
        artifact = {"artifactId": f"{self.task.id}-answer", "name": "answer", "parts": parts}
        body = {**self._place, "artifact": artifact, "append": append, "lastChunk": last}
        head, _, tail = self._frame("artifact-update", "artifactUpdate", body).partition(jsontext.encode("\x00"))
        return head, tail

    def _say(self, text: str) -> bytes:
        if not text:
            return b""
        text = self._paragraphs.begin(text)
        head, tail = (self._head, self._tail) if self.task.texts else self._text_frame(append=False)
        self.task.texts.append(text)
        return head + jsontext.escape_line_separators(jsontext.string(text)) + tail

    def _abandon(self) -> bytes:
        """Another process makes the step again: what was said before it replaces the whole."""
        void = len(self.task.texts) > self._safe
        del self.task.texts[self._safe :]
        self._paragraphs = paragraphs.Paragraphs()
        self._paragraphs.last = self.task.texts[-1] if self.task.texts else ""
        return self._replace_artifact(last=False) if void else b""

    def _thought(self) -> bytes:
        text = "".join(self._reasoning)
        self._reasoning.clear()
        return self._update({"type": "reasoning"}, text)

    def _end(self, usage: usage.Usage, failure: str | None, cancelled: bool = False) -> bytes:
        self.ended = True
        self.task.usage = objects.usage_object(usage)
        self.task.failure = failure
        # Some clients (google-adk) keep only what the last chunk holds, and by the protocol it replaces what was there.
        whole = self._replace_artifact(last=True) if failure is None else b""
        self.task.state = "canceled" if cancelled else "completed" if failure is None else "failed"
        return whole + self._update({"usage": self.task.usage}, failure, final=True)

    def _wait(self, waiting: events.RunWaiting) -> bytes:
        """The end of a stream, but not of the task, which goes on with the answer: a message that names it."""
        self.ended = True
        self.task.state, self.task.asked = "input-required", asking.message(waiting)
        self._paragraphs.open = False
        return self._update({"asks": asking.details(waiting)}, self.task.asked, final=True)

    def _replace_artifact(self, last: bool) -> bytes:
        """The artifact once more."""
        if not self.task.texts:
            return b""
        head, tail = self._text_frame(append=False, last=last)
        text = "".join(self.task.texts)
        return head + jsontext.escape_line_separators(jsontext.string(text)) + tail


class JoinEncoder(base.StreamEncoder):
    """The stream for somebody who joins a task after the first ``past`` events of its log: the task as it stands, then
    what comes."""

    def __init__(self, encoder: Encoder, past: int) -> None:
        self._encoder, self._past = encoder, past
        self._shown = False

    def feed(self, batch: Sequence[events.LogEvent]) -> bytes:
        if self._past:
            known, batch = batch[: self._past], batch[self._past :]
            self._past -= len(known)
            self._encoder.feed(known)
            if self._encoder.ended:
                self._past = 0
        return b"" if self._past else self._begin() + self._encoder.feed(batch)

    def heartbeat(self) -> bytes:
        return self._encoder.heartbeat()

    def close(self) -> bytes:
        return self._begin() + self._encoder.close()

    def _begin(self) -> bytes:
        if self._shown:
            return b""
        self._shown = True
        return self._encoder.show_task()
