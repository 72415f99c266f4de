"""A new format of tool calls is one row: a model that is configured with it runs its calls, and so does ``auto``."""

from __future__ import annotations

import json
from typing import cast

import pytest

from tests.agent.scripted import Box, Scripted, echo, says
from turnstream import Agent
from turnstream.config import models
from turnstream.events import TextDelta, ToolResult
from turnstream.parsing import text_calls
from turnstream.parsing.text_calls import families, regions

ROW = text_calls.Format("added", {"<<call>>": regions.Region(("<<end>>",))})
TEXT = 'Let me look. <<call>>{"name": "echo", "arguments": {"a": 1}}<<end>>'


@pytest.fixture(params=["added", "auto"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The table has the new row; the name to read it by."""
    rows = [row for row in text_calls.FORMATS.values() if row.name != "auto"]
    table = cast("dict[str, text_calls.Format]", text_calls.FORMATS)
    monkeypatch.setitem(table, "added", ROW)
    monkeypatch.setitem(table, "auto", families.auto((*rows, ROW)))
    return str(request.param)


async def test_a_call_in_a_new_format_is_run(name: str) -> None:
    how = models.TextCallsSection(format=name)
    agent = Agent(models.read_text_calls(Scripted(says(TEXT), says("Done.")), how), [Box(echo=echo)])
    async with agent.run("hi") as run:
        events = [event async for event in run]
    assert [event.output.content for event in events if isinstance(event, ToolResult)] == ['{"a": 1}']
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Let me look.Done."


def test_a_call_in_a_new_format_is_read_however_it_is_cut(name: str) -> None:
    whole = text_calls.parse(TEXT, name)
    assert [(call.name, json.loads(call.arguments)) for call in whole.tool_calls] == [("echo", {"a": 1})]
    assert [text_calls.parse(TEXT, name, cut=size) for size in range(1, 9)] == [whole] * 8
