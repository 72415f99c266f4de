"""What a run asks the person at the terminal (``ask_user``, MCP servers), and how it goes on with the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from turnstream import asks, conversation, errors, events, messages, requests
from turnstream.cli.approval import Terminal, is_yes
from turnstream.cli.text import printable
from turnstream.runs import log, rules

_PRINCIPAL = "anonymous"


class Questions:
    """Of one run. What it has told is kept here for as long as it goes on."""

    def __init__(self, terminal: Terminal, request: requests.RunRequest) -> None:
        self.request = request  # as the run answers it: guardrails may have changed it
        self._terminal = terminal
        self._kept = log.Fold()

    async def keep(self, request: requests.RunRequest, told: Sequence[events.LogEvent]) -> None:
        """It begins to wait (`protocols.BeginWait`)."""
        self.request = request
        self.keep_on(told)

    def keep_on(self, told: Iterable[events.LogEvent]) -> None:
        self._kept.feed(enumerate(told, self._kept.end + 1))

    async def answer(self) -> conversation.Progress:
        """With what the run goes on, when the person has answered all that it waits for."""
        while isinstance(waiting := self._kept.ending, events.RunWaiting):
            ask = waiting.asks[0]
            [call] = [call for call in waiting.tool_calls if call.id == ask.tool_call_id]
            answered = await self._ask(ask, call)
            self.keep_on(rules.answer(waiting, answered) or ())
        self.keep_on([self._kept.resume()])
        return self._kept.progress

    async def _ask(self, ask: asks.Ask, call: messages.ToolCall) -> events.RunAnswered:
        from turnstream.server import answers

        while True:
            try:
                return answers.decide(ask, call, await self._read(ask, call), _PRINCIPAL)
            except errors.RequestError as error:
                self._terminal.say(_lines(error.message))

    async def _read(self, ask: asks.Ask, call: messages.ToolCall) -> asks.Answer:
        text = _lines(ask.text)
        if ask.kind == "approval":
            return _decide(ask, await self._terminal(call))
        if ask.kind != "question":
            return await self._yes_or_no(ask, text)
        if ask.url is not None:
            return await self._yes_or_no(ask, f"{text}\n{printable(ask.url)}\nHave you been there?")
        fields = _fields(ask.schema)
        if fields is None:
            line = await self._terminal.read(f"{text}{_hint(ask.schema)} (an empty line is no answer) ")
            return _accept(ask, text=_choose(line, ask.schema)) if line else _cancel(ask)
        if not fields:  # there is nothing to say but yes
            agreed = await self._yes_or_no(ask, text)
            return _accept(ask, value={}) if agreed.action == "accept" else agreed
        self._terminal.say(text)
        return await self._fill(ask, fields)

    async def _yes_or_no(self, ask: asks.Ask, question: str) -> asks.Answer:
        line = await self._terminal.read(f"{question} [y/N] ")
        return _decide(ask, line is not None and is_yes(line))

    async def _fill(self, ask: asks.Ask, fields: Mapping[str, Mapping[str, Any]]) -> asks.Answer:
        """A form, field by field. One that is left empty has its default, or is not in the answer."""
        required = (ask.schema or {}).get("required") or ()
        value: dict[str, Any] = {}
        for name, schema in fields.items():
            line = await self._field(name, schema, name in required)
            if line is None:
                return _cancel(ask)
            if line:
                value[name] = _parse(line, schema)
            elif "default" in schema:
                value[name] = schema["default"]
        return _accept(ask, value=value)

    async def _field(self, name: str, schema: Mapping[str, Any], is_required: bool) -> str | None:
        """What is typed; None if the person does not want to answer."""
        from turnstream.server import answers

        while True:
            line = await self._terminal.read(_prompt(name, schema, is_required))
            if line is None:
                return None
            if not line and not is_required:
                return ""
            line = _choose(line, schema)
            problem = answers.schema_problem(_parse(line, schema), dict(schema)) if line else "an answer is needed"
            if problem is None:
                return line
            self._terminal.say(f"{_lines(problem)} (Ctrl-D gives no answer)")


def _fields(schema: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]] | None:
    """Those of a form; None where the answer is one value."""
    properties = (schema or {}).get("properties")
    if not isinstance(properties, dict) or not all(isinstance(each, dict) for each in properties.values()):
        return None
    return properties


def _prompt(name: str, schema: Mapping[str, Any], is_required: bool) -> str:
    about = schema.get("title") or schema.get("description") or ""
    label = f"{printable(name)}{f' ({_lines(str(about))})' if about else ''}{_hint(schema)}"
    if is_required:
        return f"{label}: "
    default = printable(json.dumps(schema["default"])) if "default" in schema else "optional"
    return f"{label} [{default}]: "


def _choices(schema: Mapping[str, Any] | None) -> list[Any]:
    choices = (schema or {}).get("enum")
    return choices if isinstance(choices, list) else []


def _hint(schema: Mapping[str, Any] | None) -> str:
    if choices := _choices(schema):
        return (
            "".join(f"\n  {at} {printable(str(choice))}" for at, choice in enumerate(choices, 1)) + "\nnumber or words"
        )
    kind = (schema or {}).get("type")
    return f" [{kind}]" if kind in ("integer", "number", "boolean", "array", "object") else ""


def _choose(line: str, schema: Mapping[str, Any] | None) -> str:
    """The choice whose number was typed, unless that is a choice itself."""
    choices = [str(choice) for choice in _choices(schema)]
    if line not in choices and line.isdecimal() and 0 < int(line) <= len(choices):
        return choices[int(line) - 1]
    return line


def _parse(line: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "string":
        return line
    if schema.get("type") == "boolean" and line.lower() in ("y", "yes", "n", "no"):
        return is_yes(line)
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def _accept(ask: asks.Ask, *, text: str = "", value: Any = None) -> asks.Answer:
    return asks.Answer(ask.code, "accept", value, text)


def _cancel(ask: asks.Ask) -> asks.Answer:
    return asks.Answer(ask.code, "cancel")


def _decide(ask: asks.Ask, yes: bool) -> asks.Answer:
    return asks.Answer(ask.code, "accept" if yes else "decline")
