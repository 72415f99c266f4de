from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from turnstream import agent as agents, conversation, events, messages, requests, usage
from turnstream.agent import Agent
from turnstream.guardrails import patterns, texts
from turnstream.guardrails.agent import Guardrails
from turnstream.guardrails.matching import PatternRule
from turnstream.guardrails.rules import Judge
from turnstream.testing.models import ScriptedModel, Step, call

KEY = "sk-proj-abcdefghijklmnopqrstuvwx"
MASK = PatternRule("secrets", patterns.find_secrets(), "[#]")
STOP = PatternRule("secrets", patterns.find_secrets(), None)


def send(to: str) -> str:
    """Send something."""
    return f"sent to {to}"


def guarded(guardrails: Guardrails, *steps: Step) -> tuple[Agent, ScriptedModel]:
    model = ScriptedModel(steps)
    return Agent(model, [send], guardrails=guardrails), model


async def collect(run: agents.Run) -> list[events.RunEvent]:
    async with run:
        return [event async for event in run]


async def yes(text: str, context: requests.RunContext) -> bool:
    return True


async def no(text: str, context: requests.RunContext) -> bool:
    return False


async def broken(text: str, context: requests.RunContext) -> bool:
    raise RuntimeError("no")


async def slow(text: str, context: requests.RunContext) -> bool:
    await asyncio.Event().wait()
    return True


async def test_the_model_and_the_tools_work_with_what_only_the_client_may_not_see() -> None:
    answering, model = guarded(Guardrails(output_rules=[MASK]), call("send", {"to": KEY}), "Done.")
    run = answering.run("go")
    seen = await collect(run)
    assert KEY not in repr(seen)
    assert KEY not in repr(run.messages)
    assert f"sent to {KEY}" in repr(model.requests[1].messages)


async def test_a_stop_ends_the_model_call_and_tells_the_step_as_it_was_shown() -> None:
    gate = asyncio.Event()
    answering, model = guarded(
        Guardrails(output_rules=[STOP]),
        ["The key is ", events.UsageReport(usage.Usage(7, 3)), KEY + " ", gate, "never"],
    )
    run = answering.run("go")
    seen = await collect(run)
    *_, step, end = seen
    assert step == events.StepFinished(
        1,
        messages.AssistantMessage((messages.TextPart("The key is "),)),
        "content_filter",
        usage.Usage(7, 3),
        "scripted",
        step.duration if isinstance(step, events.StepFinished) else 0,
    )
    assert end == run.outcome == events.RunFinished("content_filter", usage.Usage(7, 3), 1)
    assert run.messages == [messages.AssistantMessage((messages.TextPart("The key is "),))]
    assert model.open == 0


async def test_a_stop_at_the_last_word_ends_the_run_once() -> None:
    answering, _ = guarded(Guardrails(output_rules=[STOP]), f"It is {KEY}")
    seen = await collect(answering.run("go"))
    assert [type(event).__name__ for event in seen[-2:]] == ["StepFinished", "RunFinished"]
    assert sum(isinstance(event, events.StepFinished | events.RunFinished) for event in seen) == 2
    assert isinstance(seen[-1], events.RunFinished)
    assert seen[-1].reason == "content_filter"


async def test_a_stop_in_the_arguments_of_a_call_comes_before_the_call_is_made() -> None:
    made = []

    def note(to: str) -> str:
        """Note."""
        made.append(to)
        return ""

    model = ScriptedModel([call("note", {"to": KEY})])
    run = Agent(model, [note], guardrails=Guardrails(output_rules=[STOP])).run("go")
    await collect(run)
    assert made == []
    assert isinstance(run.outcome, events.RunFinished)
    assert run.messages == []


async def test_a_request_is_masked_before_the_model_sees_it_and_so_is_what_is_kept_of_it() -> None:
    answering, model = guarded(Guardrails(input_rules=[MASK]), "Hello.")
    run = answering.run(f"my key is {KEY}")
    await collect(run)
    assert run.request.messages == (messages.UserMessage("my key is [#]"),)
    assert KEY not in repr(model.requests)


async def test_a_request_is_refused_before_the_model_is_asked() -> None:
    answering, model = guarded(Guardrails(input_rules=[STOP]), "Hello.")
    *_, end = await collect(answering.run([messages.UserMessage("hi"), messages.UserMessage(KEY)]))
    assert isinstance(end, events.RunFailed)
    assert (end.code, end.status, end.param, end.retryable) == ("content_filter", 400, "messages[1]", False)
    assert model.requests == []


async def test_what_the_model_said_before_stops_no_conversation() -> None:
    answering, _ = guarded(Guardrails(input_rules=[STOP]), "Hello.")
    said = messages.AssistantMessage((messages.TextPart(KEY),))
    *_, end = await collect(answering.run([messages.UserMessage("hi"), said, messages.UserMessage("again")]))
    assert isinstance(end, events.RunFinished)


@pytest.mark.parametrize(
    ("ask", "on_error", "ends"),
    [
        (yes, "stop", "RunFinished"),
        (no, "pass", "RunFailed"),
        (broken, "stop", "RunFailed"),
        (broken, "pass", "RunFinished"),
        (slow, "stop", "RunFailed"),
    ],
)
async def test_a_judge_has_the_word_on_a_request(ask: object, on_error: str, ends: str) -> None:
    judge = Judge("judge", ask, on_error=on_error, timeout=0.05)  # type: ignore[arg-type]
    answering, _ = guarded(Guardrails(input_judges=[judge]), "Hello.")
    *_, end = await collect(answering.run("hi"))
    assert type(end).__name__ == ends


async def test_a_judge_is_asked_about_the_new_messages_alone() -> None:
    asked = []

    async def ask(text: str, context: requests.RunContext) -> bool:
        asked.append(text)
        return True

    answering, _ = guarded(Guardrails(input_judges=[Judge("judge", ask)]), "Hello.")
    before: list[messages.Message] = [
        messages.UserMessage("one"),
        messages.AssistantMessage((messages.TextPart("two"),)),
    ]
    await collect(answering.run([*before, messages.UserMessage("three"), messages.UserMessage("four")]))
    assert asked == ["three\nfour"]


async def test_an_answer_that_its_judge_refuses_is_not_shown() -> None:
    answering, _ = guarded(Guardrails(answer_judges=[Judge("judge", no)]), "Hello there.")
    run = answering.run("hi")
    seen = await collect(run)
    assert not any(isinstance(event, events.TextDelta) for event in seen)
    assert isinstance(run.outcome, events.RunFinished)
    assert run.outcome.reason == "content_filter"


async def test_leaving_a_guarded_run_ends_the_model_call() -> None:
    answering, model = guarded(Guardrails(output_rules=[MASK]), ["a ", asyncio.Event()])
    async with answering.run("hi") as run:
        async for event in run:
            if isinstance(event, events.TextDelta):
                break
    assert model.open == 0
    assert isinstance(run.outcome, events.RunCancelled)


class Recording:
    """Changes nothing, and knows where it was asked to search."""

    name = "recording"

    def __init__(self) -> None:
        self.threads: dict[int, threading.Thread] = {}

    def open(self) -> texts.Chain:
        return texts.Chain([])

    def apply(self, text: str) -> str:
        self.threads[len(text)] = threading.current_thread()
        return text


async def test_a_large_text_is_searched_in_a_thread_so_that_nobody_waits_for_it() -> None:
    rule = Recording()
    model = ScriptedModel([call("fetch"), "Done."])
    guardrails = Guardrails(input_rules=[rule], output_rules=[rule])

    def fetch() -> str:
        """Fetch."""
        return "x" * 60_000

    agent = Agent(model, [fetch], guardrails=guardrails)
    await collect(agent.run("small"))
    await collect(Agent(ScriptedModel(["Done."]), guardrails=guardrails).run("x" * 70_000))
    assert rule.threads[len("small")] is threading.main_thread()
    assert rule.threads[60_000] is not threading.main_thread()
    assert rule.threads[70_000] is not threading.main_thread()


async def test_who_takes_a_run_over_makes_no_call_with_arguments_as_they_were_shown() -> None:
    made: list[str] = []

    def send_to(to: str) -> str:
        """Send something."""
        made.append(to)
        return "sent"

    shown = messages.ToolCall("c1", "send_to", '{"to": "[#]"}')
    last = events.StepFinished(1, messages.AssistantMessage((shown,)), "tool_calls", usage.Usage(), "m", 0.1)
    progress = conversation.Progress(messages=(last.message,), steps=1, last=last, calls=(shown,))
    model = ScriptedModel(["I ask again."])
    answering = Agent(model, [send_to], guardrails=Guardrails(output_rules=[MASK]))
    request = requests.RunRequest((messages.UserMessage("go"),))
    seen = await collect(answering.resume(request, progress, run_id="run_1"))
    assert made == []
    [result] = [event for event in seen if isinstance(event, events.ToolResult)]
    assert "was not made" in str(result.output.content)
    assert isinstance(seen[-1], events.RunFinished)


async def test_guardrails_of_one_s_own_need_not_know_of_questions() -> None:
    class Own:
        async def admit(self, request: requests.RunRequest, context: requests.RunContext) -> requests.RunRequest:
            return request

        def watch(self, context: requests.RunContext) -> Passing:
            return Passing()

    class Passing:
        stopped = None

        async def feed(self, batch: list[events.RunEvent]) -> AsyncGenerator[list[events.RunEvent]]:
            yield batch

        def unfinished(self) -> None:
            return None

    own: Any = Own()
    run = Agent(ScriptedModel(["Hello."]), guardrails=own).run("hi")
    await collect(run)
    assert isinstance(run.outcome, events.RunFinished)
