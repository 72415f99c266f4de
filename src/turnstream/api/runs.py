"""The body of ``POST /v1/runs`` (docs/runs.md)."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from turnstream.api.chat_completions import ChatMessage, Tool


class RunBody(Struct):
    """``messages`` are those of chat completions, and the whole conversation; ``input`` is one user message, which goes
    on with ``thread`` where one is named. The run is kept with ``background``, which does not wait for it, and with
    ``on_disconnect: go_on``; ``policy`` is about other runs of the thread."""

    agent: str | None = None
    messages: list[ChatMessage] | None = None
    input: str | None = None
    thread: str | None = None
    stream: bool = False
    background: bool = False
    on_disconnect: Literal["cancel", "go_on"] = "cancel"
    policy: Literal["queue", "reject", "interrupt"] = "queue"
    tools: list[Tool] | None = None
    user: str | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class ToolResult(Struct):
    """The client's result of one of its own tools. ``output`` is text, or anything else as JSON."""

    tool_call_id: str
    output: Any = ""
    is_error: bool = False


class Decision(Struct):
    """What becomes of a call that waits: ``call`` makes it, with other ``arguments`` (a JSON object, or its text) if
    they are given; ``deny`` does not."""

    tool_call_id: str
    action: Literal["call", "deny"]
    reason: str = ""
    arguments: str | dict[str, Any] | None = None


class Answer(Struct):
    """To the question with that code: ``approve`` a call, with other ``arguments`` if they are given, or ``deny`` it
    for a ``reason``; ``value`` answers what has a schema, and ``text`` is the same in words."""

    code: str
    action: Literal["approve", "deny", "answer", "cancel"] = "answer"
    arguments: dict[str, Any] | None = None
    value: Any = None
    text: str = ""
    reason: str = ""


class Reply(Struct):
    """The body of ``POST /v1/approvals/{code}``: as `Answer`, for the question in the path."""

    action: Literal["approve", "deny", "answer", "cancel"] = "answer"
    arguments: dict[str, Any] | None = None
    value: Any = None
    text: str = ""
    reason: str = ""


class AnswerBody(Struct):
    """The body of ``POST /v1/runs/{id}/answer``: results and decisions that the run waits for, by the ids of their
    calls, or answers, by the codes of their questions."""

    results: list[ToolResult] = []
    decisions: list[Decision] = []
    answers: list[Answer] = []


class ThreadBody(Struct):
    """The body of ``POST /v1/threads/{id}``."""

    title: str | None = None


class ForkBody(Struct):
    """The body of ``POST /v1/threads/{id}/fork``: a new thread with the first ``length`` messages; its name is made up
    without ``id``."""

    length: int
    id: str | None = None


class RunError(Struct):
    """Why a run failed. ``param`` names the field of the request that is at fault."""

    code: str
    message: str
    param: str | None = None


class WaitingCall(Struct):
    """A call that a run waits for: with ``ask`` the agent's own, about which somebody is asked; without, the client's.
    ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str
    ask: dict[str, Any] | None = None


class Waiting(Struct):
    tool_calls: list[WaitingCall]


class Call(Struct):
    """A call of one of the agent's tools. ``began`` is whether it may have been made; ``outcome`` is None as long as
    nobody knows."""

    id: str
    step: int
    name: str
    effect: Literal["none", "idempotent", "once"]
    began: bool
    outcome: Literal["ok", "failed"] | None


class Run(Struct):
    """A run. Times are in seconds since the epoch; ``usage`` is as in chat completions. ``output`` is the text of a run
    that was waited for, ``calls`` are shown by ``GET /v1/runs/{id}``."""

    id: str
    object: Literal["run"]
    status: Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]
    thread: str | None
    agent: str
    created_at: float
    ended_at: float | None
    usage: dict[str, Any] | None
    error: RunError | None
    waiting: Waiting | None
    output: str = ""
    calls: list[Call] = []


class Thread(Struct):
    """A kept conversation. ``length`` counts its messages."""

    id: str
    object: Literal["thread"]
    agent: str
    title: str | None
    length: int
    created_at: float
    updated_at: float
