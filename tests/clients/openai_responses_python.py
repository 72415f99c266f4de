"""openai-python over the Responses API: the raw stream, the ``.stream()`` helper, and the whole answer."""

from __future__ import annotations

import json
from typing import Any

import openai

from tests.clients.job import LOCAL_TIME, Call, Failure, Job, Outcome, Shown, local_time
from tests.clients.openai_python import connection


async def run(job: Job) -> Outcome:
    """The client's name ends with ``raw``, ``stream`` or ``whole``. A second question names the answer before it."""
    outcome = Outcome()
    asked: dict[str, Any] = {"model": job.model, "input": job.prompt}
    if job.tools:
        asked["tools"] = [{"type": "function", **LOCAL_TIME}]
    async with openai.AsyncOpenAI(**connection(job)) as client:
        try:
            while True:
                response = await _ask(client, job, asked)
                if response is None:
                    return outcome
                results = _take(response.to_dict(), outcome)
                if not results:
                    return outcome
                asked |= {"input": results, "previous_response_id": response.id}
        except openai.APIError as error:
            status = error.status_code if isinstance(error, openai.APIStatusError) else None
            outcome.error = Failure(str(error), status)
            return outcome


async def _ask(client: openai.AsyncOpenAI, job: Job, asked: dict[str, Any]) -> Any:
    """The response; None if the client went away."""
    if job.client.endswith("whole"):
        return await client.responses.create(**asked)
    if job.client.endswith("raw"):
        return await _follow(job, await client.responses.create(stream=True, **asked))
    async with client.responses.stream(**asked) as stream:
        return await _follow(job, stream)


async def _follow(job: Job, stream: Any) -> Any:
    """The response of the terminal event, if the deltas add up to its text and the numbers are dense."""
    text, number = "", 0
    async for event in stream:
        assert event.sequence_number == number
        number += 1
        if event.type == "response.output_text.delta":
            text += event.delta
            if job.leave:
                await stream.close()
                return None
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            assert event.type == "response.failed" or event.response.output_text == text
            return event.response
    raise AssertionError("the stream ended without a terminal event")


def _take(response: dict[str, Any], outcome: Outcome) -> list[dict[str, Any]]:
    """Note what a response holds; gives the results of the tools that it asks for."""
    items = response["output"]
    outcome.text = _texts(items, "message", "content")
    outcome.reasoning = _texts(items, "reasoning", "summary")
    outcome.finish = response["status"]
    if usage := response["usage"]:
        outcome.usage = (usage["input_tokens"], usage["output_tokens"])
    if response["error"]:
        outcome.error = Failure(response["error"]["message"])
    outcome.shown += [
        Shown(item["name"], json.loads(item["arguments"]), item["output"])
        for item in items
        if item["type"] == "mcp_call"
    ]
    results = []
    for item in items:
        if item["type"] == "function_call":
            arguments = json.loads(item["arguments"])
            outcome.calls.append(Call(item["name"], arguments))
            output = local_time(**arguments)
            results.append({"type": "function_call_output", "call_id": item["call_id"], "output": output})
    return results


def _texts(items: list[dict[str, Any]], type: str, member: str) -> str:
    return "".join(part["text"] for item in items if item["type"] == type for part in item[member])
