"""A2A, the Agent2Agent protocol, over JSON-RPC: 0.3.0 and 1.0 (https://a2a-protocol.org). The method's name says which.

A run is a task; its answer is one artifact, whose parts stream as artifact updates; everything else is a status update
with metadata. A context is a thread: clients send the new message alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, assert_never

import msgspec
from msgspec import UNSET, Struct, UnsetType

from turnstream import errors, events, jsontext, messages, protocols, requests, usage
from turnstream.api import a2a as api
from turnstream.dialects import a2a_objects as objects
from turnstream.dialects import a2a_request, base, incoming, paragraphs, statuses
from turnstream.dialects import body as bodies

_NOT_FOUND, _NOT_CANCELABLE, _NO_PUSH, _UNSUPPORTED, _VERSION = -32001, -32002, -32003, -32004, -32009
_INVALID_JSON, _INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMS, _INTERNAL = -32700, -32600, -32601, -32602, -32603

_Found: TypeAlias = Mapping[str, protocols.RunState]
_Answer: TypeAlias = "Exchange | base.Reply | base.Cancellation"


class Ask(Struct, frozen=True):
    """How its client asked for a run, and so wants to be answered."""

    version: objects.Version
    rpc_id: api.RpcId
    stream: bool
    statuses: bool


class A2A:
    name: ClassVar[str] = "a2a"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route("POST", "/a2a/{agent}", summary="Talk to an agent over A2A (JSON-RPC).", request=api.RpcRequest),
        *(
            base.Route("GET", "/a2a/{agent}" + path, summary="The A2A card of an agent.", public=True)
            for path in objects.CARD_PATHS
        ),
        *(
            base.Route("GET", path, summary="The A2A card of the first agent.", public=True)
            for path in objects.CARD_PATHS
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        agent = objects.known(request.agents, request.path_params.get("agent"))
        if request.method == "GET":
            return _card(request, agent)
        try:
            rpc = bodies.decode(request.body, api.RpcRequest)
        except errors.RequestError as error:  # JSON-RPC has errors of its own; HTTP went well
            code = _INVALID_JSON if error.code == "invalid_json" else _INVALID_REQUEST
            return base.Reply(200, objects.rpc_error(None, code, error.message))
        call = _Call(rpc, request, agent)
        try:
            decoded = call.decode()
        except errors.RequestError as error:
            return call.error(_INVALID_PARAMS, error.message)
        if rpc.id is UNSET and not isinstance(decoded, base.Reply):
            return base.Reply(204, b"")  # a notification has no answer, and nobody would hear that of a run
        return decoded

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        """What never came to JSON-RPC keeps its status."""
        code = _INVALID_REQUEST if error.status < 500 else _INTERNAL
        return base.Reply(error.status, objects.rpc_error(None, code, error.message))


def _card(request: base.ClientRequest, agent: str) -> base.Reply:
    card = objects.card(agent, request.agents[agent], request.base_url, secured=request.secured)
    body = jsontext.encode(card)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    caching = {"cache-control": "max-age=60", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return base.Reply(304, b"", headers=caching)
    return base.Reply(200, body, headers=caching)


class _Call:
    """One call of JSON-RPC."""

    def __init__(self, rpc: api.RpcRequest, request: base.ClientRequest, agent: str) -> None:
        self._rpc, self._request, self._agent = rpc, request, agent
        self._id = None if isinstance(rpc.id, UnsetType) else rpc.id
        self._act, self._version = objects.METHODS.get(rpc.method, ("", "0.3")) if _is_text(rpc.method) else ("", "0.3")

    def error(self, code: int, message: str) -> base.Reply:
        modern = self._version == "1.0" or self._request.headers.get("a2a-version", "").strip().startswith("1.")
        return base.Reply(200, objects.rpc_error(self._id, code, message, "1.0" if modern else "0.3"))

    def decode(self) -> base.Decoded:
        rpc = self._rpc
        if rpc.jsonrpc != "2.0" or not _is_text(rpc.method):
            return self.error(_INVALID_REQUEST, "A call has the members jsonrpc, which is '2.0', and method.")
        asked = self._request.headers.get("a2a-version", "").strip()
        if asked and ".".join(asked.split(".")[:2]) not in objects.VERSIONS:
            return self.error(_VERSION, f"A2A {asked[:20]} is not supported: 0.3 and 1.0 are.")
        if rpc.method in objects.NOT_OFFERED:
            return self.error(*objects.NOT_OFFERED[rpc.method])
        if rpc.method not in objects.METHODS:
            return self.error(_NO_METHOD, f"Unknown method {rpc.method[:50]!r}.")
        if self._act in ("send", "stream"):
            return self._send()
        params = bodies.convert(rpc.params, api.TaskParams, "params")
        _check_length(params.history_length)
        manage = {"get": self._get, "cancel": self._cancel, "join": self._join}[self._act]
        return self._with_task(params.id, manage)

    def _with_task(self, id: str, then: Callable[[objects.Task], _Answer]) -> base.Lookup:
        """Go on with the task of that id, if whoever asks has one."""

        def go_on(found: _Found) -> _Answer:
            if id not in found:
                return self.error(_NOT_FOUND, "This server has no such task, or no longer.")
            return then(_task(found[id]))

        return base.Lookup(self._agent, (id,), go_on)

    def _get(self, task: objects.Task) -> base.Reply:
        return base.Reply(200, objects.rpc_result(self._id, objects.task_object(task, self._version)))

    def _cancel(self, task: objects.Task) -> base.Reply | base.Cancellation:
        if task.state not in objects.OPEN:
            return self.error(_NOT_CANCELABLE, f"The task is {task.state}.")
        task.state = "canceled"
        return base.Cancellation(task.id, self._get(task))

    def _join(self, task: objects.Task) -> base.Reply:
        return self.error(_UNSUPPORTED, "A stream cannot be joined again: ask for the task until it has ended.")

    def _send(self) -> base.Decoded:
        params = bodies.convert(self._rpc.params, api.SendParams, "params")
        message, wanted = params.message, params.configuration or api.SendConfiguration()
        _check_message(message)
        _check_length(wanted.history_length)
        if wanted.push_notification_config is not None or wanted.task_push_notification_config is not None:
            return self.error(_NO_PUSH, "Push notifications are not supported.")
        if message.task_id:
            return self._with_task(message.task_id, lambda task: self._refuse_to_continue(message, task))
        context = incoming.name(message.context_id, "message.contextId") or f"context-{self._request.id}"
        request = incoming.mark_housekeeping(
            requests.RunRequest(
                messages=(messages.UserMessage(a2a_request.content(message)),),
                agent=self._agent,
                thread_id=context,
                context=incoming.values(message.metadata, "message.metadata"),
            )
        )
        ask = Ask(self._version, self._id, self._act == "stream", statuses.wanted(self._request))
        return Exchange(request, ask, objects.Task(self._request.id, context))

    def _refuse_to_continue(self, message: api.Message, task: objects.Task) -> base.Reply:
        """A task is one run: what follows it is a new task in the same context."""
        if message.context_id and message.context_id != task.context_id:
            return self.error(_INVALID_PARAMS, "message.contextId: the task belongs to another context.")
        text = f"The task is {task.state} and takes no more messages: send one in its context, without a taskId."
        return self.error(_UNSUPPORTED, text)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _check_message(message: api.Message) -> None:
    if not message.message_id:
        text = "message.messageId: must not be empty."
        raise errors.RequestError(text, param="message.messageId", code="invalid_value")
    if message.role.lower().removeprefix("role_") != "user":
        raise incoming.unknown_role(message.role, "message.role", "user")


def _check_length(length: int | None) -> None:
    if length is not None and length < 0:
        text = "historyLength: must not be negative."
        raise errors.RequestError(text, param="historyLength", code="invalid_value")


def _task(state: protocols.RunState) -> objects.Task:
    task = objects.Task(state.id, state.thread or "")
    if state.shown:
        task = msgspec.json.decode(state.shown, type=objects.Task)
    if state.status == "cancelled":
        task.state = "canceled"
    return task


class Exchange:
    headers: Mapping[str, str] = {}

    def __init__(self, request: requests.RunRequest, ask: Ask, task: objects.Task) -> None:
        self.request, self.stream = request, ask.stream
        self.thread = requests.ThreadRef(task.context_id, "server")
        self._ask, self._task = ask, task

    def encoder(self, agent: str) -> Encoder:
        return Encoder(objects.Task(self._task.id, self._task.context_id), self._ask)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        encoder = self.encoder(agent)
        encoder.feed(batch)
        return self._whole(encoder)

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        """A run that failed is a failed task, as it would be later."""
        encoder = self.encoder("")
        frames = encoder.feed([events.RunFailed(error.code, error.message, error.status, usage.Usage())])
        return base.Reply(200, frames, "text/event-stream") if self.stream else self._whole(encoder)

    def _whole(self, encoder: Encoder) -> base.Reply:
        """``SendMessage`` of 1.0 says by a member that the result is a task, 0.3 by its kind."""
        task = objects.task_object(encoder.task, self._ask.version)
        result = task if self._ask.version == "0.3" else {"task": task}
        return base.Reply(200, objects.rpc_result(self._ask.rpc_id, result))


class Encoder(base.StreamEncoder):
    """``task`` is the run as it stands."""

    def __init__(self, task: objects.Task, ask: Ask) -> None:
        self.task, self._ask = task, ask
        self._paragraphs = paragraphs.Paragraphs()
        self._reasoning: list[str] = []
        self._started = False
        self._sentences = 0
        self._head, self._tail = self._text_frame(append=True)

    def snapshot(self) -> bytes:
        return jsontext.encode(self.task)

    def feed(self, batch: Sequence[events.RunEvent]) -> bytes:
        if self.ended:
            return b""
        if self._paragraphs.open and not self._reasoning and (frames := self._only_text(batch)) is not None:
            return frames
        pieces: list[bytes] = [] if self._started else [self._start()]
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

    def _only_text(self, events: Sequence[events.RunEvent]) -> bytes | None:
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

    def _event(self, event: events.RunEvent) -> bytes:
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
            case events.ToolCallStarted() | events.ToolCallArguments():
                return b""
            case events.ReasoningDelta() | events.RunStarted() | events.StepFinished() | events.ClientToolCalls():
                return b""  # this protocol's clients declare no tools
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

    def _start(self) -> bytes:
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
        if self.task.state == "submitted":
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

    def _thought(self) -> bytes:
        text = "".join(self._reasoning)
        self._reasoning.clear()
        return self._update({"type": "reasoning"}, text)

    def _end(self, usage: usage.Usage, failure: str | None, cancelled: bool = False) -> bytes:
        self.ended = True
        self.task.usage = objects.usage_object(usage)
        self.task.failure = failure
        whole = self._last_chunk() if failure is None else b""
        self.task.state = "canceled" if cancelled else "completed" if failure is None else "failed"
        return whole + self._update({"usage": self.task.usage}, failure, final=True)

    def _last_chunk(self) -> bytes:
        """The artifact once more, whole: some clients (google-adk) keep only what the last chunk holds, and by the
        protocol it replaces what was there."""
        if not self.task.texts:
            return b""
        head, tail = self._text_frame(append=False, last=True)
        text = "".join(self.task.texts)
        return head + jsontext.escape_line_separators(jsontext.string(text)) + tail
