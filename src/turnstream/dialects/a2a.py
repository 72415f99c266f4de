"""A2A, the Agent2Agent protocol, over JSON-RPC: 0.3.0 and 1.0 (https://a2a-protocol.org). The method's name says which.

A run is a task; its answer is one artifact, whose parts stream as artifact updates; everything else is a status update
with metadata. A context is a thread: clients send the new message alone, so contexts are remembered in this process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_never

import msgspec

from turnstream import errors, events, messages, requests, usage
from turnstream.dialects import housekeeping, statuses
from turnstream.dialects.a2a_objects import (
    CARD_PATHS,
    METHODS,
    NOT_OFFERED,
    VERSIONS,
    RpcRequest,
    SendParams,
    Task,
    TaskParams,
    Version,
    card,
    content,
    known,
    rpc_error,
    rpc_result,
    status,
    task_object,
    text_part,
    usage_object,
)
from turnstream.dialects.base import Call as AnyCall
from turnstream.dialects.base import (
    Cancellation,
    ClientRequest,
    Reply,
    Route,
    has_separators,
    json,
    on_one_line,
    string,
    strings,
    texts_of,
)
from turnstream.dialects.body import bounded, decode
from turnstream.dialects.paragraphs import Paragraphs
from turnstream.dialects.transcript import Conversations, Transcript

_KEPT = 1000  # tasks that tasks/get can name
_NOT_FOUND, _NOT_CANCELABLE, _VERSION = -32001, -32002, -32009
_NO_JSON, _NO_REQUEST, _NO_METHOD, _INVALID, _INTERNAL = -32700, -32600, -32601, -32602, -32603


class A2A:
    name: ClassVar[str] = "a2a"
    routes: ClassVar[Sequence[Route]] = (
        Route("POST", "/a2a/{agent}", summary="Talk to an agent over A2A (JSON-RPC).", request=RpcRequest),
        *(Route("GET", "/a2a/{agent}" + path, summary="The A2A card of an agent.", public=True) for path in CARD_PATHS),
        *(Route("GET", path, summary="The A2A card of the first agent.", public=True) for path in CARD_PATHS),
    )

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Task] = OrderedDict()
        self._contexts = Conversations()

    def decode(self, request: ClientRequest) -> AnyCall | Reply | Cancellation:
        agent = known(request.agents, request.path_params.get("agent"))
        if request.method == "GET":
            return Reply(200, json(card(agent, request.agents[agent], request.base_url)))
        try:
            rpc = decode(request.body, RpcRequest)
        except errors.RequestError as error:  # JSON-RPC has errors of its own; HTTP went well
            code = _NO_JSON if error.code == "invalid_json" else _NO_REQUEST
            return Reply(200, rpc_error(None, code, error.message))
        try:
            return self._method(rpc, request, agent)
        except errors.RequestError as error:
            return Reply(200, rpc_error(rpc.id, _INVALID, error.message))

    def _method(self, rpc: RpcRequest, request: ClientRequest, agent: str) -> AnyCall | Reply | Cancellation:
        asked = request.headers.get("a2a-version", "").strip()
        if asked and ".".join(asked.split(".")[:2]) not in VERSIONS:
            return Reply(200, rpc_error(rpc.id, _VERSION, f"A2A {asked[:20]} is not supported: 0.3 and 1.0 are."))
        if rpc.method in NOT_OFFERED:
            return Reply(200, rpc_error(rpc.id, *NOT_OFFERED[rpc.method]))
        if rpc.method not in METHODS:
            return Reply(200, rpc_error(rpc.id, _NO_METHOD, f"There is no method {rpc.method[:50]!r}."))
        act, version = METHODS[rpc.method]
        if act in ("send", "stream"):
            return self._send(rpc, request, agent, act == "stream", version)
        task = self._tasks.get(decode(json(bounded(rpc.params, "params")), TaskParams).id)
        if task is None:
            return Reply(200, rpc_error(rpc.id, _NOT_FOUND, "This server has no such task, or no longer."))
        if act == "get":
            return Reply(200, rpc_result(rpc.id, task_object(task, version)))
        if task.state not in ("submitted", "working"):
            return Reply(200, rpc_error(rpc.id, _NOT_CANCELABLE, f"The task is {task.state}."))
        task.state = "canceled"
        return Cancellation(task.id, Reply(200, rpc_result(rpc.id, task_object(task, version))))

    def _send(
        self, rpc: RpcRequest, request: ClientRequest, agent: str, stream: bool, version: Version
    ) -> Call | Reply:
        message = decode(json(bounded(rpc.params, "params")), SendParams).message
        if message.task_id is not None and message.task_id not in self._tasks:
            return Reply(200, rpc_error(rpc.id, _NOT_FOUND, "This server has no such task, or no longer."))
        before = self._tasks[message.task_id].context_id if message.task_id else None
        context = (message.context_id or before or f"context-{request.id}")[:512]
        run = housekeeping.marked(
            requests.RunRequest(
                messages=(*self._contexts[context], messages.UserMessage(content(message))),
                agent=agent,
                thread_id=context,
                context=dict(bounded(message.metadata, "message.metadata")) if message.metadata else {},
            )
        )
        task = Task(request.id, context, version, rpc.id, stream, statuses.wanted(request))
        self._tasks[task.id] = task
        while len(self._tasks) > _KEPT:
            self._tasks.popitem(last=False)
        return Call(run, task, self._contexts)

    def error(self, error: errors.TurnstreamError, id: str) -> Reply:
        """A run that failed is a failed task, as it would be later. What never came to JSON-RPC keeps its status."""
        task = self._tasks.get(id)
        if task is None:
            code = _NO_REQUEST if error.status < 500 else _INTERNAL
            return Reply(error.status, rpc_error(None, code, error.message))
        encoder = Encoder(task, Transcript((), task.texts), self._contexts)
        frames = encoder.feed([events.RunFailed(error.code, error.message, error.status, usage.Usage())])
        return Reply(200, frames, "text/event-stream") if task.stream else whole(task)


class Call:
    headers: Mapping[str, str] = {}

    def __init__(self, request: requests.RunRequest, task: Task, contexts: Conversations) -> None:
        self.request, self.stream = request, task.stream
        self._task, self._contexts = task, contexts

    def encoder(self, agent: str) -> Encoder:
        return Encoder(self._task, Transcript(self.request.messages, self._task.texts), self._contexts)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> Reply:
        encoder = self.encoder(agent)
        encoder.feed(batch)
        encoder.close()
        return whole(self._task)


def whole(task: Task) -> Reply:
    result = task_object(task, task.version)
    return Reply(200, rpc_result(task.rpc_id, result if task.version == "0.3" else {"task": result}))


class Encoder:
    """Keeps its task up to date. Reasoning is told as a whole, in a status update."""

    def __init__(self, task: Task, transcript: Transcript, contexts: Conversations) -> None:
        self._task, self._version = task, task.version
        self._transcript, self._contexts = transcript, contexts
        self._paragraphs = Paragraphs()
        self._reasoning: list[str] = []
        self._started = self._ended = False
        self._head, self._tail = self._text_frame(append=True)

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        if self._ended or self._task.failure is not None:  # it may have failed before its first byte, in `A2A.error`
            return b""
        if self._paragraphs.open and not self._reasoning and (frames := self._only_text(batch)) is not None:
            return frames
        pieces: list[bytes] = [] if self._started else [self._start()]
        for event in batch:
            self._transcript.take(event)
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

    def _only_text(self, events: Sequence[events.RunEvent]) -> bytes | None:
        """`_say` for a batch that only continues the text, as nearly all do; None for any other."""
        if (texts := texts_of(events)) is None:
            return None
        self._task.texts += texts
        self._paragraphs.last = texts[-1]
        said = strings(texts)
        if has_separators("".join(texts)):
            said = [on_one_line(text) for text in said]
        said[0] = self._head + said[0]
        said[-1] += self._tail
        return (self._tail + self._head).join(said)

    def heartbeat(self) -> bytes:
        return b"" if self._ended else b": heartbeat\n\n"

    def close(self) -> bytes:
        return self.feed([events.RunFailed("internal_error", "The run ended without an answer.", 500, usage.Usage())])

    def _event(self, event: events.RunEvent) -> bytes:
        match event:
            case events.TextDelta(text=text) | events.RefusalDelta(text=text):
                return self._say(text)
            case events.StepStarted() | events.ToolCallsDetected() | events.ToolsExecuted() | events.MaxStepsReached():
                word, details = statuses.status(event)
                told = {"agent_status": word, "details": details}
                return self._tell(told, statuses.description(event))
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
            case events.ToolCallStarted() | events.ToolCallArguments():
                return b""
            case events.ReasoningDelta() | events.RunStarted() | events.StepFinished() | events.ClientToolCalls():
                return b""  # this protocol's clients declare no tools
            case events.RunFinished(usage=usage, reason=reason):
                self._contexts.keep(self._task.context_id, self._transcript.messages)
                last_words = self._say(statuses.STOPPED) if reason == "max_steps" else b""
                return last_words + self._end(usage, None)
            case events.RunFailed(message=message, code=code, usage=usage):
                return self._end(usage, message, cancelled=code == "cancelled")
            case events.RunCancelled(usage=usage):
                return self._end(usage, "The run was cancelled.", cancelled=True)
            case _:
                assert_never(event)

    # ------------------------------------------------------------------------------------------------------ frames

    def _frame(self, kind: str, member: str, body: dict[str, Any]) -> bytes:
        """0.3 names the kind in the result, 1.0 by the member that holds it."""
        result = {"kind": kind, **body} if self._version == "0.3" else {member: body}
        return b"data: " + on_one_line(rpc_result(self._task.rpc_id, result)) + b"\n\n"

    def _start(self) -> bytes:
        self._started = True
        body = task_object(self._task, self._version)
        body.pop("kind", None)
        return self._frame("task", "task", body)

    @property
    def _place(self) -> dict[str, Any]:
        return {"taskId": self._task.id, "contextId": self._task.context_id}

    def _tell(self, metadata: dict[str, Any], said: str | None = None) -> bytes:
        """What the client may not want to hear; that the task is at work it must."""
        if self._task.statuses:
            return self._update(metadata, said)
        return self._update(None) if self._task.state == "submitted" else b""

    def _update(self, metadata: dict[str, Any] | None, said: str | None = None, final: bool = False) -> bytes:
        if self._task.state == "submitted":
            self._task.state = "working"
        body = {**self._place, "status": status(self._task, self._version, said)}
        if self._version == "0.3":
            body["final"] = final
        if metadata is not None:
            body["metadata"] = metadata
        return self._frame("status-update", "statusUpdate", body)

    def _text_frame(self, append: bool) -> tuple[bytes, bytes]:
        """An artifact update around the JSON string of its text."""
        parts = [text_part("\x00", self._version)]
        artifact = {"artifactId": f"{self._task.id}-answer", "name": "answer", "parts": parts}
        body = {**self._place, "artifact": artifact, "append": append, "lastChunk": False}
        head, _, tail = self._frame("artifact-update", "artifactUpdate", body).partition(json("\x00"))
        return head, tail

    def _say(self, text: str) -> bytes:
        if not text:
            return b""
        text = self._paragraphs.begin(text)
        head, tail = (self._head, self._tail) if self._task.texts else self._text_frame(append=False)
        self._task.texts.append(text)
        return head + on_one_line(string(text)) + tail

    def _thought(self) -> bytes:
        text = "".join(self._reasoning)
        self._reasoning.clear()
        return self._update({"type": "reasoning"}, text)

    def _end(self, usage: usage.Usage, failure: str | None, cancelled: bool = False) -> bytes:
        self._ended = True
        self._task.usage = usage_object(usage)
        self._task.failure = failure
        self._task.state = "canceled" if cancelled else "completed" if failure is None else "failed"
        return self._update({"usage": self._task.usage}, failure, final=True)
