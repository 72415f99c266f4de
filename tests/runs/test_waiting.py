"""Runs that wait for a word from outside in the middle of a step, and go on with it, in whatever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.agent.scripted import Box, Scripted, calls, says
from tests.runs.test_keeper import keeping
from tests.server.serving import eventually
from tests.stores import Place, Store, event_of, new_run, soon, started, whole
from turnstream import Agent, events, messages, protocols, requests, tool, toolspec
from turnstream.tools import wrap


class Payments:
    """``pay`` must not happen twice; a first process ends in the middle of it. ``verify`` finds out what came of it."""

    def __init__(self, verify: Any = None) -> None:
        self.paid: list[str] = []
        self.began, self.gate = asyncio.Event(), asyncio.Event()
        self.tool = tool(effect="once", verify=verify)(self.pay)

    async def pay(self, amount: int) -> str:
        """Pay."""
        self.paid.append(str(amount))
        self.began.set()
        await self.gate.wait()
        return f"paid {amount}"


async def look(call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
    return toolspec.ToolOutput("seen")


@asynccontextmanager
async def interrupted(place: Place, after: Payments, *steps: Any) -> AsyncIterator[tuple[Store, str, Scripted]]:
    """A run that another process has left in the middle of a payment, at a process that goes on with it."""
    before, new = Payments(), new_run()
    asked = Scripted(calls(("pay", '{"amount": 5}'), ("look", "{}")))
    async with place.open() as store:
        agent = Agent(asked, [before.tool, Box(look=look)], name="helper")
        async with keeping(store, {"helper": agent}) as keeper:
            await keeper.start(new)
            await soon(before.began.wait())
            await event_of(store, new.id, events.ToolResult)
    model = Scripted(*steps or [says("done")])
    after.gate.set()
    async with place.open() as store:
        agent = Agent(model, [after.tool, Box(look=look)], name="helper")
        async with keeping(store, {"helper": agent}):
            yield store, new.id, model


def result_of(numbered: protocols.NumberedEvents, name: str) -> str:
    found = [e for _, e in numbered if isinstance(e, events.ToolResult) and e.tool_call.name == name]
    assert len(found) == 1
    return messages.content_text(found[0].output.content)


async def test_a_declared_payment_whose_outcome_nobody_knows_waits_for_a_person(place: Place) -> None:
    """Row 19."""
    async with interrupted(place, after := Payments()) as (store, run_id, model):
        await event_of(store, run_id, events.RunWaiting)
        state = await store.runs.get("ann", run_id)
        assert state.status == "waiting"
        assert [(ask.tool_call_id, ask.kind) for ask in state.ending.asks] == [("c0", "outcome")]
        assert (after.paid, model.requests) == ([], [])
        answer = events.RunAnswered((messages.ToolMessage("c0", "paid 5, receipt 17", "pay"),))
        assert await store.runs.answer("ann", run_id, answer)
        assert result_of(await whole(store, run_id), "pay") == "paid 5, receipt 17"
    assert after.paid == []


@pytest.mark.parametrize(("action", "paid", "told"), [("call", ["5"], "paid 5"), ("deny", [], "was denied: later")])
async def test_a_person_decides_whether_the_call_is_made_after_all(
    place: Place, action: Any, paid: Sequence[str], told: str
) -> None:
    async with interrupted(place, after := Payments()) as (store, run_id, _):
        await event_of(store, run_id, events.RunWaiting)
        decision = events.Decision("c0", action, "later")
        assert await store.runs.answer("ann", run_id, events.RunAnswered(decisions=(decision,)))
        assert told in result_of(await whole(store, run_id), "pay")
    assert after.paid == paid


async def test_the_tools_own_check_says_what_came_of_the_call(place: Place) -> None:
    keys = []

    def verify(arguments: dict[str, Any], context: requests.RunContext) -> str:
        keys.append(context.idempotency_key)
        return f"paid {arguments['amount']} before"

    async with interrupted(place, after := Payments(verify)) as (store, run_id, _):
        assert result_of(await whole(store, run_id), "pay") == "paid 5 before"
        assert (after.paid, keys) == ([], [f"{run_id}.c0"])


async def test_a_call_that_had_no_effect_is_made(place: Place) -> None:
    async def verify(arguments: dict[str, Any], context: requests.RunContext) -> None:
        return None

    async with interrupted(place, after := Payments(verify)) as (store, run_id, _):
        assert result_of(await whole(store, run_id), "pay") == "paid 5"
    assert after.paid == ["5"]


async def test_where_the_check_fails_too_a_person_is_asked(place: Place) -> None:
    def verify(arguments: dict[str, Any], context: requests.RunContext) -> None:
        raise OSError("the bank is closed")

    async with interrupted(place, Payments(verify)) as (store, run_id, _):
        await event_of(store, run_id, events.RunWaiting)


def approving(model: Scripted, done: list[str]) -> Agent:
    async def act(call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        done.append(call.arguments)
        return toolspec.ToolOutput("done")

    return Agent(model, [wrap.Approved(Box(send=act), ["send"]), Box(look=look)], name="helper")


async def test_a_call_that_needs_approval_waits_over_a_restart_and_the_others_do_not(place: Place) -> None:
    """Row 18."""
    done: list[str] = []
    script = calls(("send", '{"to":"a"}'), ("look", "{}"), ("send", '{"to":"b"}'))
    async with place.open() as store, keeping(store, {"helper": approving(Scripted(script), done)}) as keeper:
        new = new_run()
        await keeper.start(new)
        await event_of(store, new.id, events.RunWaiting)
        assert (await store.runs.get("ann", new.id)).status == "waiting"
    model = Scripted(says("done"))
    async with place.open() as store, keeping(store, {"helper": approving(model, done)}):
        yes = events.RunAnswered(decisions=(events.Decision("c0", "call", arguments='{"to":"c"}'),))
        assert [await store.runs.answer("ann", new.id, yes) for _ in range(2)] == [True, False]
        state = await store.runs.get("ann", new.id)
        assert ([ask.tool_call_id for ask in state.ending.asks], done) == (["c2"], [])
        no = events.RunAnswered(decisions=(events.Decision("c2", "deny", "not to b"),))
        assert await store.runs.answer("ann", new.id, no)
        await whole(store, new.id)
    assert done == ['{"to":"c"}']
    told = [messages.content_text(m.content) for m in model.requests[0].messages if isinstance(m, messages.ToolMessage)]
    assert told[0] == '[The user changed the arguments of this call to {"to":"c"}]\ndone'
    assert told[1:] == ["seen", "The call of send was denied: not to b"]


async def test_of_two_answers_at_once_about_two_calls_both_count(store: Store) -> None:
    done: list[str] = []
    script = calls(("send", '{"to":"a"}'), ("send", '{"to":"b"}'))
    async with keeping(store, {"helper": approving(Scripted(script, says("done")), done)}) as keeper:
        new = new_run()
        await keeper.start(new)
        await event_of(store, new.id, events.RunWaiting)
        answers = [events.RunAnswered(decisions=(events.Decision(id, "call"),)) for id in ("c0", "c1") * 3]
        accepted = await asyncio.gather(*(store.runs.answer("ann", new.id, answer) for answer in answers))
        await whole(store, new.id)
    assert (sum(accepted), sorted(done)) == (2, ['{"to":"a"}', '{"to":"b"}'])


async def test_a_question_in_the_middle_of_a_call_is_asked_again_with_what_was_answered(store: Store) -> None:
    async def book(call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        if context.decision is None:
            raise protocols.AskError(events.Ask(call.id, "question", "Which day?", state={"page": 2}))
        return toolspec.ToolOutput(f"{context.decision.value} from page {context.ask_state['page']}")

    agent = Agent(Scripted(calls(("book", "{}")), says("done")), [Box(book=book)], name="helper")
    async with keeping(store, {"helper": agent}) as keeper:
        new = new_run()
        await keeper.start(new)
        await event_of(store, new.id, events.RunWaiting)
        decision = events.Decision("c0", "call", value="Monday")
        assert await store.runs.answer("ann", new.id, events.RunAnswered(decisions=(decision,)))
        assert result_of(await whole(store, new.id), "book") == "Monday from page 2"


async def test_that_a_run_waits_is_told_once(store: Store) -> None:
    async with keeping(store, {"helper": approving(Scripted(calls(("send", "{}"))), [])}) as keeper:
        new = new_run()
        await keeper.start(new)
        await event_of(store, new.id, events.RunWaiting)
        await eventually(lambda: keeper.owned == 0)
        assert [type(event) for _, event in await store.runs.log(new.id)].count(events.RunWaiting) == 1


async def test_a_waiting_run_that_is_cancelled_calls_nothing(store: Store) -> None:
    done: list[str] = []
    async with keeping(store, {"helper": approving(Scripted(calls(("send", "{}"))), done)}) as keeper:
        new = new_run()
        await keeper.start(new)
        await event_of(store, new.id, events.RunWaiting)
        assert await store.runs.cancel("ann", new.id)
        yes = events.RunAnswered(decisions=(events.Decision("c0", "call"),))
        assert not await store.runs.answer("ann", new.id, yes)
        assert isinstance((await whole(store, new.id))[-1][1], events.RunCancelled)
    assert done == []


async def test_a_code_finds_the_run_that_asks_as_long_as_it_asks(store: Store) -> None:
    call = messages.ToolCall("c1", "pay", "{}")
    waiting = events.RunWaiting(1, (call,), (events.Ask("c1", "approval", code="K7Q2"),))
    claim = await store.runs.submit(new_run(), here=True)
    await claim.append([started(claim.new), waiting])
    await claim.release()
    assert [state.id for state in await store.runs.find_asking("K7Q2")] == [claim.new.id]
    assert (await store.runs.find_asking("OTHER"), await store.runs.count_waiting()) == ([], 1)
    decided = events.RunAnswered((), (events.Decision("c1", "call", code="K7Q2"),))
    assert await store.runs.answer("ann", claim.new.id, decided)
    assert (await store.runs.find_asking("K7Q2"), await store.runs.count_waiting()) == ([], 0)
