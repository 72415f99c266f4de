"""Several models as one: text is never shown twice, and the first that says something answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import pytest
from hypothesis import given, settings, strategies as st

from tests.providers.upstream import HELLO, says, upstream
from turnstream import errors, events, messages, providers, requests, usage
from turnstream.agent import Agent
from turnstream.models import breaker
from turnstream.models.fallback import Fallback
from turnstream.testing import ScriptedModel, models

BUSY = errors.ProviderError("Busy.", code="provider_overloaded", retryable=True)
WRONG = errors.ProviderError("No.", code="provider_rejected_request")
ASK = requests.ModelRequest((messages.UserMessage("Hello?"),))
REPORT = events.UsageReport(usage.Usage(99, 99))


def scripted(name: str, *steps: models.Step) -> ScriptedModel:
    return ScriptedModel(steps, name=name, repeat=True)


async def run(*members: ScriptedModel) -> tuple[str, str, events.TerminalEvent]:
    """The text that was shown, the model that answered, and the end."""
    text, answered = "", ""
    async with asyncio.timeout(10), Agent(list(members)).run("Hello") as running:
        async for event in running:
            if isinstance(event, events.TextDelta):
                text += event.text
            elif isinstance(event, events.StepFinished):
                answered = event.model
    assert running.outcome is not None
    return text, answered, running.outcome


async def test_the_next_model_answers_where_one_fails_before_it_says_anything() -> None:
    failing, other = scripted("a", [REPORT, BUSY]), scripted("b", "Hello there")
    assert await run(failing, other) == ("Hello there", "b", events.RunFinished("stop", usage.Usage(10, 5), 1))
    assert failing.open == other.open == 0


@pytest.mark.parametrize("seen", ["Half", models.call("f", "{"), events.ReasoningDelta("Hm")])
async def test_after_anything_that_can_be_seen_the_failure_stands(seen: str | models.Item) -> None:
    other = scripted("b", "Hello")
    text, _, ending = await run(scripted("a", [seen, BUSY]), other)
    assert (text, other.requests) == ("Half" if seen == "Half" else "", [])
    assert isinstance(ending, events.RunFailed)


class Continuing(ScriptedModel):
    continues = True


async def test_a_text_that_was_seen_is_continued_by_a_model_that_can() -> None:
    failing, other = scripted("a", ["Half an", REPORT, BUSY]), scripted("b", "never")
    third = Continuing([[" answer", BUSY]], name="c", repeat=True)
    fourth = Continuing(["."], name="d", repeat=True)
    text, answered, ending = await run(failing, other, third, fourth)
    assert (text, answered, type(ending), other.requests) == ("Half an answer.", "d", events.RunFinished, [])
    last = fourth.requests[0].messages[-1]
    assert isinstance(last, messages.AssistantMessage)
    assert last.text == "Half an answer"
    assert failing.open == third.open == fourth.open == 0


@pytest.mark.parametrize("end", [" ", models.call("f", "{}"), events.ReasoningDelta("Hm")])
async def test_only_text_without_a_blank_at_its_end_is_continued(end: str | models.Item) -> None:
    other = Continuing(["never"], name="b", repeat=True)
    text, _, ending = await run(scripted("a", ["Half", end, BUSY]), other)
    assert (text.strip(), other.requests) == ("Half", [])
    assert isinstance(ending, events.RunFailed)


async def test_what_is_wrong_with_the_request_is_wrong_for_all() -> None:
    other = scripted("b", "Hello")
    _, _, ending = await run(scripted("a", [WRONG]), other)
    assert isinstance(ending, events.RunFailed)
    assert (ending.code, other.requests) == ("provider_rejected_request", [])


async def test_where_all_fail_the_last_failure_is_told_with_what_it_used() -> None:
    quota = errors.ProviderError("Spent.", code="provider_quota")
    _, _, ending = await run(scripted("a", [BUSY]), scripted("b", [REPORT, quota]))
    assert isinstance(ending, events.RunFailed)
    assert (ending.code, ending.usage.total) == ("provider_quota", 198)


async def test_a_model_that_goes_on_failing_is_asked_last_until_a_probe_is_answered() -> None:
    now = 0.0
    failing, other = scripted("a", *[[BUSY]] * breaker.FAILURES, "Well again"), scripted("b", "Hello")
    both = Fallback([failing, other], clock=lambda: now)
    for _ in range(breaker.FAILURES + 3):
        assert await answer(both) == "Hello"
    assert (len(failing.requests), both.spared) == (breaker.FAILURES, ("a",))
    now = breaker.OPEN_SECONDS
    assert await answer(both) == "Well again"
    assert both.spared == ()


async def test_a_model_that_is_spared_is_asked_after_all_others_have_failed() -> None:
    failing = scripted("a", *[[BUSY]] * breaker.FAILURES, "Well again")
    other = scripted("b", *["Hello"] * breaker.FAILURES, [BUSY])
    both = Fallback([failing, other], clock=lambda: 0.0)
    assert [await answer(both) for _ in range(breaker.FAILURES + 1)][-1] == "Well again"


async def answer(model: Fallback) -> str:
    async with asyncio.timeout(10), Agent(model).run("Hello") as running:
        return "".join([event.text async for event in running if isinstance(event, events.TextDelta)])


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable", "402 Payment Required"])
async def test_a_vendor_that_refuses_is_followed_by_the_next(status: str) -> None:
    async with upstream(says(b"{}", status=status)) as one, upstream(says(*HELLO)) as two:
        urls = (one.base_url, two.base_url)
        members = [providers.model("openai-compatible:m", base_url=url, environ={}, retries=0) for url in urls]
        assert await answer(Fallback(members)) == "Hello"


async def test_a_vendor_that_is_silent_or_away_is_followed_by_the_next() -> None:
    async with upstream(says(end=False)) as silent, upstream(says(*HELLO)) as two:
        urls = ("http://127.0.0.1:1/v1", silent.base_url, two.base_url)
        limits = {"first_token": 0.2, "idle": 0.2}
        members = [
            providers.model("openai-compatible:m", base_url=url, environ={}, retries=0, timeouts=limits) for url in urls
        ]
        assert await answer(Fallback(members)) == "Hello"


PIECES = st.sampled_from([events.TextDelta("x"), events.ReasoningDelta("r"), REPORT, events.ToolCallStart(0, "", "f")])
ANSWERS = st.tuples(st.lists(PIECES, max_size=4), st.booleans())


@given(st.lists(ANSWERS, min_size=1, max_size=4))
@settings(deadline=None)
def test_whatever_fails_and_when_only_one_model_is_ever_seen(
    answers: Sequence[tuple[list[events.ModelEvent], bool]],
) -> None:
    steps = [[*pieces, BUSY] if fails else [*pieces, events.Finish("stop")] for pieces, fails in answers]
    members = [scripted(str(at), step) for at, step in enumerate(steps)]
    seen, model, failed = asyncio.run(collect(Fallback(members)))
    visible = [[piece for piece in pieces if type(piece) not in events.UNSEEN] for pieces, _ in answers]
    first = next((at for at, (_, fails) in enumerate(answers) if visible[at] or not fails), len(answers) - 1)
    assert (seen, model, failed) == (visible[first], str(first), answers[first][1])
    assert [len(member.requests) for member in members] == [1] * (first + 1) + [0] * (len(answers) - first - 1)
    assert not any(member.open for member in members)


async def collect(model: Fallback) -> tuple[list[events.ModelEvent], str, bool]:
    seen: list[events.ModelEvent] = []
    async with model.stream(ASK) as stream:
        try:
            async for batch in stream:
                seen += [event for event in batch if type(event) not in events.UNSEEN]
        except errors.ProviderError:
            return seen, stream.model, True
        return seen, stream.model, False


class Owner(ScriptedModel):
    """A model with something to open."""

    entered = 0

    async def __aenter__(self) -> Owner:
        self.entered += 1
        return self

    async def __aexit__(self, *error: object) -> None:
        self.entered -= 1


async def test_what_its_models_own_is_open_while_it_is() -> None:
    owner = Owner(["Hello"])
    both = Fallback([scripted("a", "Hello"), owner])
    assert isinstance(both, AbstractAsyncContextManager)
    async with both, both:
        assert owner.entered == 1
    assert owner.entered == 0


def test_a_fallback_needs_models() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Fallback([])
