"""A model's chat template: the conversation and its tools, written as that model was trained to read them.

The semantics are those that Hugging Face's `transformers` publishes for ``tokenizer_config.json`` templates ("Chat
templates", "Writing a chat template"): Jinja2 in a sandbox with ``trim_blocks`` and ``lstrip_blocks``, the variables
``messages``, ``tools`` and ``add_generation_prompt``, the functions ``raise_exception`` and ``strftime_now``, a
``tojson`` that leaves characters as they are, loop controls, and the ``generation`` block.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from turnstream import errors, messages, toolspec


class TemplateRefusedError(Exception):
    """The template itself says that it can't write this conversation."""


class ChatTemplate:
    """``source`` is Jinja2 text. Raises `ConfigurationError` if it does not parse."""

    def __init__(self, source: str, *, name: str = "chat template") -> None:
        self.name = name
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _tojson
        environment.globals["raise_exception"] = _refuse
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise errors.ConfigurationError(f"{name} does not parse: {error} (line {line})") from error

    def render(
        self,
        messages: Sequence[messages.Message],
        tools: Sequence[toolspec.ToolSpec] = (),
        *,
        now: datetime,
        add_generation_prompt: bool = True,
        **variables: Any,
    ) -> str:
        """The prompt. ``variables`` are the template's own (``bos_token``, ``enable_thinking``, …).

        Raises `RequestError` when the template refuses this conversation, `ConfigurationError` when it fails.
        """
        try:
            return self._template.render(
                messages=[message_object(message) for message in messages],
                tools=[tool_object(tool) for tool in tools] or None,
                add_generation_prompt=add_generation_prompt,
                strftime_now=now.strftime,
                **{"bos_token": "", "eos_token": "", **variables},
            )
        except TemplateRefusedError as error:
            raise errors.RequestError(f"The model's chat template can't write this conversation: {error}") from error
        except Exception as error:  # a template is a program of somebody else's: whatever it raises is its own failure
            raise errors.ConfigurationError(
                f"{self.name} failed on this conversation: {type(error).__name__}"
            ) from error


def tool_object(tool: toolspec.ToolSpec) -> dict[str, Any]:
    """A tool as chat completions spell it."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }


def message_object(message: messages.Message) -> dict[str, Any]:
    """A message as templates expect it: chat completions' shape, but arguments as an object."""
    match message:
        case messages.SystemMessage(content=content):
            return {"role": "system", "content": content}
        case messages.UserMessage(content=content):
            return {"role": "user", "content": content if isinstance(content, str) else _parts(content)}
        case messages.ToolMessage(tool_call_id=id, content=content, name=name):
            return {"role": "tool", "content": messages.content_text(content), "tool_call_id": id, "name": name}
        case messages.AssistantMessage():
            shown: dict[str, Any] = {"role": "assistant", "content": message.text}
            if message.reasoning:
                shown["reasoning_content"] = message.reasoning
            if message.tool_calls:
                shown["tool_calls"] = [_call_object(call) for call in message.tool_calls]
            return shown


def _call_object(call: messages.ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": arguments_object(call)}
    return {"id": call.id, "type": "function", "function": function}


def arguments_object(call: messages.ToolCall) -> dict[str, Any]:
    """The arguments as an object; {} where they are not one."""
    try:
        value = json.loads(call.arguments, strict=False)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _parts(content: Sequence[messages.ContentPart]) -> str | list[dict[str, Any]]:
    if all(isinstance(part, messages.TextPart) for part in content):
        return messages.content_text(tuple(content))
    return [
        {"type": "text", "text": part.text}
        if isinstance(part, messages.TextPart)
        else {"type": "image", "url": part.url}
        for part in content
        if isinstance(part, messages.TextPart | messages.ImagePart)
    ]


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> None:
    raise TemplateRefusedError(message)


class _Generation(Extension):
    """``{% generation %}…{% endgeneration %}`` marks the assistant's tokens for training; here it only writes them."""

    tags = {"generation"}  # noqa: RUF012  # jinja2's own declaration

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
