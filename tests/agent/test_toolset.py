from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.agent.scripted import Scripted, says
from turnstream.agent import Agent
from turnstream.agent.toolset import Toolset
from turnstream.events import RunStarted, StepStarted
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


class Fixed(Box):
    specs = (ToolSpec("search"),)


def test_tools_that_are_the_same_for_every_run_are_one_set_unless_there_is_something_to_tell() -> None:
    assert Agent(Scripted(), [Fixed("first")]).toolset is not None
    assert Agent(Scripted(), [Box("asked")]).toolset is None
    assert Agent(Scripted(), [Fixed("first"), Fixed("second")]).toolset is None
    agent = Agent(Scripted(), [Fixed("first")])
    assert agent.toolset is agent.toolset
    agent.toolboxes = (Box("asked"),)
    assert agent.toolset is None


@pytest.mark.parametrize(("box", "first"), [(Fixed("known"), 2), (Box("asked"), 1)])
async def test_a_run_is_begun_with_its_first_step_unless_a_toolbox_is_asked_between(box: Box, first: int) -> None:
    async with Agent(Scripted(says("hello")), [box]).run("hi") as run:
        batches = [batch async for batch in run.batches()]
    assert len(batches[0]) == first
    assert [type(event) for batch in batches for event in batch][:2] == [RunStarted, StepStarted]
