"""Runs, as the events that a dialect is fed: the same stories for every dialect. A list is a batch."""

from __future__ import annotations

from typing import TypeAlias

from turnstream.events import (
    Ask,
    ClientToolCalls,
    HostedToolCall,
    HostedToolResult,
    MaxStepsReached,
    ReasoningDelta,
    RefusalDelta,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunFinished,
    RunStarted,
    RunWaiting,
    Source,
    SourceFound,
    StepStarted,
    TextDelta,
    ToolCall,
    ToolCallArguments,
    ToolCallsDetected,
    ToolCallStarted,
    ToolOutput,
    ToolProgress,
    ToolResult,
    ToolsExecuted,
    Usage,
)

Story: TypeAlias = list[list[RunEvent]]

USAGE = Usage(input=30, output=12, cached=8, reasoning=4)

WEATHER = ToolCall("call_1", "get_weather", '{"city":"Paris"}')
CLOCK = ToolCall("call_2", "get_time", '{"zone":"Europe/Paris"}')
CLIENTS = ToolCall("call_3", "open_window", '{"room":"kitchen"}')

SUNNY = ToolResult(1, WEATHER, ToolOutput("18 °C, sunny"), 0.25)
LATE = ToolResult(1, CLOCK, ToolOutput("the clock is broken", is_error=True), 0.125)

QUESTION = ToolCall("call_4", "ask_user", '{"question":"How warm?"}')
APPROVAL = Ask("call_1", "approval", code="K7QF-M3P2", expires_at=1_800_000_000.0)
ASKED = Ask("call_4", "question", "How warm\u202e?", {"type": "integer"}, code="W2XB-H4ZC", state={"own": 1})

START: list[RunEvent] = [RunStarted("run1", "assistant"), StepStarted(1)]


def text(*pieces: str) -> list[RunEvent]:
    return [TextDelta(piece) for piece in pieces]


def writes(call: ToolCall, *pieces: str, index: int = 0, client: bool = False) -> list[RunEvent]:
    """The model writes a call, in pieces."""
    arguments: list[RunEvent] = [ToolCallArguments(call.id, piece) for piece in pieces]
    return [ToolCallStarted(1, index, call.id, call.name, client), *arguments]


CUT = ToolCall("call_1", "get_weather", '{"city":', malformed="it was truncated by the output token limit")
CLIENT_CUT = ToolCall("call_3", "open_window", '{"room":', malformed=CUT.malformed)
CLIENT_NOT_RUN = ToolResult(1, CLIENT_CUT, ToolOutput("This call was not executed.", is_error=True), 0.0)
NOT_RUN = ToolResult(1, CUT, ToolOutput("This call was not executed.", is_error=True), 0.0)

STORIES: dict[str, Story] = {
    "text": [START, text("Hel", "lo"), text(" there."), [RunFinished("stop", USAGE, 1)]],
    "nothing": [START, [RunFinished("stop", Usage(), 1)]],
    "reasoning": [
        START,
        [ReasoningDelta("Let me "), ReasoningDelta("think.")],
        text("42"),
        [RunFinished("stop", USAGE, 1)],
    ],
    "waiting": [
        START,
        text("I must ask. "),
        writes(WEATHER, '{"city":', '"Paris"}'),
        [ToolCallsDetected(1, (WEATHER, CLOCK))],
        [LATE],
        [RunWaiting(1, (WEATHER, QUESTION), (APPROVAL, ASKED), USAGE)],
    ],
    "tool_round": [
        START,
        text("I look it up. "),
        [ToolCallsDetected(1, (WEATHER,))],
        [ToolProgress("call_1", "get_weather", "asking the station", 0.5)],
        [SUNNY],
        [ToolsExecuted(1, (SUNNY,)), StepStarted(2)],
        text("It is ", "sunny."),
        [RunFinished("stop", USAGE, 2)],
    ],
    "parallel_tools": [
        START,
        [ToolCallsDetected(1, (WEATHER, CLOCK))],
        [LATE],
        [SUNNY, ToolsExecuted(1, (SUNNY, LATE)), StepStarted(2)],
        text("Sunny, but who knows when."),
        [RunFinished("stop", USAGE, 2)],
    ],
    "client_tools": [
        START,
        text("Please open it."),
        [ClientToolCalls(1, (CLIENTS, ToolCall("call_4", "ring", "")))],
        [RunFinished("tool_calls", USAGE, 1)],
    ],
    "mixed_tools": [
        START,
        [ToolCallsDetected(1, (WEATHER,))],
        [SUNNY, ToolsExecuted(1, (SUNNY,)), ClientToolCalls(1, (CLIENTS,))],
        [RunFinished("tool_calls", USAGE, 1)],
    ],
    "written_tools": [
        START,
        text("I look it up. "),
        writes(WEATHER, '{"city"', ':"Paris"}'),
        writes(CLOCK, '{"zone":"Europe/Paris"}', index=1),
        [ToolCallsDetected(1, (WEATHER, CLOCK))],
        [SUNNY, LATE, ToolsExecuted(1, (SUNNY, LATE)), StepStarted(2)],
        text("It is sunny."),
        [RunFinished("stop", USAGE, 2)],
    ],
    "written_client_tools": [
        START,
        writes(WEATHER, WEATHER.arguments),
        writes(CLIENTS, '{"room":', '"kitchen"}', index=1, client=True),
        [ToolCallsDetected(1, (WEATHER,))],
        [SUNNY, ToolsExecuted(1, (SUNNY,)), ClientToolCalls(1, (CLIENTS,))],
        [RunFinished("tool_calls", USAGE, 1)],
    ],
    "written_and_malformed": [
        START,
        writes(CUT, CUT.arguments),
        writes(CLIENTS, '{"room":', index=1, client=True),
        [ToolCallsDetected(1, (CUT, CLIENT_CUT))],
        [NOT_RUN, CLIENT_NOT_RUN, ToolsExecuted(1, (NOT_RUN, CLIENT_NOT_RUN)), StepStarted(2)],
        text("Sorry."),
        [RunFinished("stop", USAGE, 2)],
    ],
    "written_and_failed": [
        START,
        writes(WEATHER, '{"city"'),
        [RunFailed("provider_error", "The model fell silent.", 502, USAGE)],
    ],
    "max_steps_answer": [
        START,
        [ToolCallsDetected(1, (WEATHER,))],
        [SUNNY, ToolsExecuted(1, (SUNNY,)), MaxStepsReached(1)],
        text("As far as I got: sunny."),
        [RunFinished("stop", USAGE, 2)],
    ],
    "max_steps_stop": [START, [MaxStepsReached(1), RunFinished("max_steps", USAGE, 1)]],
    "length": [START, text("And then"), [RunFinished("length", USAGE, 1)]],
    "refusal": [START, [RefusalDelta("I can not "), RefusalDelta("do that.")], [RunFinished("stop", USAGE, 1)]],
    "sources": [
        START,
        [SourceFound(Source("1", "A page", "https://example.org/a")), SourceFound(Source("2", "A note"))],
        text("It says so [1]."),
        [SourceFound(Source("3", "", "https://example.org/b"), "call_1"), RunFinished("stop", USAGE, 1)],
    ],
    "hosted_tools": [
        START,
        [HostedToolCall("ws_1", "web_search", '{"query":"x"}'), HostedToolResult("ws_1", "web_search", "found")],
        text("Found."),
        [RunFinished("stop", USAGE, 1)],
    ],
    "error_at_once": [START, [RunFailed("provider_error", "The model is not reachable.", 502, Usage())]],
    "error_midway": [START, text("Half an ans"), [RunFailed("provider_error", "The model fell silent.", 502, USAGE)]],
    "cancelled": [START, text("Half an ans"), [RunCancelled(USAGE)]],
}
