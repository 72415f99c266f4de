"""openai-python: the raw stream and the ``.stream()`` helper, each asynchronous and blocking; and the whole answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.clients.job import LOCAL_TIME, Call, Failure, Job, Outcome, local_time


def arguments(job: Job, messages: list[dict[str, Any]]) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": job.model, "messages": messages}
    if job.tools:
        asked["tools"] = [{"type": "function", "function": LOCAL_TIME}]
    if job.usage:
        asked["stream_options"] = {"include_usage": True}
    return asked


def connection(job: Job) -> dict[str, Any]:
    return {
        "base_url": job.base_url,
        "api_key": job.api_key,
        "default_headers": job.headers,
        "max_retries": 0,
        "timeout": 30,
    }


class Talk:
    """A conversation: the messages so far and what was seen, for all four drivers."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.messages: list[dict[str, Any]] = [{"role": "user", "content": job.prompt}]
        self.outcome = Outcome()
        self.ended = False
        self.begin()

    def begin(self) -> None:
        self.calls: dict[int, dict[str, str]] = {}
        self.outcome.text = self.outcome.reasoning = ""
        self.outcome.role = None

    def arguments(self) -> dict[str, Any]:
        return arguments(self.job, self.messages)

    def leaves(self, chunk: ChatCompletionChunk) -> bool:
        """Whether this is where the client goes away."""
        return self.job.leave and any(choice.delta.content for choice in chunk.choices)

    def take(self, chunk: ChatCompletionChunk) -> bool:
        """One chunk of the raw stream, added up as the documentation of the library shows; whether to go away now."""
        if chunk.usage:
            self.outcome.usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            delta = choice.delta
            self.outcome.role = self.outcome.role or delta.role
            self.outcome.text += delta.content or ""
            self.outcome.reasoning += getattr(delta, "reasoning_content", None) or ""
            for part in delta.tool_calls or ():
                call = self.calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += part.id or ""
                if part.function:
                    call["name"] += part.function.name or ""
                    call["arguments"] += part.function.arguments or ""
            self.outcome.finish = choice.finish_reason or self.outcome.finish
        return self.leaves(chunk)

    def take_whole(self, completion: ChatCompletion) -> None:
        """What the ``.stream()`` helper added up itself."""
        message = completion.choices[0].message
        self.outcome.text = message.content or ""
        self.outcome.reasoning = getattr(message, "reasoning_content", None) or ""
        self.outcome.role = message.role
        self.outcome.finish = completion.choices[0].finish_reason
        if completion.usage:
            self.outcome.usage = (completion.usage.prompt_tokens, completion.usage.completion_tokens)
        for index, call in enumerate(message.tool_calls or ()):
            assert call.type == "function"
            self.calls[index] = {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}

    def answer(self) -> None:
        """Run what was asked for, for the next request; the conversation has ended when nothing was."""
        calls = list(self.calls.values())
        if not calls:
            self.ended = True
            return
        said = [{"id": c["id"], "type": "function", "function": c} for c in calls]
        self.messages.append({"role": "assistant", "content": self.outcome.text or None, "tool_calls": said})
        for call in calls:
            parsed = json.loads(call["arguments"])
            self.outcome.calls.append(Call(call["name"], parsed))
            result = local_time(**parsed)
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        self.begin()

    @contextmanager
    def failing(self) -> Iterator[None]:
        """An error of the library ends the conversation and is kept."""
        try:
            yield
        except openai.OpenAIError as error:
            status = error.status_code if isinstance(error, openai.APIStatusError) else None
            self.outcome.error = Failure(str(error), status)


async def raw(job: Job) -> Outcome:
    talk = Talk(job)
    async with openai.AsyncOpenAI(**connection(job)) as client:
        with talk.failing():
            while not talk.ended:
                async with await client.chat.completions.create(stream=True, **talk.arguments()) as stream:
                    async for chunk in stream:
                        if talk.take(chunk):
                            return talk.outcome
                talk.answer()
    return talk.outcome


async def whole(job: Job) -> Outcome:
    """Not streamed."""
    talk = Talk(job)
    async with openai.AsyncOpenAI(**connection(job)) as client:
        with talk.failing():
            while not talk.ended:
                asked = talk.arguments()
                asked.pop("stream_options", None)  # the vendor allows it for streams alone
                talk.take_whole(await client.chat.completions.create(stream=False, **asked))
                talk.answer()
    return talk.outcome


async def helper(job: Job) -> Outcome:
    talk = Talk(job)
    async with openai.AsyncOpenAI(**connection(job)) as client:
        with talk.failing():
            while not talk.ended:
                async with client.chat.completions.stream(**talk.arguments()) as stream:
                    async for event in stream:
                        if event.type == "chunk" and talk.leaves(event.chunk):
                            return talk.outcome
                    talk.take_whole(await stream.get_final_completion())
                talk.answer()
    return talk.outcome


def blocking_raw(job: Job) -> Outcome:
    talk = Talk(job)
    with openai.OpenAI(**connection(job)) as client, talk.failing():
        while not talk.ended:
            with client.chat.completions.create(stream=True, **talk.arguments()) as stream:
                for chunk in stream:
                    if talk.take(chunk):
                        return talk.outcome
            talk.answer()
    return talk.outcome


def blocking_helper(job: Job) -> Outcome:
    talk = Talk(job)
    with openai.OpenAI(**connection(job)) as client, talk.failing():
        while not talk.ended:
            with client.chat.completions.stream(**talk.arguments()) as stream:
                for event in stream:
                    if event.type == "chunk" and talk.leaves(event.chunk):
                        return talk.outcome
                talk.take_whole(stream.get_final_completion())
            talk.answer()
    return talk.outcome
