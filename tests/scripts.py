"""The scripted model: what it says depends on the agent's name and on the conversation so far, and on nothing else.

One script serves both layers: in the server's process as a model, and behind HTTP as a vendor (`tests.upstream`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from turnstream.events import (
    Finish,
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)

# Each of these has broken some client's or proxy's reading of a stream.
GREETING = 'Hello, wörld! 🌍 e\u0301 \u2028 \u0085 \x00 "\\n" data: [DONE]\n\n event: error\r\n : ping\n\nThe end.\n'
ANSWER = Usage(input=11, output=7)


class Conversation(Struct, frozen=True):
    """What the scripts look at: the results of the tools so far, in order, and the names of the tools on offer.

    ``body`` is the whole request, where it came over HTTP.
    """

    results: tuple[str, ...] = ()
    tools: frozenset[str] = frozenset()
    body: dict[str, Any] = {}


class Broken(Struct, frozen=True):
    """At this place the vendor fails."""

    reason: str = "The oracle is out: secret-4711."


class Refusal(Struct, frozen=True):
    """The vendor refuses the request, over HTTP with status 403."""


class Silence(Struct, frozen=True):
    """From here on the model says nothing, until it is left."""


Said = ModelEvent | Broken | Refusal | Silence
Script = Callable[[Conversation], list[Said]]


def text(content: str) -> list[Said]:
    """One delta for each word."""
    first, *rest = content.split(" ")
    return [TextDelta(first), *(TextDelta(" " + word) for word in rest)]


def calls(*wanted: tuple[str, str]) -> list[Said]:
    """Tool calls with one argument, ``city``, its JSON in two pieces."""
    said: list[Said] = []
    for index, (name, city) in enumerate(wanted):
        said.append(ToolCallStart(index, f"call_{name}_{city}", name))
        said += [ToolCallDelta(index, '{"city":'), ToolCallDelta(index, f'"{city}"}}')]
    return said


def end(reason: FinishReason = "stop") -> list[Said]:
    return [UsageReport(ANSWER), Finish(reason, reason)]


def plain(conversation: Conversation) -> list[Said]:
    return [*text(GREETING), *end()]


def reasoning(conversation: Conversation) -> list[Said]:
    return [ReasoningDelta("Two and two"), ReasoningDelta(" are four."), *text("It is 4."), *end()]


def two_rounds(conversation: Conversation) -> list[Said]:
    """The server's tool, once, then twice at once, then the answer."""
    match conversation.results:
        case ():
            return [*text("Let me look. "), *calls(("weather", "Paris")), *end("tool_calls")]
        case (_,):
            return [*calls(("weather", "Rome"), ("weather", "Oslo")), *end("tool_calls")]
        case results:
            return [*text("; ".join(results)), *end()]


def client_tool(conversation: Conversation) -> list[Said]:
    if not conversation.results:
        return [*calls(("local_time", "Paris")), *end("tool_calls")]
    return [*text("It is " + conversation.results[0] + "."), *end()]


def client_tools(conversation: Conversation) -> list[Said]:
    """Two calls of the client's tool at once."""
    if not conversation.results:
        return [*text("One moment."), *calls(("local_time", "Paris"), ("local_time", "Oslo")), *end("tool_calls")]
    return [*text("; ".join(conversation.results)), *end()]


def mixed(conversation: Conversation) -> list[Said]:
    """A tool of the server and one of the client, asked for together."""
    if not conversation.results:
        return [*calls(("weather", "Rome"), ("local_time", "Paris")), *end("tool_calls")]
    return [*text("; ".join(conversation.results)), *end()]


def silent(conversation: Conversation) -> list[Said]:
    """A tool that says nothing for a long time."""
    if not conversation.results:
        return [*calls(("slow_weather", "Paris")), *end("tool_calls")]
    return [*text("; ".join(conversation.results)), *end()]


def acting(conversation: Conversation) -> list[Said]:
    """A tool that acts on the world, and then a failure."""
    return [*calls(("send_card", "Paris")), *end("tool_calls")] if not conversation.results else [Broken()]


def counting(conversation: Conversation) -> list[Said]:
    """How often that tool has acted."""
    if not conversation.results:
        return [*calls(("cards_sent", "Paris")), *end("tool_calls")]
    return [*text(conversation.results[0]), *end()]


def echo(conversation: Conversation) -> list[Said]:
    """The request itself."""
    return [TextDelta(json.dumps(conversation.body)), *end()]


def structured(conversation: Conversation) -> list[Said]:
    """The tool with which a client wants its answer given."""
    wanted = "final_result" if "final_result" in conversation.tools else "City"
    return [*calls((wanted, "Paris")), *end("tool_calls")]


def endless(conversation: Conversation) -> list[Said]:
    """A tool, as long as there are any."""
    return [*calls(("weather", "Paris")), *end("tool_calls")] if conversation.tools else [*text("Enough."), *end()]


def lingering(conversation: Conversation) -> list[Said]:
    return [TextDelta("Hold on."), Silence()]


def departed(conversation: Conversation) -> list[Said]:
    """Whether somebody has left the lingering model."""
    if not conversation.results:
        return [*calls(("departure", "Paris")), *end("tool_calls")]
    return [*text(conversation.results[0]), *end()]


def refused(conversation: Conversation) -> list[Said]:
    return [Refusal()]


def broken_start(conversation: Conversation) -> list[Said]:
    return [Broken()]


def broken_middle(conversation: Conversation) -> list[Said]:
    return [*text("Half an"), Broken()]


def shell(conversation: Conversation) -> list[Said]:
    """A coding agent's own tool, by whichever of its names, and then what it gave."""
    if conversation.results:
        return [*text("It gave " + conversation.results[-1].strip()[-200:]), *end()]
    name, argument = next((row for row in SHELLS if row[0] in conversation.tools), SHELLS[0])
    arguments = json.dumps({argument: "echo was-here > made.txt; cat made.txt", "description": "Make a file."})
    return [ToolCallStart(0, "call_shell", name), ToolCallDelta(0, arguments), *end("tool_calls")]


SHELLS = (("exec_command", "cmd"), ("bash", "command"), ("shell_command", "command"))
"""The names of such tools, and what each calls its command."""


SCRIPTS: dict[str, Script] = {
    "plain": plain,
    "reasoning": reasoning,
    "two-rounds": two_rounds,
    "client-tool": client_tool,
    "client-tools": client_tools,
    "mixed": mixed,
    "silent": silent,
    "acting": acting,
    "counting": counting,
    "echo": echo,
    "structured": structured,
    "endless": endless,
    "lingering": lingering,
    "departed": departed,
    "refused": refused,
    "broken-start": broken_start,
    "broken-middle": broken_middle,
    "shell": shell,
}
