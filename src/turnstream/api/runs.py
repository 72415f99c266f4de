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
