"""What a run's statuses say to a client: one table for every dialect that shows them. See docs/statuses.md."""

from __future__ import annotations

from typing import Any, Literal

from turnstream import errors, events, messages
from turnstream.dialects.base import ClientRequest

StatusEvent = events.StepStarted | events.ToolCallsDetected | events.ToolsExecuted | events.MaxStepsReached

StatusMode = Literal["extension", "metadata", "off"]

HEADER = "x-agent-status"
STOPPED = "The agent reached its limit of steps."  # where clients take an answer without a word for a failure
FILTERED = "A content filter ended the answer."  # where the protocol has no word of its own for that
EXCERPT = 500  # characters of a tool result that a status shows


def mode(request: ClientRequest) -> StatusMode:
    """What the header asks for, else the server's default."""
    chosen = request.headers.get(HEADER, "").strip().lower() or request.statuses
    match chosen:
        case "extension" | "metadata" | "off":
            return chosen
        case _:
            message = "X-Agent-Status: must be 'extension', 'metadata' or 'off'."
            raise errors.RequestError(message, param="X-Agent-Status", code="invalid_value")


def are_wanted(request: ClientRequest) -> bool:
    """For protocols that have one form of them."""
    return mode(request) != "off"


def status(event: StatusEvent) -> tuple[str, dict[str, Any]]:
    """The status word and its details."""
    match event:
        case events.StepStarted(step=step):
            return "starting_generation" if step == 1 else "continuing_generation", {"step": step}
        case events.ToolCallsDetected(step=step, tool_calls=calls):
            return "tool_call_detected", {"step": step, "tool_calls": [call_details(call) for call in calls]}
        case events.ToolsExecuted(step=step, results=results):
            return "tools_executed", {"step": step, "results": [result_details(result) for result in results]}
        case events.MaxStepsReached(step=step):
            return "max_depth_reached", {"step": step}


def member(event: StatusEvent) -> dict[str, Any]:
    """Both, as the extension member of chat completions that shows them."""
    word, details = status(event)
    return {"agent": {"status": word, "details": details}}


def add_indexes(details: dict[str, Any]) -> dict[str, Any]:
    """With an index in each member of a list: openai-python's helper, which adds up deltas, fails on one without."""
    return {
        name: [{"index": index, **item} for index, item in enumerate(value)] if isinstance(value, list) else value
        for name, value in details.items()
    }


def call_details(call: messages.ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def result_details(result: events.ToolResult) -> dict[str, Any]:
    """``duration`` is in seconds; ``excerpt`` holds at most `EXCERPT` characters of the text."""
    return {
        "id": result.tool_call.id,
        "name": result.tool_call.name,
        "ok": result.ok,
        "duration": round(result.duration, 3),
        "excerpt": excerpt(result.output.shown_text),
    }


def excerpt(text: str) -> str:
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def description(event: StatusEvent) -> str:
    """One line for a person."""
    match event:
        case events.StepStarted(step=1):
            return "Thinking"
        case events.StepStarted():
            return "Continuing with the results"
        case events.ToolCallsDetected(tool_calls=calls):
            return "Running " + _names([call.name for call in calls])
        case events.ToolsExecuted(results=results):
            failed = [result.tool_call.name for result in results if not result.ok]
            ran = "Ran " + _names([result.tool_call.name for result in results])
            return f"{ran}; failed: {_names(failed)}" if failed else ran
        case events.MaxStepsReached():
            return "Reached the limit of steps"


def _names(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names))
