"""Run it with pytest: the model follows a script, the MCP server is the real one."""

import asyncio
from pathlib import Path

from turnstream import RunEvent, TextDelta
from turnstream.config import load
from turnstream.testing import ScriptedModel, call


def test_the_agent_keeps_a_note() -> None:
    agent = load(Path(__file__).parent / "agent.yaml").agents["assistant"]
    agent.model = model = ScriptedModel([call("notes_add_note", {"text": "milk"}), "Done."])

    async def ask() -> list[RunEvent]:
        async with agent, agent.run("Remember the milk.") as run:
            return [event async for event in run]

    events = asyncio.run(ask())
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Done."
    assert "note 1 is kept" in str(model.requests[1].messages)
