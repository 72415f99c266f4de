"""A2A, the Agent2Agent protocol, over JSON-RPC: 0.3.0 and 1.0 (https://a2a-protocol.org). The method's name says which.

A run is a task; its answer is one artifact, whose parts stream as artifact updates; everything else is a status update
with metadata. A context is a thread: clients send the new message alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from msgspec import UNSET, UnsetType

from turnstream import errors, events, jsontext, messages, protocols, requests, usage
from turnstream.api import a2a as api
from turnstream.dialects import (
    a2a_list,
    a2a_objects as objects,
    a2a_push,
    a2a_request,
    base,
    body as bodies,
    incoming,
    statuses,
)
from turnstream.dialects.a2a_encoder import Ask, Encoder, JoinEncoder

_NOT_FOUND, _NOT_CANCELABLE, _NO_PUSH, _UNSUPPORTED, _VERSION = -32001, -32002, -32003, -32004, -32009
_INVALID_JSON, _INVALID_REQUEST, _NO_METHOD, _INVALID_PARAMS, _INTERNAL = -32700, -32600, -32601, -32602, -32603

_Found: TypeAlias = Mapping[str, protocols.RunState]
_Answer: TypeAlias = "Exchange | base.Reply | base.Cancellation | base.Attachment"


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
        agent = objects.find_agent(request.agents, request.path_params.get("agent"))
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
    card = objects.card(
        agent, request.agents[agent], request.base_url, secured=request.secured, pushes=request.can_keep
    )
    body = jsontext.encode(card)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    changed = objects.http_date(request.began)
    caching = {"cache-control": "max-age=60", "etag": tag, "last-modified": changed}
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
        told = objects.rpc_error(self._id, code, message, "1.0" if modern else "0.3")
        streams = self._act in ("stream", "join") and "text/event-stream" in self._request.headers.get("accept", "")
        if streams and not modern:  # clients of 0.3 read an answer to these as a stream alone, those of 1.0 as either
            return base.Reply(200, b"data: " + told + b"\n\n", "text/event-stream")
        return base.Reply(200, told)

    def decode(self) -> base.Decoded:
        rpc = self._rpc
        if rpc.jsonrpc != "2.0" or not _is_text(rpc.method):
            return self.error(_INVALID_REQUEST, "A call has the members jsonrpc, which is '2.0', and method.")
        asked = self._request.headers.get("a2a-version", "").strip()
        if asked and ".".join(asked.split(".")[:2]) not in objects.VERSIONS:
            return self.error(_VERSION, f"A2A {asked[:20]} is not supported: 0.3 and 1.0 are.")
        if rpc.method in objects.NOT_OFFERED:
            return self.error(*objects.NOT_OFFERED[rpc.method])
        if rpc.method in a2a_push.METHODS:
            return self._push(*a2a_push.METHODS[rpc.method])
        if rpc.method not in objects.METHODS:
            return self.error(_NO_METHOD, f"Unknown method {rpc.method[:50]!r}.")
        if self._act in ("send", "stream"):
            return self._send()
        if self._act == "list":
            return a2a_list.decode(rpc, self._agent, A2A.name, self._id)
        params = bodies.convert(rpc.params, api.TaskParams, "params")
        _check_length(params.history_length)
        manage = {"get": self._get, "cancel": self._cancel, "join": self._join}[self._act]
        return self._with_task(params.id, manage)

    def _with_task(self, id: str, then: Callable[[objects.Task], _Answer]) -> base.Lookup:
        """Go on with the task of that id, if whoever asks has one."""

        def go_on(found: _Found) -> _Answer:
            return then(objects.read_task(found[id])) if id in found else self._refuse_unknown()

        return base.Lookup(self._agent, (id,), go_on)

    def _refuse_unknown(self) -> base.Reply:
        return self.error(_NOT_FOUND, "Task not found; it may have expired.")

    def _push(self, act: str, version: objects.Version) -> base.Decoded:
        self._version = version
        if not self._request.can_keep:
            return self.error(_NO_PUSH, "Push notifications need a server that keeps runs.")
        wanted = a2a_push.Call(act, version, self._id, self.error).decode(self._rpc.params, self._refuse_unknown())
        task = wanted.run_id
        return base.Lookup(self._agent, (task,), lambda found: wanted if task in found else wanted.missing)

    def _get(self, task: objects.Task) -> base.Reply:
        return base.Reply(200, objects.rpc_result(self._id, objects.task_object(task, self._version)))

    def _cancel(self, task: objects.Task) -> base.Reply | base.Cancellation:
        if task.state not in objects.OPEN:
            return self.error(_NOT_CANCELABLE, f"The task is {task.state}.")
        task.state = "canceled"
        return base.Cancellation(task.id, self._get(task))

    def _join(self, task: objects.Task) -> base.Reply | base.Attachment:
        if task.state not in objects.OPEN:
            return self.error(_UNSUPPORTED, f"The task is {task.state}: ask for the task itself.")
        ask = Ask(self._version, self._id, True, statuses.are_wanted(self._request))
        text = "This task ends with the stream that it was begun with, which cannot be joined: ask for the task itself."
        return base.Attachment(
            self._agent,
            lambda kept, past: Joined(kept, objects.Task(task.id, task.context_id), ask, past),
            self.error(_UNSUPPORTED, text),
            run_id=task.id,
        )

    def _send(self) -> base.Decoded:
        params = bodies.convert(self._rpc.params, api.SendParams, "params")
        message, wanted = params.message, params.configuration or api.SendConfiguration()
        _check_message(message)
        _check_length(wanted.history_length)
        pushes = self._read_pushes(wanted)
        if pushes and not self._request.can_keep:
            return self.error(_NO_PUSH, "Push notifications need a server that keeps runs.")
        if message.task_id:
            return self._with_task(message.task_id, lambda task: self._continue(message, task))
        context = incoming.name(message.context_id, "message.contextId") or f"context-{self._request.id}"
        request = incoming.mark_housekeeping(
            requests.RunRequest(
                messages=(messages.UserMessage(a2a_request.content(message)),),
                agent=self._agent,
                thread_id=context,
                context=incoming.values(message.metadata, "message.metadata"),
                keep=self._keep(wanted, pushes),
            )
        )
        return Exchange(request, self._ask, objects.Task(self._request.id, context))

    @property
    def _ask(self) -> Ask:
        return Ask(self._version, self._id, self._act == "stream", statuses.are_wanted(self._request))

    def _keep(self, wanted: api.SendConfiguration, pushes: tuple[requests.Push, ...]) -> requests.Keep | None:
        """A client that does not wait asks for the task later, or is told of it."""
        at_once = (wanted.return_immediately or wanted.blocking is False) and self._act == "send"
        if not self._request.can_keep or not (at_once or pushes):
            return None
        return requests.Keep(background=at_once, pushes=pushes)

    def _read_pushes(self, wanted: api.SendConfiguration) -> tuple[requests.Push, ...]:
        if wanted.push_notification_config is not None:
            name = "configuration.pushNotificationConfig"
            return (a2a_push.read(wanted.push_notification_config, "0.3", name),)
        if wanted.task_push_notification_config is not None:
            name = "configuration.taskPushNotificationConfig"
            return (a2a_push.read(wanted.task_push_notification_config, "1.0", name),)
        return ()

    def _continue(self, message: api.Message, task: objects.Task) -> Exchange | base.Reply:
        """A task is one run: it takes messages while it waits for one, and what follows it is a new task in the same
        context."""
        if message.context_id and message.context_id != task.context_id:
            return self.error(_INVALID_PARAMS, "message.contextId: the task belongs to another context.")
        if task.state == "input-required":
            request = requests.RunRequest(
                messages=(messages.UserMessage(a2a_request.content(message)),),
                agent=self._agent,
                thread_id=task.context_id,
                answers=a2a_request.answers(message),
                follows=task.id,
            )
            return Exchange(request, self._ask, task)
        text = f"The task is {task.state} and accepts no more messages: send one in its context, without a taskId."
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
        return self._reply_whole(encoder)

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        """A run that failed is a failed task, as it would be later."""
        encoder = self.encoder("")
        frames = encoder.feed([events.RunFailed(error.code, error.message, error.status, usage.Usage())])
        return base.Reply(200, frames, "text/event-stream") if self.stream else self._reply_whole(encoder)

    def _reply_whole(self, encoder: Encoder) -> base.Reply:
        """``SendMessage`` of 1.0 says by a member that the result is a task, 0.3 by its kind."""
        task = objects.task_object(encoder.task, self._ask.version)
        result = task if self._ask.version == "0.3" else {"task": task}
        return base.Reply(200, objects.rpc_result(self._ask.rpc_id, result))


class Joined:
    """The task that ``kept`` was asked for, streamed to another request: from where it is."""

    stream = True
    thread: requests.ThreadRef | None = None
    headers: Mapping[str, str] = {}

    def __init__(self, kept: base.Exchange, task: objects.Task, ask: Ask, past: int) -> None:
        self.request = kept.request
        self._kept, self._task, self._ask, self._past = kept, task, ask, past

    def encoder(self, agent: str) -> JoinEncoder:
        return JoinEncoder(Encoder(self._task, self._ask), self._past)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        return self._kept.reply(agent, batch)

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return self._kept.refuse(error, request_id)
