"""What somebody answers to a run that waits: results and decisions, checked against what is asked."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from turnstream import asks, errors, events, jsontext, messages
from turnstream.api import runs as api
from turnstream.dialects import body as bodies
from turnstream.tools import schema_check


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
            raise _refuse("results" if id in results else "decisions", id, "is not one that the run waits for")
    for id in results.keys() & decisions.keys():
        raise _refuse("decisions", id, "has both a result and a decision")
    if missing := [id for id in calls if id not in results and id not in decisions and id not in asks]:
        raise _refuse("results", missing[0], "has no result")
    for id in decisions.keys() - asks.keys():
        raise _refuse("decisions", id, "is the client's own: give its result")
    for id in (id for id in results if id in asks and asks[id].kind in ("approval", "review")):
        raise _refuse("results", id, "waits for a decision")
    for id, given in decisions.items():
        if asks[id].kind == "review" and given.arguments is not None:
            raise _refuse("decisions", id, "has no arguments that could be changed")
    if not results and not decisions:
        raise errors.RequestError("results: give a result or a decision.", param="results", code="invalid_value")
    return events.RunAnswered(
        tuple(_message(calls[id], results[id]) for id in calls if id in results),
        tuple(_decision(decisions[id], by) for id in calls if id in decisions),
    )


def decide(ask: asks.Ask, call: messages.ToolCall, answer: asks.Answer, by: str) -> events.RunAnswered:
    """What an answer to one question comes to. Raises `RequestError` for one that does not fit the question, which then
    stays open."""
    if ask.kind == "question":
        return _reply(ask, call, answer, by)
    if answer.action != "accept":
        return events.RunAnswered((), (events.Decision(call.id, "deny", answer.reason, by=by, code=ask.code),))
    if ask.kind == "review" and (answer.value is not None or answer.text):
        message = "The arguments cannot be changed here: answer yes or no. Nothing was done."
        raise errors.RequestError(message, param="arguments", code="invalid_value")
    arguments = _edit(answer)
    return events.RunAnswered((), (events.Decision(call.id, "call", "", arguments, by, code=ask.code),))


def _edit(answer: asks.Answer) -> str | None:
    """Other arguments for the call, if they are given."""
    if answer.value is not None:
        text = jsontext.encode(answer.value).decode()
    elif not (text := answer.text):
        return None
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        message = "What stands behind the code must be a JSON object: the arguments. Nothing was done."
        raise errors.RequestError(message, param="arguments", code="invalid_value")
    return jsontext.encode(value).decode()


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)


def _reply(ask: asks.Ask, call: messages.ToolCall, answer: asks.Answer, by: str) -> events.RunAnswered:
    """To a question. Whoever has given it a state gets the answer back with that; else the answer is the result."""
    value = _value(ask, answer) if answer.action == "accept" and ask.url is None else None
    if ask.state is not None:
        said = {"action": answer.action, "content": value}
        return events.RunAnswered((), (events.Decision(call.id, "call", by=by, value=said, code=ask.code),))
    if answer.action != "accept":
        text = f"The user did not answer{f': {answer.reason}' if answer.reason else '.'}"
        return events.RunAnswered((messages.ToolMessage(call.id, text, call.name, is_error=True),))
    text = value if isinstance(value, str) else jsontext.encode(value).decode()
    return events.RunAnswered((messages.ToolMessage(call.id, text, call.name),))


def _value(ask: asks.Ask, answer: asks.Answer) -> Any:
    value = answer.value
    if value is None:
        field = asks.text_field(ask.schema)
        value = _parse(answer.text)
        if field is not None and not (field and isinstance(value, dict)):
            value = {field: answer.text} if field else answer.text
    if ask.schema and (problem := schema_problem(value, ask.schema)):
        message = f"The answer does not fit: {problem}. The question stays open."
        raise errors.RequestError(message, param="value", code="invalid_value")
    return value


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def schema_problem(value: Any, schema: dict[str, Any]) -> str | None:
    """Why the value does not fit, in one sentence; a schema that is none itself asks for nothing."""
    from jsonschema.exceptions import best_match

    try:
        found = best_match(schema_check.find_errors(schema_check.validator(schema), value))
    except Exception:  # the schema comes from outside
        return None
    if found is None:
        return None
    where = "".join(f"[{each!r}]" for each in found.absolute_path)
    return f"{where + ': ' if where else ''}{found.message[:300]}"


def _refuse(param: str, id: str, reason: str) -> errors.RequestError:
    return errors.RequestError(f"{param}: the call '{id[:100]}' {reason}.", param=param, code="invalid_value")


def _message(call: messages.ToolCall, result: api.ToolResult) -> messages.ToolMessage:
    output = bodies.check_depth(result.output, "output")
    output = output if isinstance(output, str) else msgspec.json.encode(output).decode()
    return messages.ToolMessage(call.id, output, call.name, result.is_error)


def _decision(decision: api.Decision, by: str) -> events.Decision:
    given = bodies.check_depth(decision.arguments, "decisions.arguments")
    arguments = given if given is None or isinstance(given, str) else msgspec.json.encode(given).decode()
    if isinstance(arguments, str):
        try:
            jsontext.decode(arguments, dict[str, msgspec.Raw])
        except ValueError as error:
            raise _refuse("decisions", decision.tool_call_id, "has arguments that are not a JSON object") from error
    return events.Decision(decision.tool_call_id, decision.action, decision.reason, arguments, by)
