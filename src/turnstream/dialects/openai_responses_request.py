"""The body of an OpenAI Responses request as a `RunRequest`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from turnstream import asks, errors, messages, requests
from turnstream.api import responses as api
from turnstream.dialects import (
    body as bodies,
    incoming,
    openai_responses_input,
    openai_responses_items as items,
    openai_responses_tools as tools,
)

_OPENAI = ("service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "truncation")


def run_request(body: api.ResponsesRequest, headers: Mapping[str, str], declared: tools.Tools) -> requests.RunRequest:
    """Its messages are those of the request alone. Raises `RequestError`."""
    _refuse_unsupported(body)
    choice, offered = tools.choose(body.tool_choice, declared)
    given = openai_responses_input.read(body.input)
    answers = tuple(_answers(body.input))
    if not given and not answers and not body.previous_response_id:
        raise errors.RequestError("input: there must be at least one item.", param="input", code="invalid_value")
    instructions = (messages.SystemMessage(body.instructions),) if body.instructions else ()
    metadata = body.metadata or {}
    return incoming.mark_housekeeping(
        requests.RunRequest(
            messages=(*instructions, *given),
            agent=body.model or None,
            tools=offered.specs,
            options=_options(body, choice),
            thread_id=incoming.thread_id(
                headers, ("conversation", conversation(body)), ("metadata.thread_id", metadata.get("thread_id"))
            ),
            user=incoming.user(headers, ("user", body.user), ("safety_identifier", body.safety_identifier)),
            context=incoming.values(metadata),
            max_tool_calls=incoming.read_integer(body.max_tool_calls, "max_tool_calls"),
            notes=declared.notes,
            keep=requests.Keep(background=True) if body.background else None,
            answers=answers,
        )
    )


def _answers(given: str | list[api.InputItem]) -> Iterator[asks.Answer]:
    for at, item in enumerate(() if isinstance(given, str) else given):
        if item.type != "mcp_approval_response":
            continue
        if item.approval_request_id is None or item.approve is None:
            text = f"input[{at}]: needs 'approval_request_id' and 'approve'."
            raise errors.RequestError(text, param=f"input[{at}]", code="missing_field")
        code = item.approval_request_id.removeprefix(items.APPROVAL)
        yield asks.Answer(code, "accept" if item.approve else "decline", reason=item.reason or "")


def conversation(body: api.ResponsesRequest) -> str | None:
    """The id of the conversation that the server keeps."""
    given = body.conversation.get("id") if isinstance(body.conversation, dict) else body.conversation
    return incoming.name(given, "conversation")


def _refuse_unsupported(body: api.ResponsesRequest) -> None:
    """What would not be as asked is refused by name, never ignored."""
    unsupported = {
        "prompt": body.prompt,
        "top_logprobs": body.top_logprobs,
        "include": [each for each in body.include or () if each.endswith(".logprobs")],
    }
    for name, value in unsupported.items():
        if value:
            raise errors.RequestError(f"{name}: is not supported.", param=name, code="unsupported_parameter")
    if body.background and body.store is False:
        text = "background: needs 'store', for the answer is fetched later."
        raise errors.RequestError(text, param="background", code="invalid_value")
    if body.truncation not in (None, "auto", "disabled"):
        text = "truncation: must be 'auto' or 'disabled'."
        raise errors.RequestError(text, param="truncation", code="invalid_value")


def _options(body: api.ResponsesRequest, choice: str | dict[str, Any] | None) -> requests.ModelOptions:
    effort = (body.reasoning or {}).get("effort")
    openai = {name: value for name in _OPENAI if (value := getattr(body, name)) is not None}
    if isinstance(verbosity := (body.text or {}).get("verbosity"), str):
        openai["verbosity"] = verbosity
    return requests.ModelOptions(
        temperature=body.temperature,
        top_p=body.top_p,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        max_completion_tokens=incoming.read_integer(body.max_output_tokens, "max_output_tokens", 1),
        response_format=_format((body.text or {}).get("format")),
        reasoning_effort=effort if isinstance(effort, str) and effort else None,
        tool_choice=choice,
        parallel_tool_calls=body.parallel_tool_calls,
        openai=openai or None,
    )


def _format(format: Any) -> dict[str, Any] | None:
    """``text.format`` as chat completions' ``response_format``, which has the schema one level further down."""
    if not isinstance(format, dict) or format.get("type") in (None, "text"):
        return None
    bodies.check_depth(format, "text.format")
    if format["type"] != "json_schema":
        return {"type": format["type"]}
    inner = {key: value for key, value in format.items() if key != "type"}
    return {"type": "json_schema", "json_schema": inner}
