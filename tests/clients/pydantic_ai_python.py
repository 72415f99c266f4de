"""pydantic-ai: an ``Agent`` over ``OpenAIChatModel``, watched through its event stream."""

from __future__ import annotations

import openai
from pydantic_ai import Agent, AgentRunResultEvent, FunctionToolCallEvent
from pydantic_ai.exceptions import AgentRunError, ModelHTTPError
from pydantic_ai.messages import ModelResponse, PartStartEvent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.clients.job import Call, Failure, Job, Outcome, local_time


async def run(job: Job) -> Outcome:
    outcome = Outcome()
    client = openai.AsyncOpenAI(
        base_url=job.base_url, api_key=job.api_key, default_headers=job.headers, max_retries=0, timeout=30
    )
    async with client:
        model = OpenAIChatModel(job.model, provider=OpenAIProvider(openai_client=client))
        agent = Agent(model, tools=[local_time] if job.tools else [])
        try:
            async with agent.run_stream_events(job.prompt) as events:
                async for event in events:
                    if job.leave and isinstance(event, PartStartEvent):
                        break
                    if isinstance(event, FunctionToolCallEvent):
                        outcome.calls.append(Call(event.part.tool_name, event.part.args_as_dict()))
                    elif isinstance(event, AgentRunResultEvent):
                        finish(outcome, event.result.response, event.result.output)
        except ModelHTTPError as error:
            outcome.error = Failure(str(error), error.status_code)
        except AgentRunError as error:
            outcome.error = Failure(str(error))
    return outcome


def finish(outcome: Outcome, response: ModelResponse, output: str) -> None:
    outcome.text = output
    outcome.reasoning = "".join(part.content for part in response.parts if part.part_kind == "thinking")
    outcome.finish = response.finish_reason
    outcome.role = "assistant" if response.kind == "response" else response.kind
    outcome.usage = (response.usage.input_tokens, response.usage.output_tokens)
