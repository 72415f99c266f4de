"""The native wire: a run's own events, numbered, as server-sent events (docs/runs.md).

Each event is a frame of three lines: ``id`` is its seq (from 1), ``event`` its name, ``data`` its JSON with the fields
of `turnstream.events`. What only the model may see, and what only its provider understands, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from turnstream import errors, events, jsontext, messages, protocols, requests, toolspec
from turnstream.api import runs as api
from turnstream.dialects import (
    asking,
    base,
    body as bodies,
    incoming,
    openai_chat,
    openai_chat_messages,
    openai_chat_request,
)

# Events that change the state of a run have names of two words; the rest are named by their kind.
_NAMES = {
    "run_started": "run.started",
    "run_resumed": "run.resumed",
    "run_waiting": "run.waiting",
    "run_answered": "run.answered",
    "run_finished": "run.finished",
    "run_failed": "run.failed",
    "run_cancelled": "run.cancelled",
    "step_started": "step.started",
    "step_finished": "step.finished",
    "tool_began": "tool.began",
}

_TEXT = b'id: %d\nevent: text\ndata: {"type":"text","text":%s}\n\n'


class Native:
    name: ClassVar[str] = "native"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route(
            "POST",
            "/v1/runs",
            summary="Run an agent; the answer is a stream of the run's events, or the run when it has ended.",
            request=api.RunBody,
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        return Exchange(request, bodies.decode(request.body, api.RunBody))

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return openai_chat.refusal(error)


class Exchange:
    headers: Mapping[str, str] = {}

    def __init__(self, client: base.ClientRequest, body: api.RunBody) -> None:
        self.stream = bool(body.stream)
        self.id, self.created = client.id, int(client.time)
        self.request = incoming.mark_housekeeping(
            requests.RunRequest(
                messages=_messages(body),
                agent=body.agent or None,
                tools=openai_chat_request.read_tools(body.tools or ()),
                thread_id=incoming.thread_id(client.headers, ("thread", body.thread)),
                user=incoming.user(client.headers, ("user", body.user)),
                context=incoming.values(body.context, "context"),
                keep=_keep(body),
            )
        )
        self.thread = incoming.thread_ref(self.request, client.headers, body.metadata)
        if self.thread is not None and self.thread.history is None:
            history = "server" if body.input is not None else "client"
            self.thread = msgspec.structs.replace(self.thread, history=history)

    def encoder(self, agent: str) -> Encoder:
        return Encoder()

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        text = "".join(event.text for event in batch if isinstance(event, events.TextDelta))
        ending = base.ending(batch)
        status = "waiting" if isinstance(ending, events.RunWaiting) else "finished"
        shown = run_object(self.id, agent, self.request.thread_id, status, self.created, ending=ending)
        return base.Reply(200, jsontext.encode({**shown, "output": text}))

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return openai_chat.refusal(error)


class View:
    """The stream of a kept run behind the event ``after``, for whoever comes back to it."""

    stream = True
    thread: requests.ThreadRef | None = None
    headers: Mapping[str, str] = {}
    request = requests.RunRequest(())

    def __init__(self, after: int) -> None:
        self._after = after

    def encoder(self, agent: str) -> Encoder:
        return _LogEncoder(self._after)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        raise NotImplementedError  # it is a stream

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return openai_chat.refusal(error)


def _keep(body: api.RunBody) -> requests.Keep | None:
    if not body.background and body.on_disconnect == "cancel":
        return None
    return requests.Keep(body.background, body.policy, waits=True)


def _messages(body: api.RunBody) -> tuple[messages.Message, ...]:
    if body.input is not None and body.messages:
        text = "input: give either 'input' or 'messages', not both."
        raise errors.RequestError(text, param="input", code="invalid_value")
    if body.input is not None:
        return (messages.UserMessage(body.input),)
    incoming.require_messages(body.messages)
    return openai_chat_messages.read(body.messages or ())


def run_object(
    id: str,
    agent: str,
    thread: str | None,
    status: str,
    created_at: float,
    *,
    ended_at: float | None = None,
    ending: object = None,
) -> dict[str, Any]:
    """A run as ``GET /v1/runs/{id}`` shows it; ``ending`` is its terminal event, or what it waits for."""
    error = None
    if isinstance(ending, events.RunFailed):
        error = {"code": ending.code, "message": ending.message, "param": ending.param}
    used = getattr(ending, "usage", None)
    return {
        "id": id,
        "object": "run",
        "status": status,
        "thread": thread,
        "agent": agent,
        "created_at": created_at,
        "ended_at": ended_at,
        "usage": None if used is None else openai_chat.usage_object(used),
        "error": error,
        "waiting": _show_waiting(ending) if status == "waiting" else None,
    }


def _show_waiting(ending: object) -> dict[str, Any] | None:
    """The calls that the run waits for, and what is asked about those that are the agent's own."""
    if not isinstance(ending, events.RunWaiting):
        return None
    asks = {ask.tool_call_id: _show_ask(ask) for ask in ending.asks}
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments, **asks.get(call.id, {})}
        for call in ending.tool_calls
    ]
    return {"tool_calls": calls}


def _show_ask(ask: events.Ask) -> dict[str, Any]:
    shown = msgspec.to_builtins(asking.public(ask))
    del shown["tool_call_id"]
    return {"ask": shown}


def show_calls(numbered: protocols.NumberedEvents) -> list[dict[str, Any]]:
    """The calls of the agent's tools that a log has: each with its effect, whether it was begun (which is stored for
    those that must not happen twice), and its outcome: ``ok``, ``failed``, or None as long as nobody knows."""
    calls: dict[str, dict[str, Any]] = {}
    for _, event in numbered:
        match event:
            case events.ToolCallsDetected(step=step, tool_calls=detected, effects=effects):
                for call in detected:
                    effect = effects.get(call.id, "none")
                    calls[call.id] = {"id": call.id, "step": step, "name": call.name, "effect": effect}
                    calls[call.id] |= {"began": False, "outcome": None}
            case events.ToolBegan(tool_call_id=id) if id in calls:
                calls[id]["began"] = True
            case events.ToolResult(tool_call=call) if call.id in calls:
                calls[call.id] |= {"began": True, "outcome": "ok" if event.ok else "failed"}
            case _:
                pass
    return list(calls.values())


def show(state: protocols.RunState) -> dict[str, Any]:
    """A run that the server keeps."""
    return run_object(
        state.id,
        state.agent,
        state.thread,
        state.status,
        state.created_at,
        ended_at=state.ended_at,
        ending=state.ending,
    )


def reply(state: protocols.RunState, batch: Sequence[events.LogEvent] | None) -> base.Reply:
    """A kept run whose client has waited for it, with what came of it; or, with None, which goes on by itself."""
    if batch is None:
        return base.Reply(202, jsontext.encode(show(state)))
    texts: list[str] = []
    for event in batch:
        match event:
            case events.TextDelta(text=text):
                texts.append(text)
            case events.RunResumed():  # what was said since the last finished step is void
                texts = texts[:0]
            case _:
                pass
    return base.Reply(200, jsontext.encode({**show(state), "output": "".join(texts)}))


class Encoder(base.StreamEncoder):
    """``seq`` is the number of the last event before the first that is fed."""

    def __init__(self, seq: int = 0) -> None:
        self._seq = seq
        self._waits = False

    def feed(self, batch: Sequence[events.LogEvent]) -> bytes:
        frames: list[bytes] = []
        for event in batch:
            if self.ended:
                break
            self._seq += 1
            if type(event) is events.TextDelta:
                text = jsontext.string(event.text)
                if not event.text.isascii():
                    text = jsontext.escape_line_separators(text)
                frames.append(_TEXT % (self._seq, text))
                continue
            self._waits = isinstance(event, events.RunWaiting)
            if isinstance(event, events.RunWaiting) and event.seq:
                self._seq = event.seq
            frames.append(frame(self._seq, event))
            self.ended = isinstance(event, events.RunFinished | events.RunFailed | events.RunCancelled)
        return b"".join(frames)

    def close(self) -> bytes:
        """Whoever answers a run that waits goes on behind its last event."""
        return b"" if self._waits else super().close()

    def heartbeat(self) -> bytes:
        return b"" if self.ended else b"event: heartbeat\ndata: {}\n\n"


class _LogEncoder(Encoder):
    """Of a log, which may have ended before: nothing is missing then."""

    def close(self) -> bytes:
        return b""


def frame(seq: int, event: events.LogEvent) -> bytes:
    kind = event.__struct_config__.tag
    data = jsontext.escape_line_separators(jsontext.encode(public(event)))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, _NAMES.get(str(kind), str(kind)).encode(), data)


def public(event: events.LogEvent) -> events.LogEvent:
    """The event as whoever started the run may see it."""
    match event:
        case events.StepFinished(message=message, usage=usage):
            parts = tuple(part for part in message.parts if not isinstance(part, messages.ProviderItem))
            return msgspec.structs.replace(
                event, message=messages.AssistantMessage(parts), usage=msgspec.structs.replace(usage, raw=None)
            )
        case events.ToolResult(output=output):
            return msgspec.structs.replace(event, output=_public_output(output))
        case events.ToolsExecuted(results=results):
            shown = [msgspec.structs.replace(result, output=_public_output(result.output)) for result in results]
            return msgspec.structs.replace(event, results=tuple(shown))
        case events.RunWaiting(asks=asks) if asks:
            return msgspec.structs.replace(event, asks=tuple(msgspec.structs.replace(ask, state=None) for ask in asks))
        case _:
            return event


def _public_output(output: toolspec.ToolOutput) -> toolspec.ToolOutput:
    if output.shown is None:
        return output
    return msgspec.structs.replace(output, content=output.shown, data=None)
