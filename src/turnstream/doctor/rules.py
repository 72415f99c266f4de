"""The rules: a table. Each looks at one recording and gives the byte ranges that offend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from turnstream.doctor import framing, meaning
from turnstream.doctor.recording import Recording

Level: TypeAlias = Literal["error", "warning"]
Fault: TypeAlias = tuple[int, int, str]  # the first byte, the byte behind the last, what is wrong there
Check: TypeAlias = Callable[[Recording], Iterable[Fault]]

OPENAI = "openai-python"
HELPER = "openai-python .stream()"
NODE = "openai-node"
NODE_HELPER = "openai-node .stream()"
AI = "Vercel AI SDK"
LANGCHAIN = "LangChain"
LANGCHAIN_JS = "LangChain.js and LibreChat"
PYDANTIC = "pydantic-ai"
LITELLM = "litellm"
ORCHESTRATE = "watsonx Orchestrate's validator"
WEBUI = "Open WebUI"
PLAIN = "readers that know only 'data: ' lines"
ON_OPENAI = (OPENAI, LANGCHAIN, PYDANTIC, LITELLM)


@dataclass(frozen=True, slots=True)
class Rule:
    """``law`` is what holds for a good stream; ``clients`` are those that fail where it does not."""

    id: str
    level: Level
    law: str
    clients: tuple[str, ...]
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    rule: Rule
    recording: str
    start: int
    end: int
    what: str

    def as_json(self) -> dict[str, Any]:
        return {
            "rule": self.rule.id,
            "level": self.rule.level,
            "recording": self.recording,
            "bytes": [self.start, self.end],
            "what": self.what,
            "law": self.rule.law,
            "clients": list(self.rule.clients),
        }


RULES: tuple[Rule, ...] = (
    Rule("content-type", "error", "The answer is text/event-stream, uncompressed.", (WEBUI, AI), framing.content_type),
    Rule("bom", "error", "The body has no byte order mark.", ON_OPENAI, framing.bom),
    Rule(
        "thread-event",
        "error",
        "No 'event:' line names a type that begins with 'thread.'.",
        (*ON_OPENAI, NODE, LANGCHAIN_JS),
        framing.thread_event,
    ),
    Rule("event-line", "warning", "There are no 'event:' lines.", (ORCHESTRATE,), framing.event_line),
    Rule("id-line", "warning", "There are no 'id:' and 'retry:' lines.", (ORCHESTRATE,), framing.id_line),
    Rule("comment", "warning", "The heartbeat is an empty delta, not a comment.", (ORCHESTRATE,), framing.comment),
    Rule(
        "empty-event",
        "error",
        "No empty line ends an event without data: once an 'id:' was sent, a comment or a second empty line does.",
        ON_OPENAI,
        framing.empty_event,
    ),
    Rule("data-form", "warning", "An event is one line: 'data: ' and its JSON.", (PLAIN,), framing.data_form),
    Rule("json", "error", "All data but [DONE] is one JSON object.", (*ON_OPENAI, NODE, AI, ORCHESTRATE), framing.json),
    Rule("complete", "error", "The answer comes to its end.", (OPENAI, NODE, AI, WEBUI), framing.complete),
    Rule("last-event", "error", "An empty line ends the last event too.", (AI, NODE, *ON_OPENAI), framing.last_event),
    Rule("done", "warning", "The stream ends with one 'data: [DONE]'.", (PLAIN,), framing.check_done),
    Rule("after-done", "error", "Nothing follows [DONE].", (AI,), framing.after_done),
    Rule("silence", "warning", "No silence is longer than 15 seconds.", ("proxies",), framing.silence),
    Rule(
        "members", "error", "A chunk has id, object, created, model, choices.", (HELPER, NODE_HELPER), meaning.members
    ),
    Rule("object", "error", "A chunk's object is chat.completion.chunk.", (HELPER,), meaning.object),
    Rule("same-id", "warning", "All chunks have one id, created and model.", ("the specification",), meaning.same_id),
    Rule("choices", "error", "choices is a list, never null.", (HELPER, NODE_HELPER, AI), meaning.choices),
    Rule("choice-index", "error", "Each choice has an index.", (NODE_HELPER, AI), meaning.choice_index),
    Rule("first-role", "warning", "The first choice's delta has the role.", (NODE_HELPER,), meaning.first_role),
    Rule("one-role", "error", "The role comes once.", (HELPER,), meaning.one_role),
    Rule("role", "error", "The role is assistant.", (AI, NODE_HELPER, LANGCHAIN_JS), meaning.role),
    Rule("finish", "error", "One chunk has a finish reason.", (NODE_HELPER, AI), meaning.finish),
    Rule(
        "finish-word",
        "error",
        "The finish reason is stop, length, tool_calls or content_filter.",
        (AI, PYDANTIC),
        meaning.finish_word,
    ),
    Rule("usage-asked", "error", "Usage comes once if it was asked for.", (WEBUI, PYDANTIC), meaning.usage_asked),
    Rule(
        "usage-unasked",
        "warning",
        "No chunk without choices comes unasked.",
        ("loops that read choices[0]",),
        meaning.usage_unasked,
    ),
    Rule(
        "error-form",
        "error",
        "An error is an object with a message of text, in a chunk without choices.",
        (AI, HELPER, WEBUI),
        meaning.error_form,
    ),
    Rule("after-error", "error", "Nothing follows an error.", (AI,), meaning.after_error),
    Rule(
        "delta-list",
        "error",
        "A list of objects in an extension of delta has an index in each.",
        (HELPER,),
        meaning.delta_list,
    ),
    Rule("call-index", "error", "Each fragment of a tool call has its index.", (HELPER, NODE, AI), meaning.call_index),
    Rule(
        "call-start",
        "error",
        "The first fragment of each call has id, type and name; indices count from 0.",
        (AI, NODE_HELPER, LANGCHAIN),
        meaning.call_start,
    ),
    Rule("call-arguments", "error", "The fragments are JSON.", (AI, NODE_HELPER, LANGCHAIN), meaning.call_arguments),
    Rule(
        "call-finish",
        "error",
        "Tool calls are for the client to run, so the finish reason is tool_calls.",
        (WEBUI, AI, LANGCHAIN),
        meaning.call_finish,
    ),
    Rule("refusal", "error", 'A refused request has {"error": {"message": …}}.', (OPENAI, NODE, AI), meaning.refusal),
    Rule("parity", "error", "Streamed or whole, the answer is the same in form.", (OPENAI, NODE, AI), meaning.parity),
)


def examine(recordings: Iterable[Recording]) -> Iterator[Finding]:
    for recording in recordings:
        for rule in RULES:
            for start, end, what in rule.check(recording):
                yield Finding(rule, recording.name, start, end, what)
