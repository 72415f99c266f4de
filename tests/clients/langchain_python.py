"""langchain-openai: ``ChatOpenAI.astream`` with bound tools."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import httpx
import openai
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

from tests.clients.job import LOCAL_TIME, Call, Failure, Job, Outcome, local_time


def model(job: Job, client: httpx.AsyncClient) -> Any:
    chat = ChatOpenAI(
        model=job.model,
        base_url=job.base_url,
        api_key=lambda: job.api_key,
        default_headers=job.headers,
        stream_usage=job.usage,
        http_async_client=client,  # its own would outlive the test
        max_retries=0,
        timeout=30,
    )
    return chat.bind_tools([{"type": "function", "function": LOCAL_TIME}]) if job.tools else chat


async def run(job: Job) -> Outcome:
    async with httpx.AsyncClient() as client:
        return await converse(job, model(job, client))


async def converse(job: Job, chat: Any) -> Outcome:
    outcome = Outcome()
    messages: list[BaseMessage] = [HumanMessage(job.prompt)]
    try:
        while True:
            whole: Any = None
            async with aclosing(chat.astream(messages)) as stream:
                async for chunk in stream:
                    if not isinstance(chunk, AIMessageChunk):
                        outcome.problems.append(f"a {type(chunk).__name__}")
                    whole = chunk if whole is None else whole + chunk
                    if job.leave and chunk.text:
                        return outcome
            messages.append(whole)
            if not whole.tool_calls:
                return finish(outcome, whole)
            for call in whole.tool_calls:
                outcome.calls.append(Call(call["name"], call["args"]))
                messages.append(ToolMessage(local_time(**call["args"]), tool_call_id=call["id"]))
    except openai.OpenAIError as error:
        outcome.error = Failure(str(error), error.status_code if isinstance(error, openai.APIStatusError) else None)
    return outcome


def finish(outcome: Outcome, message: AIMessageChunk) -> Outcome:
    outcome.text = message.text
    outcome.finish = message.response_metadata.get("finish_reason")
    outcome.role = "assistant" if isinstance(message, AIMessageChunk) else message.type
    outcome.problems += [f"an invalid tool call: {call}" for call in message.invalid_tool_calls]
    if message.usage_metadata:
        outcome.usage = (message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"])
    return outcome
