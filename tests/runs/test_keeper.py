"""Kept runs of real agents: to their end, and on from where another process left them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from tests.agent.scripted import Scripted, calls, says
from tests.stores import Place, Store, event_of, new_run, soon, whole
from turnstream import agent as agents, events, messages, protocols, requests, toolspec
from turnstream.runs import log
from turnstream.runs.keeper import Keeper

KEY = protocols.ThreadKey("ann", "helper", "t")


class Tools:
    """``pay`` and ``look``, which count their calls; a call waits for ``gate``."""

    def __init__(self, effect: toolspec.Effect = "once") -> None:
        self.effect: toolspec.Effect = effect
        self.called: list[tuple[str, str]] = []
        self.gate, self.begun = asyncio.Event(), asyncio.Event()

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return [toolspec.ToolSpec("pay", effect=self.effect), toolspec.ToolSpec("look")]

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        self.called.append((call.name, context.idempotency_key))
        if call.name == "pay":
            self.begun.set()
            await self.gate.wait()
        return toolspec.ToolOutput(f"{call.name} is done")


def helper(model: Scripted, *toolboxes: protocols.Toolbox) -> dict[str, agents.Agent]:
    return {"helper": agents.Agent(model, tools=toolboxes, name="helper")}


@asynccontextmanager
async def keeping(store: Store, served: Mapping[str, agents.Agent]) -> AsyncIterator[Keeper]:
    async with Keeper(store.runs, store.threads, served) as keeper:
        yield keeper


async def test_a_kept_run_is_told_to_its_end_and_its_thread_has_what_was_said(store: Store) -> None:
    async with keeping(store, helper(Scripted(says("hello")))) as keeper:
        new = new_run("hi", thread="t")
        assert await keeper.start(new) == protocols.Submitted(new.id)
        numbered = await whole(store, new.id)
    assert isinstance(numbered[-1][1], events.RunFinished)
    assert [getattr(message, "text", None) for message in await store.threads.read(KEY)] == [None, "hello"]
    assert (await store.runs.get("ann", new.id)).status == "finished"


async def test_with_history_the_thread_comes_before_what_is_new(store: Store) -> None:
    model = Scripted(says("one"), says("two"))
    async with keeping(store, helper(model)) as keeper:
        runs = [new_run(text, thread="t", history=True) for text in ("first", "second")]
        for new in runs:
            await keeper.start(new)
        await whole(store, runs[1].id)
    texts = [
        getattr(message, "content", None) or getattr(message, "text", "") for message in model.requests[1].messages
    ]
    assert texts == ["first", "one", "second"]


async def test_a_run_goes_on_behind_its_last_finished_step(place: Place) -> None:
    first, second = Scripted(calls(("look", "{}")), [asyncio.Event()]), Scripted(says("done"))
    new = new_run("hi", thread="t")
    async with place.open() as store, keeping(store, helper(first, Tools())) as keeper:
        await keeper.start(new)
        await event_of(store, new.id, events.ToolsExecuted)
    async with place.open() as store, keeping(store, helper(second, tools := Tools())):
        folded = log.fold(await whole(store, new.id))
        assert [type(message) for message in second.requests[0].messages] == [
            messages.UserMessage,
            messages.AssistantMessage,
            messages.ToolMessage,
        ]
        assert tools.called == []
        assert (folded.attempt, await store.threads.read(KEY)) == (2, [*new.said, *folded.messages])


@pytest.mark.parametrize("effect", ["none", "idempotent"])
async def test_a_tool_that_may_be_called_again_is_called_again_with_the_same_key(
    place: Place, effect: toolspec.Effect
) -> None:
    before, after = Tools(effect), Tools(effect)
    new = new_run()
    async with place.open() as store, keeping(store, helper(Scripted(calls(("pay", "{}"))), before)) as keeper:
        await keeper.start(new)
        await soon(before.begun.wait())
    after.gate.set()
    async with place.open() as store, keeping(store, helper(Scripted(says("done")), after)):
        await whole(store, new.id)
    assert before.called == after.called


async def test_a_call_that_must_not_happen_twice_is_not_repeated_and_the_model_is_told(place: Place) -> None:
    """Row 19."""
    before, after, model = Tools(), Tools(), Scripted(says("done"))
    asked = Scripted(calls(("pay", "{}"), ("look", "{}")))
    new = new_run()
    async with place.open() as store, keeping(store, helper(asked, before)) as keeper:
        await keeper.start(new)
        await soon(before.begun.wait())
        await event_of(store, new.id, events.ToolResult)
    async with place.open() as store, keeping(store, helper(model, after)):
        numbered = await whole(store, new.id)
    assert {name for name, _ in before.called} == {"pay", "look"}
    assert after.called == []
    paid, looked = model.requests[0].messages[-2:]
    assert isinstance(paid, messages.ToolMessage)
    assert isinstance(looked, messages.ToolMessage)
    assert (paid.is_error, looked.content) == (True, "look is done")
    assert "not known whether" in str(paid.content)
    assert [type(event) for _, event in numbered].count(events.ToolBegan) == 1


async def test_a_run_that_leaves_calls_to_its_client_waits_for_the_results(store: Store) -> None:
    model = Scripted(calls(("choose", "{}"), ids=["c1"]), says("done"))
    said, ann = new_run().said, requests.Principal("ann")
    request = requests.RunRequest(said, tools=(toolspec.ToolSpec("choose"),), principal=ann)
    async with keeping(store, helper(model)) as keeper:
        await keeper.start(protocols.NewRun("run_waits", "helper", request, waits=True))
        await event_of(store, "run_waits", events.RunWaiting)
        answer = events.RunAnswered((messages.ToolMessage("c1", "red", "choose"),))
        assert await store.runs.answer("ann", "run_waits", answer)
        await whole(store, "run_waits")
    assert model.requests[1].messages[-1] == answer.results[0]


async def test_a_cancelled_run_ends_its_model_call_at_once(store: Store) -> None:
    model = Scripted([[events.TextDelta("a")], asyncio.Event()])
    new = new_run(thread="t")
    async with keeping(store, helper(model)) as keeper:
        await keeper.start(new)
        await event_of(store, new.id, events.TextDelta)
        assert await store.runs.cancel("ann", new.id)
        assert isinstance((await whole(store, new.id))[-1][1], events.RunCancelled)
    assert model.open == 0
    assert await store.threads.read(KEY) == list(new.said)


async def test_a_run_of_an_agent_that_is_not_served_any_more_fails(store: Store) -> None:
    new = new_run()
    async with keeping(store, {}) as keeper:
        await keeper.start(new)
        (*_, (_, end)) = await whole(store, new.id)
    assert isinstance(end, events.RunFailed)
    assert end.code == "agent_not_found"


async def test_what_fails_in_the_run_is_its_end(store: Store) -> None:
    new = new_run(thread="t")
    async with keeping(store, helper(Scripted([ZeroDivisionError()]))) as keeper:
        await keeper.start(new)
        (*_, (_, end)) = await whole(store, new.id)
    assert isinstance(end, events.RunFailed)
    assert end.code == "internal_error"
