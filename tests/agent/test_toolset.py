from __future__ import annotations

from collections.abc import Sequence

import pytest

from turnstream.agent.toolset import Toolset
from turnstream.messages import ToolCall
from turnstream.requests import RunContext
from turnstream.toolspec import ToolOutput, ToolSpec


class Box:
    def __init__(self, name: str) -> None:
        self.name = name

    async def tools(self, context: RunContext) -> Sequence[ToolSpec]:
        return [ToolSpec("search")]

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        return ToolOutput(self.name)

    def __repr__(self) -> str:
        return self.name


async def test_of_two_tools_with_one_name_the_first_counts_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tools = await Toolset.of([Box("first"), Box("second")], RunContext(), None)
    assert (await tools.call(ToolCall("1", "search", "{}"), RunContext())).content == "first"
    assert "the tool search of second is hidden" in caplog.text
