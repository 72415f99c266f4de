from __future__ import annotations

import pytest

from tests.agent.scripted import Scripted, says
from turnstream.agent import Agent
from turnstream.dialects.housekeeping import is_housekeeping
from turnstream.dialects.incoming import mark_housekeeping
from turnstream.events import (
    AssistantMessage,
    ModelOptions,
    RunFinished,
    RunRequest,
    RunStarted,
    StepFinished,
    SystemMessage,
    TextDelta,
    TextPart,
    UserMessage,
)

TITLE = "### Task:\nGenerate a title.\n### Chat History:\n<chat_history>\nUSER: Hi\n</chat_history>"
PROMPTS = [
    TITLE,
    "### Task:\nYou complete what is typed.\n<chat_history>\n</chat_history>\n<type>General</type>\n<text>Hel</text>",
    "### Task:\nSummarize the conversation history.\n\n### Messages Being Compacted:\nUSER: Hi",
    "Available Tools: []\n\nYour task is to choose and return the correct tool(s) from the list of available tools.",
    "You are Open WebUI's private memory reviewer. Return only valid JSON.",
    "Your task is to reflect the speaker's likely facial expression through a fitting emoji. Message: ```Hi```",
    "Provide a concise, 5-word-or-less title for the conversation, in title case.\n\nConversation:\nUser: Hi",
    "Analyze this conversation and provide:\n1. The detected language of the conversation\n2. A concise title in it",
]

ASKED = mark_housekeeping(RunRequest((UserMessage(TITLE),)))


async def weather(city: str) -> str:
    """The weather."""
    return "sunny"


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_prompts_of_front_ends_are_recognised(prompt: str) -> None:
    assert is_housekeeping([UserMessage(prompt)])
    assert is_housekeeping([SystemMessage("You help."), UserMessage((TextPart(prompt),))])
    assert is_housekeeping([SystemMessage(prompt), UserMessage("User: Hi")])


@pytest.mark.parametrize(
    "text",
    [
        "Generate a title for my essay.",
        "What does '### Task:' with <chat_history> mean?",
        "### Task:\nRespond to the user query using the provided context.\n<context>…</context>",
        "Available Tools: a hammer and a saw. What can I build?",
        "Please provide a concise, 5-word-or-less title for the conversation",
        "",
    ],
)
def test_what_a_person_may_ask_is_not(text: str) -> None:
    assert not is_housekeeping([UserMessage(text)])


def test_a_conversation_that_goes_on_is_not() -> None:
    assert not is_housekeeping([UserMessage("Hi"), AssistantMessage((TextPart("Hi"),)), UserMessage(TITLE)])
    assert not is_housekeeping([])


async def test_the_model_answers_alone() -> None:
    model = Scripted(says("A Greeting"))
    agent = Agent(model, [weather], "Be brief.", options=ModelOptions(tool_choice="required"))
    async with agent.run(ASKED) as run:
        events = [event async for event in run]
    assert [type(event) for event in events] == [RunStarted, TextDelta, StepFinished, RunFinished]
    [request] = model.requests
    assert (request.messages, request.tools, request.options) == ((UserMessage(TITLE),), (), ModelOptions())


async def test_a_cheaper_model_can_do_it() -> None:
    dear, cheap = Scripted(says("dear")), Scripted(says("cheap"))
    async with Agent(dear, housekeeping=cheap).run(ASKED) as run:
        assert [event.text async for event in run if isinstance(event, TextDelta)] == ["cheap"]
    assert dear.requests == []


async def test_it_can_be_left_to_the_agent() -> None:
    model = Scripted(says("A Greeting"))
    async with Agent(model, [weather], housekeeping=False).run(ASKED) as run:
        assert run.outcome is None
        assert [event async for event in run]
    assert [tool.name for tool in model.requests[0].tools] == ["weather"]


async def test_the_loop_itself_does_not_know_the_prompts_of_front_ends() -> None:
    model = Scripted(says("A Greeting"))
    async with Agent(model, [weather]).run(TITLE) as run:
        assert [event async for event in run]
    assert [tool.name for tool in model.requests[0].tools] == ["weather"]
