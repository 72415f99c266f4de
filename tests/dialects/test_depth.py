"""JSON that is nested deeper than a program likes, at every place of a request: it is refused, or taken as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dialects.wires import WIRES
from turnstream.dialects import DIALECTS, base
from turnstream.errors import RequestError
from turnstream.events import RunEvent, RunFinished, TextDelta, Usage
from turnstream.storage import codec

_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": {}}}
_CHAT = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": "y", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "c", "content": {"r": 1}},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
    "tool_choice": {},
    "metadata": {"a": {}},
    "context": {"a": {}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    "logit_bias": {},
    "reasoning": {},
    "unknown": 1,
}
_MESSAGES = {
    "model": "a",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "x"}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "odd", "x": 1}]}],
        },
    ],
    "tools": [{"name": "f", "input_schema": {}}],
    "output_config": {"format": {"type": "json_schema", "schema": {}}},
}
_RESPONSES = {
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": {}},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "odd", "a": 1}]},
        {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": {}},
        {"type": "local_shell_call", "call_id": "e", "action": {}},
        {"type": "mcp_call", "id": "m", "name": "h", "arguments": "{}", "output": {}, "error": {}},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {}}],
    "metadata": {"a": {}},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
    "reasoning": {"effort": "high"},
}
_AG_UI = {
    "threadId": "t",
    "runId": "r",
    "state": {},
    "messages": [
        {"id": "1", "role": "user", "content": "x"},
        {"id": "2", "role": "assistant", "content": "y", "toolCalls": [_CALL]},
        {"id": "3", "role": "tool", "toolCallId": "c", "content": {}},
    ],
    "tools": [{"name": "f", "description": "d", "parameters": {}}],
    "context": [{"description": "d", "value": {}}],
    "forwardedProps": {"toolChoice": {}},
}
_TOOL = {"type": "dynamic-tool", "toolName": "f", "toolCallId": "c", "state": "output-available"}
_VERCEL = {
    "id": "t",
    "messages": [
        {"id": "1", "role": "user", "parts": [{"type": "text", "text": "x"}], "metadata": {}},
        {"id": "2", "role": "assistant", "parts": [{**_TOOL, "input": {}, "output": {}}]},
        {
            "id": "3",
            "role": "assistant",
            "content": "x",
            "toolInvocations": [{"state": "result", "toolCallId": "q", "toolName": "f", "args": {}, "result": {}}],
        },
        {"id": "4", "role": "user", "parts": [{"type": "text", "text": "x"}]},
    ],
    "tools": {"f": {"description": "d", "parameters": {}}},
}
_A2A = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "message/stream",
    "params": {
        "message": {"messageId": "m", "role": "user", "parts": [{"kind": "data", "data": {}}], "metadata": {"a": 1}},
        "configuration": {},
    },
}
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": _CHAT,
    "orchestrate": _CHAT,
    "anthropic_messages": _MESSAGES,
    "openai_responses": _RESPONSES,
    "ag_ui": _AG_UI,
    "vercel": _VERCEL,
    "a2a": _A2A,
}
TEXT: list[RunEvent] = [TextDelta("x"), RunFinished("stop", Usage(), 1)]


def holes(value: Any) -> Iterator[str]:
    """The JSON of the value with ``@`` for each part of it in turn."""
    yield "@"
    if isinstance(value, dict):
        for key in value:
            for hole in holes(value[key]):
                yield json.dumps({**value, key: "@"}).replace('"@"', hole)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            for hole in holes(inner):
                yield json.dumps([*value[:at], "@", *value[at + 1 :]]).replace('"@"', hole)


def nested(depth: int, opening: str, closing: str) -> str:
    return opening * depth + "1" + closing * depth


DEEP = [nested(depth, *pair) for depth in (150, 990, 5000) for pair in (("[", "]"), ('{"a":', "}"))]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_deep_json_is_refused_or_taken_wherever_it_stands(wire: Any) -> None:
    dialect = next(dialect for dialect in DIALECTS if dialect.name == wire.name)()
    for hole in holes(BODIES[wire.name]):
        for deep in (*DEEP, *map(json.dumps, DEEP)):
            body = hole.replace("@", deep).encode()
            request = base.ClientRequest(body, "run1", 0.0, {}, {"agent": "a"}, agents={"a": ""}, path=wire.path)
            try:
                decoded = dialect.decode(request)
            except RequestError as error:
                assert error.status == 400  # noqa: PT017  most are taken, and no error is asked for
                continue
            if base.is_exchange(decoded):
                for message in decoded.request.messages:
                    codec.encode_message(message)
                decoded.reply("a", TEXT)
