"""Random runs: any order of events that a run can give, for the properties of dialects."""

from __future__ import annotations

from hypothesis import strategies as st

from turnstream.events import (
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

_words = st.text(max_size=8)
_said: st.SearchStrategy[RunEvent] = st.one_of(
    _words.map(TextDelta),
    _words.map(TextDelta),
    _words.map(ReasoningDelta),
    _words.map(RefusalDelta),
    st.just(SourceFound(Source("1", "A page", "https://example.com/a"))),
)
_arguments = st.sampled_from(["{}", '{"a":1}', '{"text":"é\\n"}', "", '{"cut'])


def _written(draw: st.DrawFn, step: int, calls: tuple[ToolCall, ...], *, client: bool = False) -> list[RunEvent]:
    """The calls as the model writes them, in pieces. What stands between two of them stays where it is."""
    events: list[RunEvent] = []
    for index, call in enumerate(calls):
        events.append(ToolCallStarted(step, index, call.id, call.name, client))
        cut = draw(st.integers(0, len(call.arguments)))
        pieces = (call.arguments[:cut], call.arguments[cut:])
        events += [ToolCallArguments(call.id, piece) for piece in pieces if piece]
    return events


@st.composite
def _step(draw: st.DrawFn, number: int, last: bool) -> list[RunEvent]:
    events: list[RunEvent] = [StepStarted(number), *draw(st.lists(_said, max_size=6))]
    if draw(st.booleans()):
        events += [
            HostedToolCall(f"h{number}", "search", draw(_arguments)),
            HostedToolResult(f"h{number}", "search", "x"),
        ]
    if last:
        return events
    calls = tuple(ToolCall(f"c{number}_{n}", "look", draw(_arguments)) for n in range(draw(st.integers(1, 3))))
    results = tuple(
        ToolResult(number, call, ToolOutput(draw(_words), is_error=draw(st.booleans())), 0.1) for call in calls
    )
    if draw(st.booleans()):
        events += _written(draw, number, calls)
    events.append(ToolCallsDetected(number, calls))
    for result in draw(st.permutations(results)):
        if draw(st.booleans()):
            events.append(ToolProgress(result.tool_call.id, "look", "half", 0.5))
        events.append(result)
    events.append(ToolsExecuted(number, results))
    if draw(st.booleans()):
        events.append(MaxStepsReached(number))
    return events


@st.composite
def runs(draw: st.DrawFn) -> list[RunEvent]:
    """The events of one run, up to its terminal one, which may come early."""
    steps = draw(st.integers(1, 3))
    events: list[RunEvent] = [RunStarted("run1", "assistant")]
    for number in range(1, steps + 1):
        events += draw(_step(number, number == steps))
    ending = draw(st.sampled_from(["stop", "client", "failed", "cancelled"]))
    if ending == "client":
        calls = (ToolCall("mine", "ring", '{"loud":true}'), ToolCall("own", "ring", "{}"))
        written = _written(draw, steps, calls, client=True) if draw(st.booleans()) else []
        return [
            *events,
            *written,
            ClientToolCalls(steps, calls),
            RunFinished("tool_calls", Usage(), 1),
        ]
    if ending == "stop":
        return [*events, RunFinished("stop", Usage(3, 2), steps)]
    cut = draw(st.integers(1, len(events)))
    terminal = RunFailed("x", "It failed.", 502, Usage()) if ending == "failed" else RunCancelled(Usage())
    return [*events[:cut], terminal]


def batched(draw_cuts: list[int], events: list[RunEvent]) -> list[list[RunEvent]]:
    """The same events in batches of the given sizes, the rest at once."""
    batches: list[list[RunEvent]] = []
    at = 0
    for size in draw_cuts:
        batches.append(events[at : at + size])
        at += size
    return [*batches, events[at:]]
