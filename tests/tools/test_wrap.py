from __future__ import annotations

import asyncio
import queue
from dataclasses import replace
from typing import Any

import pytest

from turnstream.events import Effect, RunContext, ToolCall, ToolError, ToolOutput, ToolSpec
from turnstream.requests import Principal
from turnstream.tools.wrap import Approved, Cached, Combined, Filtered, Prefixed, RateLimited, Timed, approvals

ANN, BOB = RunContext(user="ann"), RunContext(user="bob")


class Box:
    """Tools that count their calls and say who called."""

    def __init__(self, *names: str, effect: Effect = "none", timeout: float | None = None) -> None:
        self.specs = [ToolSpec(name, effect=effect, timeout=timeout) for name in names]
        self.calls: list[ToolCall] = []
        self.open = 0

    async def tools(self, context: RunContext) -> list[ToolSpec]:
        return self.specs

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        self.calls.append(call)
        return ToolOutput(f"{call.name} for {context.user}: {len(self.calls)}")

    async def __aenter__(self) -> Box:
        self.open += 1
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.open -= 1


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def call(name: str, arguments: str = "{}") -> ToolCall:
    return ToolCall("1", name, arguments)


async def names(box: Any) -> list[str]:
    return [spec.name for spec in await box.tools(ANN)]


async def test_a_prefix_is_the_models_and_not_the_tools() -> None:
    box = Box("read")
    prefixed = Prefixed(box, "fs_")
    assert await names(prefixed) == ["fs_read"]
    await prefixed.call(call("fs_read"), ANN)
    assert box.calls[0].name == "read"


@pytest.mark.parametrize(
    ("allow", "deny", "left"),
    [(None, ["delete_*"], ["read", "write"]), (["read", "d*"], [], ["read", "delete_all"]), ([], [], [])],
)
async def test_only_allowed_tools_are_offered_and_called(
    allow: list[str] | None, deny: list[str], left: list[str]
) -> None:
    filtered = Filtered(Box("read", "write", "delete_all"), allow, deny)
    assert await names(filtered) == left
    for name in {"read", "write", "delete_all"} - set(left):
        with pytest.raises(ToolError, match="no tool named"):
            await filtered.call(call(name), ANN)


async def test_of_two_tools_with_one_name_the_first_counts() -> None:
    first, second = Box("a", "b"), Box("b", "c")
    combined = Combined(first, second)
    assert sorted(await names(combined)) == ["a", "b", "c"]
    await combined.call(call("b"), ANN)
    await combined.call(call("c"), ANN)
    assert (len(first.calls), len(second.calls)) == (1, 1)
    with pytest.raises(ToolError):
        await combined.call(call("d"), ANN)


async def test_entering_a_wrapper_enters_what_it_wraps() -> None:
    box = Box("a")
    async with Prefixed(Filtered(Combined(box)), "x"):
        assert box.open == 1
    assert box.open == 0


async def test_a_timed_tool_takes_no_longer_than_the_shorter_limit() -> None:
    assert [spec.timeout for spec in await Timed(Box("a", timeout=1.0), 5.0).tools(ANN)] == [1.0]

    class Slow(Box):
        async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
            await asyncio.Event().wait()
            raise AssertionError

    with pytest.raises(ToolError, match=r"within 0\.01 seconds"):
        await Timed(Slow("a"), 0.01).call(call("a"), ANN)


async def test_the_same_call_again_is_answered_from_the_cache_for_a_while() -> None:
    clock, box = Clock(), Box("a")
    cached = Cached(box, 10.0, clock=clock)
    first = await cached.call(call("a", '{"x":1,"y":2}'), ANN)
    assert await cached.call(call("a", '{"y": 2, "x": 1}'), ANN) == first
    clock.now = 10.0
    await cached.call(call("a", '{"x":1,"y":2}'), ANN)
    assert len(box.calls) == 2


async def test_no_user_gets_what_was_cached_for_another() -> None:
    cached = Cached(Box("a"), 10.0)
    assert (await cached.call(call("a"), ANN)).content == "a for ann: 1"
    assert (await cached.call(call("a"), BOB)).content == "a for bob: 2"
    with_header = RunContext(user="ann", headers={"authorization": "other"})
    assert (await cached.call(call("a"), with_header)).content == "a for ann: 3"


async def test_a_tool_with_an_effect_is_never_cached() -> None:
    box = Box("a", effect="once")
    cached = Cached(box, 10.0)
    await cached.call(call("a"), ANN)
    await cached.call(call("a"), ANN)
    assert len(box.calls) == 2


async def test_the_cache_keeps_no_more_than_its_size() -> None:
    box = Box("a")
    cached = Cached(box, 10.0, size=2)
    for arguments in ('{"n":1}', '{"n":2}', '{"n":3}', '{"n":1}'):
        await cached.call(call("a", arguments), ANN)
    assert len(box.calls) == 4


async def test_a_user_who_calls_too_often_is_told_when_to_come_back_and_others_are_not() -> None:
    clock = Clock()
    limited = RateLimited(Box("a"), 2, 60.0, clock=clock)
    await limited.call(call("a"), ANN)
    clock.now = 10.0
    await limited.call(call("a"), ANN)
    with pytest.raises(ToolError, match="again in 50 seconds"):
        await limited.call(call("a"), ANN)
    await limited.call(call("a"), BOB)
    clock.now = 60.0
    await limited.call(call("a"), ANN)


async def test_a_call_that_may_wait_waits_for_its_turn() -> None:
    clock, slept = Clock(), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    limited = RateLimited(Box("a"), 2, 60.0, wait=70.0, clock=clock, sleep=sleep)
    for _ in range(2):
        await limited.call(call("a"), ANN)
    clock.now = 10.0
    await limited.call(call("a"), ANN)
    await limited.call(call("a"), ANN)
    with pytest.raises(ToolError, match="again in 110 seconds"):
        await limited.call(call("a"), ANN)
    assert slept == [50.0, 50.0]


async def test_a_call_that_is_left_while_it_waits_makes_room() -> None:
    clock = Clock()

    async def leave(seconds: float) -> None:
        raise asyncio.CancelledError

    limited = RateLimited(Box("a"), 1, 60.0, wait=70.0, clock=clock, sleep=leave)
    await limited.call(call("a"), ANN)
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await limited.call(call("a"), ANN)


async def test_users_of_two_principals_share_neither_limit_nor_cache() -> None:
    first, second = (RunContext(user="ann", principal=Principal(name)) for name in ("one", "two"))
    limited = RateLimited(Cached(Box("a"), 60.0), 1, 60.0)
    assert (await limited.call(call("a"), first)).content == "a for ann: 1"
    assert (await limited.call(call("a"), second)).content == "a for ann: 2"


async def refuse(call: ToolCall, context: RunContext) -> bool:
    return False


async def test_only_calls_that_need_approval_ask_and_a_refused_one_is_not_executed() -> None:
    box = Box("read", "delete")
    approved = Approved(box, ["del*"], refuse)
    assert [spec.approval for spec in await approved.tools(ANN)] == [False, True]
    await approved.call(call("read"), ANN)
    with pytest.raises(ToolError, match=r"^The call of delete was not approved: it was not executed\.$"):
        await approved.call(call("delete"), ANN)
    assert [made.name for made in box.calls] == ["read"]


@pytest.mark.parametrize("answer", ["yes", 1, None])
async def test_nothing_but_true_is_a_yes(answer: Any) -> None:
    approved = Approved(Box("a"), ask=lambda call, context: answer)
    with pytest.raises(ToolError, match="not approved"):
        await approved.call(call("a"), ANN)


async def test_a_function_that_blocks_asks_in_a_thread() -> None:
    answers: queue.Queue[bool] = queue.Queue()
    approved = Approved(Box("a"), ask=lambda call, context: answers.get(timeout=5))
    waiting = asyncio.create_task(approved.call(call("a"), ANN))
    await asyncio.sleep(0)  # the loop is free meanwhile
    answers.put(True)
    assert (await waiting).content == "a for ann: 1"


async def test_a_broken_question_is_a_no_and_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    def ask(call: ToolCall, context: RunContext) -> bool:
        raise OSError("sk-secret")

    with pytest.raises(ToolError, match=r"^The call of a could not be approved: it was not executed\.$"):
        await Approved(Box("a"), ask=ask).call(call("a"), ANN)
    assert "sk-secret" in caplog.text


async def test_without_a_function_the_person_at_the_other_end_is_asked_if_there_is_one() -> None:
    async def yes() -> bool:
        return True

    approved = Approved(Box("a"))
    await approved.call(call("a"), replace(ANN, approve=yes))
    with pytest.raises(ToolError, match="needs approval, and nobody can be asked"):
        await approved.call(call("a"), ANN)


def test_what_asks_is_found_within_other_wrappers() -> None:
    inner = Approved(Box("a"), ["a"])
    outer = Approved(Combined(Box("b"), Prefixed(inner, "x_")), ["b"])
    assert list(approvals(outer)) == [outer, inner]
