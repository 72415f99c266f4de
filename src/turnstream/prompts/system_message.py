"""Tools for a chat endpoint without tool calling: definitions in the system message, calls and results as plain text.

The calls are written as the model's family writes them (`Style`), so that it meets the form which it was trained on;
the rest of the conversation goes through the endpoint's own template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from turnstream import messages, requests
from turnstream.prompts.chat_template import arguments_object, tool_object


class Style(Struct, frozen=True):
    """How a family writes calls: an example for the instructions, and past calls and results for the history."""

    example: str
    calls: Callable[[Sequence[messages.ToolCall]], str]
    result: Callable[[messages.ToolMessage], str]


PROMPT = """\
# Tools

You can call the functions whose signatures stand between <tools></tools>:
<tools>
{tools}
</tools>

To call one, write exactly this form and nothing after it:
{example}
You are then given the result. Call only functions that are listed, and call none when you need none."""
"""What a model is told of its tools. ``{tools}`` are their definitions as JSON, one a line, ``{example}`` is a call in
the format of its family, ``{date}`` today's date."""


def describe_tools(request: requests.ModelRequest, format: str, prompt: str = PROMPT) -> requests.ModelRequest:
    """``request`` with its tools, calls and results as text. ``format`` as in `parsing.text_calls`."""
    style = STYLES.get(format, STYLES["hermes"])
    conversation = [_as_text(message, style) for message in request.messages]
    if request.tools:
        conversation = _add_instructions(conversation, _instructions(request, style, prompt))
    options = msgspec.structs.replace(request.options, tool_choice=None, parallel_tool_calls=None)
    return requests.ModelRequest(tuple(_merge_users(conversation)), (), options, request.time)


def _instructions(request: requests.ModelRequest, style: Style, prompt: str) -> str:
    values = {
        "{tools}": "\n".join(json.dumps(tool_object(tool), ensure_ascii=False) for tool in request.tools),
        "{example}": style.example,
        "{date}": datetime.fromtimestamp(request.time, UTC).date().isoformat(),
    }
    # Not `str.format`: a prompt is full of braces. One pass, so that a tool's own words stay as they are.
    text = re.sub("|".join(map(re.escape, values)), lambda name: values[name[0]], prompt)
    choice = request.options.tool_choice
    if choice == "required":
        text += " In your next answer you must call at least one."
    elif isinstance(choice, dict):
        text += f" In your next answer you must call {choice.get('name')}."
    return text


def _add_instructions(conversation: list[messages.Message], instructions: str) -> list[messages.Message]:
    if conversation and isinstance(conversation[0], messages.SystemMessage):
        return [messages.SystemMessage(f"{conversation[0].content}\n\n{instructions}"), *conversation[1:]]
    return [messages.SystemMessage(instructions), *conversation]


def _as_text(message: messages.Message, style: Style) -> messages.Message:
    match message:
        case messages.ToolMessage():
            return messages.UserMessage(style.result(message))
        case messages.AssistantMessage(parts=parts) if message.tool_calls:
            words: tuple[messages.AssistantPart, ...] = tuple(
                part for part in parts if not isinstance(part, messages.ToolCall)
            )
            return messages.AssistantMessage((*words, messages.TextPart(style.calls(message.tool_calls))))
        case _:
            return message


def _merge_users(conversation: Sequence[messages.Message]) -> list[messages.Message]:
    """Results of parallel calls become one user message: many templates want the roles to alternate."""
    merged: list[messages.Message] = []
    for message in conversation:
        last = merged[-1] if merged else None
        match last, message:
            case messages.UserMessage(content=str(before)), messages.UserMessage(content=str(after)):
                merged[-1] = messages.UserMessage(f"{before}\n{after}")
            case _:
                merged.append(message)
    return merged


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _tagged_json(calls: Sequence[messages.ToolCall]) -> str:
    return "\n".join(
        f"<tool_call>\n{_json({'name': call.name, 'arguments': arguments_object(call)})}\n</tool_call>"
        for call in calls
    )


def _tagged_result(message: messages.ToolMessage) -> str:
    return f"<tool_response>\n{messages.content_text(message.content)}\n</tool_response>"


def _named_result(message: messages.ToolMessage) -> str:
    return f"Result of {message.name or message.tool_call_id}: {messages.content_text(message.content)}"


def _json_list(calls: Sequence[messages.ToolCall]) -> str:
    return _json([{"name": call.name, "arguments": arguments_object(call)} for call in calls])


def _parameters(calls: Sequence[messages.ToolCall]) -> str:
    return "; ".join(_json({"name": call.name, "parameters": arguments_object(call)}) for call in calls)


def _python(calls: Sequence[messages.ToolCall]) -> str:
    def one(call: messages.ToolCall) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in arguments_object(call).items())
        return f"{call.name}({arguments})"

    return f"[{', '.join(one(call) for call in calls)}]"


def _xml(calls: Sequence[messages.ToolCall]) -> str:
    def one(call: messages.ToolCall) -> str:
        parameters = "".join(
            f"<parameter={key}>\n{value if isinstance(value, str) else _json(value)}\n</parameter>\n"
            for key, value in arguments_object(call).items()
        )
        return f"<tool_call>\n<function={call.name}>\n{parameters}</function>\n</tool_call>"

    return "\n".join(one(call) for call in calls)


_HERMES = Style(
    '<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>',
    _tagged_json,
    _tagged_result,
)
STYLES: dict[str, Style] = {
    "hermes": _HERMES,
    "granite4": _HERMES,
    "granite3": Style(
        '<|tool_call|>[{"name": <function-name>, "arguments": <args-json-object>}]',
        lambda calls: "<|tool_call|>" + _json_list(calls),
        _named_result,
    ),
    "llama3_json": Style('{"name": <function-name>, "parameters": <args-json-object>}', _parameters, _named_result),
    "mistral_json_array": Style(
        '[TOOL_CALLS][{"name": <function-name>, "arguments": <args-json-object>}]',
        lambda calls: "[TOOL_CALLS]" + _json_list(calls),
        _named_result,
    ),
    "pythonic": Style("[function_name(argument=value, other=value)]", _python, _named_result),
    "qwen3_coder_xml": Style(
        "<tool_call>\n<function=NAME>\n<parameter=KEY>\nVALUE\n</parameter>\n</function>\n</tool_call>",
        _xml,
        _tagged_result,
    ),
}
