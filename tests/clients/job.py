"""What a client is asked to do, and what it says it saw: the same two shapes for every client."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

# The one tool that clients declare and run themselves.
LOCAL_TIME: dict[str, Any] = {
    "name": "local_time",
    "description": "The local time in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


def local_time(city: str) -> str:
    """The local time in a city."""
    return f"noon in {city}"


class Job(Struct, frozen=True):
    """One conversation of one client: it asks ``prompt``, runs the tools that it is asked to run, and asks again.

    ``tools`` declares `LOCAL_TIME`, ``usage`` asks for usage in the way that the client has for it. With ``leave`` it
    goes away at the first text, in the way that the client has for that. ``elsewhere`` is another server of its store.
    """

    client: str
    base_url: str
    model: str
    prompt: str = "Go."
    api_key: str = "key"
    tools: bool = False
    usage: bool = False
    headers: dict[str, str] = {}
    leave: bool = False
    elsewhere: str = ""


class Call(Struct, frozen=True):
    name: str
    arguments: dict[str, Any]


class Shown(Struct, frozen=True):
    """A tool call that a front end shows, with its result."""

    name: str
    arguments: dict[str, Any]
    result: Any = None


class Failure(Struct, frozen=True):
    """``status`` is the HTTP status, None when the error came after the first byte."""

    message: str
    status: int | None = None


class Outcome(Struct):
    """``text``, ``reasoning``, ``finish`` and ``usage`` are of the last answer, ``calls`` of all of them.

    ``problems`` are complaints after which the client carried on. ``shown`` and ``statuses`` are for protocols that
    tell the front end what the agent does.
    """

    text: str = ""
    reasoning: str = ""
    finish: str | None = None
    role: str | None = None
    usage: tuple[int, int] | None = None
    calls: list[Call] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    error: Failure | None = None
    shown: list[Shown] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
