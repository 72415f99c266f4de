"""What only the model should hear of a tool's failure is in no dialect's bytes."""

from __future__ import annotations

import pytest

from turnstream.dialects import ag_ui, anthropic_messages, openai_chat, orchestrate, vercel
from turnstream.dialects.base import Encoder
from turnstream.dialects.statuses import StatusMode
from turnstream.events import (
    RunEvent,
    RunStarted,
    StepStarted,
    ToolCall,
    ToolCallsDetected,
    ToolOutput,
    ToolResult,
    ToolsExecuted,
)


def chat(statuses: StatusMode) -> Encoder:
    return openai_chat.Encoder("run1", 1, "assistant", thread_id=None, statuses=statuses, usage=False)


ENCODERS: dict[str, Encoder] = {
    "openai_chat": chat("extension"),
    "openai_chat, metadata": chat("metadata"),
    "orchestrate": orchestrate.Encoder("run1", 1, "assistant", "t"),
    "ag_ui": ag_ui.Encoder("t", "run1"),
    "vercel": vercel.Encoder("m"),
    "anthropic_messages": anthropic_messages.Encoder("msg_1", "assistant", shows_tools=True),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_clients_see_what_is_shown_and_not_the_content(name: str) -> None:
    encoder = ENCODERS[name]
    call = ToolCall("c1", "find", "{}")
    result = ToolResult(1, call, ToolOutput("failed: password hunter2", is_error=True, shown="It failed so."), 0.1)
    steps: list[RunEvent] = [RunStarted("run1", "assistant"), StepStarted(1), ToolCallsDetected(1, (call,)), result]
    written = encoder.feed([*steps, ToolsExecuted(1, (result,))])
    assert b"hunter2" not in written
    assert b"It failed so." in written
