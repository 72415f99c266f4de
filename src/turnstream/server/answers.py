"""What somebody answers to a run that waits: results and decisions, checked against what is asked."""

from __future__ import annotations

import msgspec

from turnstream import errors, events, messages
from turnstream.api import runs as api


def read(body: api.AnswerBody, ending: object, *, by: str) -> events.RunAnswered:
    """``ending`` is what the run waits for. Calls about which something is asked may be answered one by one; the
    results of the client's own tools are given all at once. Raises `RequestError`."""
    if not isinstance(ending, events.RunWaiting):
        raise errors.RequestError("The run does not wait for anything.", code="run_not_waiting", status=409)
    calls = {call.id: call for call in ending.tool_calls}
    asks = {ask.tool_call_id: ask for ask in ending.asks}
    results = {result.tool_call_id: result for result in body.results}
    decisions = {decision.tool_call_id: decision for decision in body.decisions}
    for id in (*results, *decisions):
        if id not in calls:
            raise _refuse("results" if id in results else "decisions", id, "is not waited for")
    for id in results.keys() & decisions.keys():
        raise _refuse("decisions", id, "has a result too")
    if missing := [id for id in calls if id not in results and id not in decisions and id not in asks]:
        raise _refuse("results", missing[0], "has no result")
    for id in decisions.keys() - asks.keys():
        raise _refuse("decisions", id, "is the client's own: give its result")
    for id in (id for id in results if id in asks and asks[id].kind == "approval"):
        raise _refuse("results", id, "waits for a decision")
    if not results and not decisions:
        raise errors.RequestError("results: nothing is answered.", param="results", code="invalid_value")
    return events.RunAnswered(
        tuple(_message(calls[id], results[id]) for id in calls if id in results),
        tuple(_decision(decisions[id], by) for id in calls if id in decisions),
    )


def _refuse(param: str, id: str, reason: str) -> errors.RequestError:
    return errors.RequestError(f"{param}: the call '{id[:100]}' {reason}.", param=param, code="invalid_value")


def _message(call: messages.ToolCall, result: api.ToolResult) -> messages.ToolMessage:
    output = result.output if isinstance(result.output, str) else msgspec.json.encode(result.output).decode()
    return messages.ToolMessage(call.id, output, call.name, result.is_error)


def _decision(decision: api.Decision, by: str) -> events.Decision:
    given = decision.arguments
    arguments = given if given is None or isinstance(given, str) else msgspec.json.encode(given).decode()
    if isinstance(arguments, str):
        try:
            msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise _refuse("decisions", decision.tool_call_id, "has arguments that are not a JSON object") from error
    return events.Decision(decision.tool_call_id, decision.action, decision.reason, arguments, by)
