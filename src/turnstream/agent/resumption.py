"""What becomes of the calls of a step that another owner of the run has left without a result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec
from msgspec import Struct

from turnstream import conversation, events, messages, requests, toolspec
from turnstream.agent.toolset import Toolset

log = logging.getLogger(__name__)


class Resumption(Struct):
    """``calls`` are those of the step, as they are to be made. ``results`` are new: of calls that are not made (again).
    ``known`` has these and the ones that the log has. ``asks`` are for calls about which a person must say something.
    """

    calls: Sequence[messages.ToolCall]
    known: Mapping[str, events.ToolResult]
    results: Sequence[events.ToolResult]
    asks: Sequence[events.Ask]

    @classmethod
    async def of(
        cls,
        progress: conversation.Progress,
        toolset: Toolset,
        context: requests.RunContext,
        limit: AbstractContextManager[object],
        exact: bool,
    ) -> Resumption:
        """``exact`` is False behind a guard: then the log has arguments as they were shown, and no tool may be called
        with those. ``limit`` bounds what is waited for."""
        calls = [_edit(call, progress.decisions.get(call.id)) for call in progress.calls]
        left = [call for call in calls if call.id not in progress.results]
        with limit:
            found = await asyncio.gather(*(_decide(call, progress, toolset, context, exact) for call in left))
        results = [each for each in found if isinstance(each, events.ToolResult)]
        known = {**progress.results, **{result.tool_call.id: result for result in results}}
        return cls(calls, known, results, [each for each in found if isinstance(each, events.Ask)])


def _edit(call: messages.ToolCall, decision: events.Decision | None) -> messages.ToolCall:
    if decision is None or decision.arguments is None:
        return call
    return msgspec.structs.replace(call, arguments=decision.arguments, malformed=None)


async def _decide(
    call: messages.ToolCall,
    progress: conversation.Progress,
    toolset: Toolset,
    context: requests.RunContext,
    exact: bool,
) -> events.ToolResult | events.Ask | None:
    """None: the call is made."""
    step, decision = progress.steps, progress.decisions.get(call.id)
    if (reply := progress.replies.get(call.id)) is not None:
        return events.ToolResult(step, call, toolspec.ToolOutput(reply.content, reply.is_error), 0.0)
    if decision is not None and decision.action != "call":
        return _tell_denied(step, call, decision)
    if call.id in progress.begun:
        return await _decide_begun(step, call, toolset, context)
    return None if exact or call.id in progress.decisions else _tell_not_made(step, call)


async def _decide_begun(
    step: int, call: messages.ToolCall, toolset: Toolset, context: requests.RunContext
) -> events.ToolResult | events.Ask | None:
    """The call must not happen twice, and its owner ended before it told of a result. Where somebody has said so of
    this very tool, whoever knows is asked: the tool's own check, or else a person. Other tools are only of a kind that
    may do harm: the model is told."""
    if (verify := toolset.verifier(call.name)) is not None:
        try:
            output = await verify(call, msgspec.structs.replace(context, tool_call_id=call.id))
            return None if output is None else events.ToolResult(step, call, output, 0.0)
        except Exception:  # the boundary to code that is not ours: then nobody knows
            log.exception("the outcome of tool %s in run %s could not be verified", call.name, context.run_id)
    if not toolset.declares(call.name):
        return _tell_unknown(step, call)
    text = f"The server stopped in the middle of a call of {call.name}. Did it have its effect?"
    return events.Ask(call.id, "outcome", text)


def _tell_denied(step: int, call: messages.ToolCall, decision: events.Decision) -> events.ToolResult:
    verdict = "was denied" if decision.action == "deny" else "was not answered"
    reason = f": {decision.reason}" if decision.reason else "."
    return _error(step, call, f"The call of {call.name} {verdict}{reason}")


def _tell_unknown(step: int, call: messages.ToolCall) -> events.ToolResult:
    """For a call that was begun by a process that ended before it told of a result, and must not be made twice."""
    text = (
        f"It is not known whether the call of {call.name} had its effect: the server stopped in the middle of it. "
        "It was not repeated. Check the outcome before calling it again."
    )
    return _error(step, call, text)


def _tell_not_made(step: int, call: messages.ToolCall) -> events.ToolResult:
    """For a call that nobody has made, and whose arguments nobody has any longer as the model wrote them."""
    text = f"The call of {call.name} was not made: the server stopped before it. Call it again, with all its arguments."
    return _error(step, call, text)


def _error(step: int, call: messages.ToolCall, text: str) -> events.ToolResult:
    return events.ToolResult(step, call, toolspec.ToolOutput(text, is_error=True), 0.0)
