"""anthropic-python: ``.messages.stream()`` with its accumulator, ``.messages.create()``, and both of its beta."""

from __future__ import annotations

from typing import Any

import anthropic

from tests.clients.job import LOCAL_TIME, Call, Failure, Job, Outcome, Shown, local_time


def connection(job: Job) -> dict[str, Any]:
    root = job.base_url.removesuffix("/v1")
    return {"base_url": root, "api_key": job.api_key, "default_headers": job.headers, "max_retries": 0, "timeout": 30}


def question(job: Job, messages: list[dict[str, Any]]) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": job.model, "messages": messages, "max_tokens": 1000}
    if job.tools:
        name, description, schema = LOCAL_TIME["name"], LOCAL_TIME["description"], LOCAL_TIME["parameters"]
        asked["tools"] = [{"name": name, "description": description, "input_schema": schema}]
    if "beta" in job.client:
        asked["betas"] = ["mcp-client-2025-11-20"]
    return asked


async def run(job: Job) -> Outcome:
    """The client's name ends with ``stream`` or ``whole``, and says whether it is the beta client."""
    outcome = Outcome()
    messages: list[dict[str, Any]] = [{"role": "user", "content": job.prompt}]
    async with anthropic.AsyncAnthropic(**connection(job)) as client:
        resource: Any = client.beta.messages if "beta" in job.client else client.messages
        try:
            while True:
                message = await _ask(resource, job, question(job, messages))
                if message is None:
                    return outcome
                results = _take(message.to_dict(), outcome)
                if not results:
                    return outcome
                # What the client adds up is what it sends back.
                messages += [message.to_param(), {"role": "user", "content": results}]
        except anthropic.APIError as error:
            status = error.status_code if isinstance(error, anthropic.APIStatusError) else None
            outcome.error = Failure(str(error), status)
            return outcome


async def _ask(resource: Any, job: Job, asked: dict[str, Any]) -> Any:
    """The answer; None if the client went away."""
    if job.client.endswith("whole"):
        return await resource.create(**asked)
    async with resource.stream(**asked) as stream:
        async for event in stream:
            if job.leave and event.type == "text":
                return None
        return await stream.get_final_message()


def _take(message: dict[str, Any], outcome: Outcome) -> list[dict[str, Any]]:
    """Note what an answer holds; gives the results of the tools that it asks for."""
    blocks = message["content"]
    outcome.text = "".join(block["text"] for block in blocks if block["type"] == "text")
    outcome.reasoning = "".join(block["thinking"] for block in blocks if block["type"] == "thinking")
    outcome.role, outcome.finish = message["role"], message["stop_reason"]
    outcome.usage = (message["usage"]["input_tokens"], message["usage"]["output_tokens"])
    given = {
        block["tool_use_id"]: block["content"][0]["text"] for block in blocks if block["type"] == "mcp_tool_result"
    }
    outcome.shown += [
        Shown(block["name"], block["input"], given.get(block["id"]))
        for block in blocks
        if block["type"] == "mcp_tool_use"
    ]
    results = []
    for block in blocks:
        if block["type"] == "tool_use":
            outcome.calls.append(Call(block["name"], block["input"]))
            results.append({"type": "tool_result", "tool_use_id": block["id"], "content": local_time(**block["input"])})
    return results
