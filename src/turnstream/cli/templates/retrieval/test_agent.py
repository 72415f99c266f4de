"""Run it with pytest, after `turnstream index docs`: the model follows a script, the search is the real one."""

import asyncio
from pathlib import Path

from turnstream import RunEvent, TextDelta
from turnstream.config import load
from turnstream.testing import ScriptedModel, call


def test_the_agent_searches_the_handbook() -> None:
    agent = load(Path(__file__).parent / "agent.yaml").agents["assistant"]
    agent.model = model = ScriptedModel([call("search_documents", {"query": "holidays"}), "30 days."])

    async def ask() -> list[RunEvent]:
        async with agent, agent.run("How many days of holidays do I have?") as run:
            return [event async for event in run]

    events = asyncio.run(ask())
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "30 days."
    assert "30 days of holidays" in str(model.requests[1].messages)
