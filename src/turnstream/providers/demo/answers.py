"""What the demo model says: a pure function of the request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from turnstream import events, messages, requests, toolspec, usage
from turnstream.providers.demo import words
from turnstream.providers.demo.choices import Choice, best, choose

WHO = "I am Turnstream's built-in demo model, not a language model"
_MOST_RESULT = 600
_MOST_ITEMS = 5


def answer(request: requests.ModelRequest, *, reasoning: bool = False) -> list[events.ModelEvent]:
    """The events of one model call, one for each token. Reasoning is given when it is asked for either way."""
    thinks = reasoning or request.options.reasoning_effort not in (None, "none")
    question, since = _last_exchange(request.messages)
    results = [message for message in since if isinstance(message, messages.ToolMessage)]
    if results:
        return _say(request, _report(results, since), "The tools have answered." if thinks else "")
    choices = _choices(request, question)
    ready = [choice for choice in choices if not choice.missing]
    if ready:
        return _call(request, ready, thinks)
    text = _ask(choices[0]) if choices else _introduction(question, request.tools)
    return _say(request, text, "No tool fits these words." if thinks else "")


def _last_exchange(conversation: Sequence[messages.Message]) -> tuple[str, Sequence[messages.Message]]:
    """The last user message's text, and the messages after it."""
    for position in range(len(conversation) - 1, -1, -1):
        message = conversation[position]
        if isinstance(message, messages.UserMessage):
            return messages.content_text(message.content), conversation[position + 1 :]
    return "", conversation


def _choices(request: requests.ModelRequest, question: str) -> list[Choice]:
    wanted = request.options.tool_choice
    tools: Sequence[toolspec.ToolSpec] = request.tools
    if isinstance(wanted, dict):
        tools = [tool for tool in tools if tool.name == wanted.get("name")]
    if not tools or wanted == "none":
        return []
    chosen = choose(question, tools)
    if not chosen and wanted not in (None, "auto"):
        chosen = [best(question, tools)]
    if wanted not in (None, "auto"):  # the caller insists: better a call with too few arguments than none
        chosen = [Choice(choice.tool, choice.arguments) for choice in chosen]
    return chosen[:1] if request.options.parallel_tool_calls is False else chosen


# ---------------------------------------------------------------------------------------------------------- sentences


def _introduction(question: str, tools: Sequence[toolspec.ToolSpec]) -> str:
    if not tools:
        heard = f" You said: {_short(question, 200)}" if question.strip() else ""
        return f"{WHO}, and this agent has no tools that I could call for you.{heard}"
    lines = "".join(f"\n- {tool.name}: {_summary(tool.description)}" for tool in tools[:12])
    return (
        f"{WHO}: I pick a tool by the words of your message and tell what it says. None fits this one. I can call:"
        f"{lines}\nAsk me something that one of them can answer."
    )


def _summary(description: str) -> str:
    return _short(description.split("\n")[0].split(". ")[0].removesuffix("."), 120)


def _ask(choice: Choice) -> str:
    names = " and ".join(choice.missing)
    return f"{WHO}. I would call {choice.tool.name}, but do not find its {names} in your message. Please say it."


def _report(results: Sequence[messages.ToolMessage], since: Sequence[messages.Message]) -> str:
    calls = {
        call.id: call
        for message in since
        if isinstance(message, messages.AssistantMessage)
        for call in message.tool_calls
    }
    told = [_describe_result(result, calls.get(result.tool_call_id)) for result in results]
    body = told[0] if len(told) == 1 else "".join(f"\n- {line}" for line in told).lstrip()
    return f"{body}\n\n({WHO}; this is what the {'tool' if len(told) == 1 else 'tools'} said.)"


def _describe_result(result: messages.ToolMessage, call: messages.ToolCall | None) -> str:
    name = result.name or (call.name if call else "the tool")
    value = _parse(call.arguments) if call else None
    arguments = f" ({_plain(value)})" if isinstance(value, dict) and value else ""
    content = messages.content_text(result.content)
    said = _short(_plain(_parse(content)), _MOST_RESULT)
    return f"{name}{arguments} {'failed' if result.is_error else 'says'}: {said}"


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(value: Any, depth: int = 0) -> str:
    """JSON as a person would write it."""
    match value:
        case dict() if depth < 3:
            parts = [f"{key}: {_plain(item, depth + 1)}" for key, item in value.items()]
        case list() if depth < 3:
            parts = [_plain(item, depth + 1) for item in value[:_MOST_ITEMS]]
            if len(value) > _MOST_ITEMS:
                parts.append(f"and {len(value) - _MOST_ITEMS} more")
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
    joined = ", ".join(parts)
    return f"({joined})" if depth else joined


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


# ------------------------------------------------------------------------------------------------------------- events


def _say(request: requests.ModelRequest, text: str, thought: str) -> list[events.ModelEvent]:
    thoughts, pieces = words.tokens(thought), words.tokens(text)
    limit = request.options.output_limit
    cut = limit is not None and len(thoughts) + len(pieces) > limit
    if cut and limit is not None:
        thoughts, pieces = thoughts[:limit], pieces[: max(0, limit - len(thoughts))]
    batch: list[events.ModelEvent] = [*map(events.ReasoningDelta, thoughts), *map(events.TextDelta, pieces)]
    return [*batch, _usage(request, len(batch), len(thoughts)), events.Finish("length" if cut else "stop")]


def _call(request: requests.ModelRequest, choices: Sequence[Choice], thinks: bool) -> list[events.ModelEvent]:
    names = " and ".join(choice.tool.name for choice in choices)
    thoughts = words.tokens(f"These words ask for {names}.") if thinks else []
    batch: list[events.ModelEvent] = [*map(events.ReasoningDelta, thoughts)]
    earlier = sum(
        len(message.tool_calls) for message in request.messages if isinstance(message, messages.AssistantMessage)
    )
    for index, choice in enumerate(choices):
        batch.append(events.ToolCallStart(index, f"call_demo_{earlier + index}", choice.tool.name))
        arguments = json.dumps(choice.arguments, ensure_ascii=False)
        batch += [events.ToolCallDelta(index, piece) for piece in words.tokens(arguments)]
    return [*batch, _usage(request, len(batch), len(thoughts)), events.Finish("tool_calls")]


def _usage(request: requests.ModelRequest, output: int, reasoning: int) -> events.UsageReport:
    """Tokens are counted as this model makes them."""
    return events.UsageReport(
        usage.Usage(input=sum(_size(message) for message in request.messages), output=output, reasoning=reasoning)
    )


def _size(message: messages.Message) -> int:
    if isinstance(message, messages.AssistantMessage):
        calls = sum(len(words.tokens(call.arguments)) + 1 for call in message.tool_calls)
        return calls + len(words.tokens(message.text))
    return len(words.tokens(messages.content_text(message.content)))
