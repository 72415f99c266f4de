from __future__ import annotations

import asyncio
import gc
import json
from decimal import Decimal
from typing import Any

import pytest

from tests.agent.scripted import Box, Scripted, Step, calls, crash, echo, hang, refuse, says
from turnstream import conversation
from turnstream.agent import Agent, Run
from turnstream.events import (
    AssistantMessage,
    ClientToolCalls,
    Effect,
    Finish,
    ItemAdded,
    MaxStepsReached,
    ModelOptions,
    ModelRequest,
    Principal,
    ProviderError,
    ProviderItem,
    RequestError,
    RunCancelled,
    RunContext,
    RunEvent,
    RunFailed,
    RunFinished,
    RunRequest,
    RunStarted,
    StepFinished,
    StepStarted,
    SystemMessage,
    TextDelta,
    TextPart,
    ToolCall,
    ToolCallArguments,
    ToolCallDelta,
    ToolCallMalformed,
    ToolCallsDetected,
    ToolCallStart,
    ToolCallStarted,
    ToolMessage,
    ToolOutput,
    ToolProgress,
    ToolResult,
    ToolsExecuted,
    ToolSpec,
    Usage,
    UsageReport,
    UserMessage,
)

TERMINAL = (RunFinished, RunFailed, RunCancelled)


async def collect(run: Run) -> list[RunEvent]:
    async with asyncio.timeout(10), run:
        return [event async for event in run]


def text(events: list[RunEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def kinds(events: list[RunEvent]) -> list[str]:
    return [type(event).__name__ for event in events if not isinstance(event, TextDelta)]


def results(events: list[RunEvent]) -> tuple[ToolResult, ...]:
    [executed] = [event for event in events if isinstance(event, ToolsExecuted)]
    return executed.results


async def test_a_plain_answer_starts_speaks_and_finishes() -> None:
    events = await collect(Agent(Scripted(says("Hello"))).run("hi"))
    assert kinds(events) == ["RunStarted", "StepStarted", "StepFinished", "RunFinished"]
    assert text(events) == "Hello"
    assert events[-1] == RunFinished("stop", Usage(10, 5), 1)


async def test_a_tool_round_emits_every_status_in_order() -> None:
    agent = Agent(Scripted(calls(("echo", '{"a":1}')), says("done")), [Box(echo=echo)])
    events = await collect(agent.run("hi"))
    assert kinds(events) == [
        "RunStarted",
        "StepStarted",
        "ToolCallStarted",
        "ToolCallArguments",
        "StepFinished",
        "ToolCallsDetected",
        "ToolResult",
        "ToolsExecuted",
        "StepStarted",
        "StepFinished",
        "RunFinished",
    ]


async def test_usage_is_summed_over_steps() -> None:
    agent = Agent(Scripted(calls(("echo", "{}")), says("done")), [Box(echo=echo)])
    assert (await collect(agent.run("hi")))[-1] == RunFinished("stop", Usage(20, 10), 2)


async def test_the_second_step_gets_the_call_and_its_result_with_the_models_own_id() -> None:
    model = Scripted(calls(("echo", '{"a":1}'), ids=["abc"], text="Let me see."), says("done"))
    async with Agent(model, [Box(echo=echo)], "Be kind.").run("hi") as run:
        async for _ in run:
            pass
    system, user, assistant, tool = model.requests[1].messages
    assert (system, user) == (SystemMessage("Be kind."), UserMessage("hi"))
    assert isinstance(assistant, AssistantMessage)
    assert assistant.text == "Let me see."
    assert assistant.tool_calls == (ToolCall("abc", "echo", '{"a":1}'),)
    assert tool == ToolMessage("abc", '{"a":1}', "echo")
    assert run.messages == [assistant, tool, AssistantMessage(run.messages[2].parts)]  # type: ignore[union-attr]


async def test_tools_run_at_the_same_time_and_results_return_in_call_order() -> None:
    first_may_end = asyncio.Event()

    async def slow(call: ToolCall, context: RunContext) -> ToolOutput:
        await first_may_end.wait()
        return ToolOutput("slow")

    async def fast(call: ToolCall, context: RunContext) -> ToolOutput:
        first_may_end.set()
        return ToolOutput("fast")

    model = Scripted(calls(("slow", "{}"), ("fast", "{}")), says("done"))
    events = await collect(Agent(model, [Box(slow=slow, fast=fast)]).run("hi"))
    as_they_came = [event.output.content for event in events if isinstance(event, ToolResult)]
    assert as_they_came == ["fast", "slow"]
    assert [result.output.content for result in results(events)] == ["slow", "fast"]
    assert [m.content for m in model.requests[1].messages if isinstance(m, ToolMessage)] == ["slow", "fast"]


async def test_parallel_calls_of_one_tool_stay_apart() -> None:
    model = Scripted(calls(("echo", '{"n":1}'), ("echo", '{"n":2}')), says("done"))
    events = await collect(Agent(model, [Box(echo=echo)]).run("hi"))
    assert [result.output.content for result in results(events)] == ['{"n":1}', '{"n":2}']


@pytest.mark.parametrize("ids", [["", ""], ["same", "same"]])
async def test_missing_and_repeated_ids_become_unique(ids: list[str]) -> None:
    model = Scripted(calls(("echo", "{}"), ("echo", "{}"), ids=ids), says("done"))
    [one, two] = [r.tool_call.id for r in results(await collect(Agent(model, [Box(echo=echo)]).run("hi")))]
    assert one
    assert two
    assert one != two


async def test_an_id_that_an_earlier_step_used_is_replaced() -> None:
    model = Scripted(calls(("echo", "{}"), ids=["x"]), calls(("echo", "{}"), ids=["x"]), says("done"))
    await collect(Agent(model, [Box(echo=echo)]).run("hi"))
    ids = [m.tool_call_id for m in model.requests[2].messages if isinstance(m, ToolMessage)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [("refuse", "I refuse."), ("crash", "ZeroDivisionError"), ("nothing", "There is no tool named 'nothing'")],
)
async def test_a_failing_tool_is_told_to_the_model_and_the_run_goes_on(name: str, expected: str) -> None:
    model = Scripted(calls((name, "{}")), says("sorry"))
    events = await collect(Agent(model, [Box(refuse=refuse, crash=crash)]).run("hi"))
    [result] = results(events)
    assert not result.ok
    assert expected in str(result.output.content)
    assert isinstance(model.requests[1].messages[-1], ToolMessage)
    assert text(events) == "sorry"


async def test_a_hung_tool_times_out_without_holding_up_the_others() -> None:
    model = Scripted(calls(("hang", "{}"), ("echo", "{}")), says("done"))
    agent = Agent(model, [Box(hang=hang, timeout=0.05), Box(echo=echo)])
    [hung, echoed] = results(await collect(agent.run("hi")))
    assert "within 0.05 seconds" in str(hung.output.content)
    assert echoed.ok


async def test_a_tool_that_refuses_to_be_cancelled_is_left_behind() -> None:
    release = asyncio.Event()

    async def stubborn(call: ToolCall, context: RunContext) -> ToolOutput:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return ToolOutput("late")

    model = Scripted(calls(("stubborn", "{}")), says("done"))
    [result] = results(await collect(Agent(model, [Box(stubborn=stubborn, timeout=0.05)]).run("hi")))
    release.set()
    assert not result.ok


async def test_a_tool_that_cancels_itself_has_a_result() -> None:
    async def cancelled(call: ToolCall, context: RunContext) -> ToolOutput:
        raise asyncio.CancelledError

    model = Scripted(calls(("cancelled", "{}")), says("done"))
    [result] = results(await collect(Agent(model, [Box(cancelled=cancelled)]).run("hi")))
    assert result.output.content == "The tool cancelled was cancelled."


@pytest.mark.parametrize("error", [GeneratorExit(), StopAsyncIteration(), BaseException("no exception")])
async def test_a_tool_may_fail_with_what_is_no_exception(error: BaseException) -> None:
    async def fails(call: ToolCall, context: RunContext) -> ToolOutput:
        raise error

    async with asyncio.timeout(10):
        events = await collect(Agent(Scripted(calls(("fails", "{}")), says("done")), [Box(fails=fails)]).run("hi"))
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert not result.ok
    assert text(events) == "done"


async def test_progress_of_any_type_is_told_in_words_and_a_number() -> None:
    async def working(call: ToolCall, context: RunContext) -> ToolOutput:
        context.progress(None, Decimal("0.5"))  # type: ignore[arg-type]  # nobody checks a tool's types
        return ToolOutput("done")

    events = await collect(Agent(Scripted(calls(("working", "{}")), says("x")), [Box(working=working)]).run("hi"))
    assert ToolProgress("c0", "working", "None", 0.5) in events


async def test_progress_streams_while_the_tool_runs_also_from_a_thread() -> None:
    async def working(call: ToolCall, context: RunContext) -> ToolOutput:
        context.progress("half", 0.5)
        await asyncio.to_thread(context.progress, "threaded", None)
        return ToolOutput("ok")

    model = Scripted(calls(("working", "{}")), says("done"))
    events = await collect(Agent(model, [Box(working=working)]).run("hi"))
    progress = [event for event in events if isinstance(event, ToolProgress)]
    assert progress == [ToolProgress("c0", "working", "half", 0.5), ToolProgress("c0", "working", "threaded")]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "nonsense", '"{}"'])
async def test_arguments_that_are_no_json_object_are_never_executed(arguments: str) -> None:
    model = Scripted(calls(("crash", arguments)), says("done"))
    [result] = results(await collect(Agent(model, [Box(crash=crash)]).run("hi")))
    assert "not executed" in str(result.output.content)
    assert arguments in str(result.output.content)
    [assistant] = [m for m in model.requests[1].messages if isinstance(m, AssistantMessage)]
    assert assistant.tool_calls[0].arguments == "{}"


@pytest.mark.parametrize("half", ["\\ud800", "\ud800"], ids=["escaped", "raw"])
async def test_half_a_surrogate_pair_costs_one_character_and_not_the_call(half: str) -> None:
    agent = Agent(Scripted(calls(("echo", f'{{"text": "a{half}b"}}')), says("x")), [Box(echo=echo)])
    [result] = [event for event in await collect(agent.run("hi")) if isinstance(event, ToolResult)]
    assert (result.ok, json.loads(str(result.output.content))) == (True, {"text": "a\ufffdb"})


async def test_a_call_cut_off_by_the_length_limit_says_so() -> None:
    step: Step = [[ToolCallStart(0, "x", "echo"), ToolCallDelta(0, '{"a": "b'), Finish("length", "length")]]
    [result] = results(await collect(Agent(Scripted(step, says("ok")), [Box(echo=echo)]).run("hi")))
    assert "truncated by the output token limit" in str(result.output.content)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(
            ("null", {}),
            ("[]", {}),
            ('{"a": 1}{"a": 1}', {"a": 1}),
            (r'"{\"a\": 1}"', {"a": 1}),
            ('{}{"a": 1}', {"a": 1}),
        ),
        *(('{"a": 1}</tool_call>', {"a": 1}), ('{"a": 1}\n<|tool_call_end|><|im_end|>', {"a": 1})),
    ],
)
async def test_arguments_that_certainly_mean_an_object_are_that_object(written: str, meant: object) -> None:
    model = Scripted(calls(("echo", written)), says("done"))
    [result] = results(await collect(Agent(model, [Box(echo=echo)]).run("hi")))
    assert (result.ok, json.loads(str(result.output.content))) == (True, meant)


@pytest.mark.parametrize("written", ["[1]", "5", '"text"', '{"a": 1}{"b": 2}', '{"a": 1} and', '{"a": NaN}', "{}}"])
async def test_arguments_that_may_mean_something_else_are_told_to_the_model(written: str) -> None:
    model = Scripted(calls(("echo", written)), says("done"))
    [result] = results(await collect(Agent(model, [Box(echo=echo)]).run("hi")))
    assert "its arguments are not a JSON object" in str(result.output.content)


async def test_a_call_cut_off_before_its_arguments_is_not_executed_without_them() -> None:
    step: Step = [[ToolCallStart(0, "x", "echo"), Finish("length", "max_tokens")]]
    [result] = results(await collect(Agent(Scripted(step, says("ok")), [Box(echo=echo)]).run("hi")))
    assert "truncated by the output token limit" in str(result.output.content)


async def test_a_call_without_arguments_gets_an_empty_object() -> None:
    model = Scripted(calls(("echo", "")), says("done"))
    [result] = results(await collect(Agent(model, [Box(echo=echo)]).run("hi")))
    assert result.output.content == "{}"


async def test_a_clients_tool_is_handed_to_the_client() -> None:
    request = RunRequest((UserMessage("hi"),), tools=(ToolSpec("theirs"),))
    model = Scripted(calls(("theirs", '{"x":1}')))
    events = await collect(Agent(model).run(request))
    assert events[-2] == ClientToolCalls(1, (ToolCall("c0", "theirs", '{"x":1}'),))
    assert events[-1] == RunFinished("tool_calls", Usage(10, 5), 1)
    assert [tool.name for tool in model.requests[0].tools] == ["theirs"]


async def test_mixed_calls_run_ours_first_and_hand_over_the_rest() -> None:
    request = RunRequest((UserMessage("hi"),), tools=(ToolSpec("theirs"),))
    model = Scripted(calls(("theirs", "{}"), ("echo", "{}")))
    events = await collect(Agent(model, [Box(echo=echo)]).run(request))
    assert kinds(events)[6:] == [
        "StepFinished",
        "ToolCallsDetected",
        "ToolResult",
        "ToolsExecuted",
        "ClientToolCalls",
        "RunFinished",
    ]
    [detected] = [event for event in events if isinstance(event, ToolCallsDetected)]
    assert [call.name for call in detected.tool_calls] == ["echo"]


async def test_a_client_cannot_replace_a_tool_of_ours() -> None:
    request = RunRequest((UserMessage("hi"),), tools=(ToolSpec("echo", description="theirs"),))
    model = Scripted(calls(("echo", '{"a":1}')), says("done"))
    events = await collect(Agent(model, [Box(echo=echo)]).run(request))
    assert results(events)[0].ok
    assert [tool.description for tool in model.requests[0].tools] == [""]


async def test_at_the_depth_limit_one_call_without_tools_gives_an_answer() -> None:
    model = Scripted(calls(("echo", "{}")), calls(("echo", "{}")), says("what I found"))
    events = await collect(Agent(model, [Box(echo=echo)], max_steps=2).run("hi"))
    assert kinds(events)[-4:] == ["MaxStepsReached", "StepStarted", "StepFinished", "RunFinished"]
    assert text(events) == "what I found"
    assert [len(request.tools) for request in model.requests] == [1, 1, 0]


async def test_at_the_depth_limit_a_run_may_also_just_stop() -> None:
    agent = Agent(Scripted(calls(("echo", "{}"))), [Box(echo=echo)], max_steps=2, on_max_steps="stop")
    events = await collect(agent.run("hi"))
    assert events[-2:] == [MaxStepsReached(2), RunFinished("max_steps", Usage(20, 10), 2)]


async def test_calls_in_the_last_step_without_tools_are_dropped() -> None:
    agent = Agent(Scripted(calls(("echo", "{}"), text="…")), [Box(echo=echo)], max_steps=1)
    events = await collect(agent.run("hi"))
    assert events[-1] == RunFinished("stop", Usage(20, 10), 2)
    assert sum(isinstance(event, ToolsExecuted) for event in events) == 1


async def test_a_forced_tool_choice_holds_for_the_first_step_only() -> None:
    request = RunRequest((UserMessage("hi"),), options=ModelOptions(tool_choice="required"))
    model = Scripted(calls(("echo", "{}")), says("done"))
    await collect(Agent(model, [Box(echo=echo)]).run(request))
    assert [request.options.tool_choice for request in model.requests] == ["required", None]


async def test_the_requests_options_overlay_the_agents() -> None:
    agent = Agent(
        Scripted(says("x")), options=ModelOptions(temperature=0.5, max_tokens=10, seed=1, extra={"a": 1, "b": 1})
    )
    over = ModelOptions(temperature=0.0, max_completion_tokens=7, extra={"b": 2})
    await collect(agent.run(RunRequest((UserMessage("hi"),), options=over)))
    assert isinstance(agent.model, Scripted)
    assert agent.model.requests[0].options == ModelOptions(
        temperature=0.0, max_completion_tokens=7, seed=1, extra={"a": 1, "b": 2}
    )


async def test_a_paused_answer_is_continued() -> None:
    model = Scripted(says("first ", Finish("pause", "pause_turn")), says("second"))
    assert text(await collect(Agent(model).run("hi"))) == "first second"


async def test_an_answer_that_pauses_for_ever_ends_at_the_depth_limit() -> None:
    model = Scripted(says("again ", Finish("pause", "pause_turn")))
    events = await collect(Agent(model, max_steps=2).run("hi"))
    assert text(events) == "again again again "
    assert isinstance(events[-1], RunFinished)


async def test_what_a_broken_model_call_used_is_counted() -> None:
    step: Step = [[UsageReport(Usage(7, 1))], [TextDelta("a")], ProviderError("It broke.")]
    events = await collect(Agent(Scripted(calls(("echo", "{}")), step), [Box(echo=echo)]).run("hi"))
    assert isinstance(events[-1], RunFailed)
    assert events[-1].usage == Usage(17, 6)


async def test_what_a_run_that_was_left_used_is_counted() -> None:
    async with Agent(Scripted([[UsageReport(Usage(7, 1)), TextDelta("a")], asyncio.Event()])).run("hi") as run:
        async for event in run:
            if isinstance(event, TextDelta):
                break
    assert run.outcome == RunCancelled(Usage(7, 1))


async def test_a_provider_error_ends_the_run_with_a_failure_and_never_a_clean_stop() -> None:
    error = ProviderError("The model's server failed.", detail="secret-key-1", code="overloaded", status=503)
    events = await collect(Agent(Scripted([[TextDelta("Hel")], error])).run("hi"))
    assert events[-1] == RunFailed("overloaded", "The model's server failed.", 503, Usage())
    assert "secret" not in repr(events)


async def test_a_failure_says_when_to_try_again() -> None:
    events = await collect(Agent(Scripted([ProviderError("Too busy.", status=429, retry_after=7)])).run("hi"))
    assert events[-1] == RunFailed("provider_error", "Too busy.", 429, Usage(), retry_after=7)


@pytest.mark.parametrize(("effect", "acted"), [("none", False), ("idempotent", False), ("once", True)])
async def test_a_run_knows_whether_it_acted_on_the_world(effect: Effect, acted: bool) -> None:
    class Lever(Box):
        async def tools(self, context: RunContext) -> list[ToolSpec]:
            return [ToolSpec("echo", effect=effect)]

    run = Agent(Scripted(calls(("echo", "{}")), says("done")), [Lever(echo=echo)]).run("hi")
    await collect(run)
    assert run.acted is acted


async def test_an_unexpected_error_ends_the_run_without_its_words() -> None:
    events = await collect(Agent(Scripted([RuntimeError("secret")])).run("hi"))
    assert isinstance(events[-1], RunFailed)
    assert events[-1].code == "internal_error"
    assert "secret" not in repr(events)


async def test_the_deadline_ends_a_run_whose_model_is_silent() -> None:
    model = Scripted([asyncio.Event()])
    events = await collect(Agent(model, run_timeout=0.05).run("hi"))
    assert isinstance(events[-1], RunFailed)
    assert (events[-1].code, events[-1].status) == ("run_timeout", 504)
    assert model.open == 0


async def test_the_deadline_ends_a_run_whose_tool_hangs_and_cancels_the_tool() -> None:
    ended = asyncio.Event()

    async def patient(call: ToolCall, context: RunContext) -> ToolOutput:
        try:
            return await hang(call, context)
        finally:
            ended.set()

    agent = Agent(Scripted(calls(("patient", "{}"))), [Box(patient=patient)], run_timeout=0.05)
    events = await collect(agent.run("hi"))
    assert isinstance(events[-1], RunFailed)
    assert ended.is_set()


async def test_leaving_a_run_closes_the_model_call() -> None:
    model = Scripted([[TextDelta("a")], asyncio.Event()])
    async with Agent(model).run("hi") as run:
        async for event in run:
            if isinstance(event, TextDelta):
                break
        assert model.open == 1
    assert model.open == 0
    assert run.outcome == RunCancelled(Usage())


async def test_leaving_a_run_cancels_its_tools() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def patient(call: ToolCall, context: RunContext) -> ToolOutput:
        started.set()
        try:
            return await hang(call, context)
        finally:
            ended.set()

    async with Agent(Scripted(calls(("patient", "{}"))), [Box(patient=patient)]).run("hi") as run:
        consumer = asyncio.create_task(_drain(run))
        await asyncio.wait_for(started.wait(), 5)
        consumer.cancel()
        await asyncio.wait((consumer,), timeout=5)
    assert ended.is_set()
    assert isinstance(run.outcome, RunCancelled)


async def _drain(run: Run) -> None:
    async for _ in run:
        pass


async def test_every_run_has_exactly_one_terminal_event_and_it_is_the_last() -> None:
    models = [
        Scripted(says("x")),
        Scripted([RuntimeError("x")]),
        Scripted(calls(("echo", "{}"))),
        Scripted([]),
        Scripted([[TextDelta("cut")]]),
    ]
    for model in models:
        events = await collect(Agent(model, [Box(echo=echo)], max_steps=1).run("hi"))
        assert [isinstance(event, TERMINAL) for event in events].count(True) == 1
        assert isinstance(events[-1], TERMINAL)
        assert isinstance(events[0], RunStarted)
        assert events[1] == StepStarted(1)


async def test_a_run_can_be_iterated_only_once() -> None:
    async with Agent(Scripted(says("x"))).run("hi") as run:
        await _drain(run)
        with pytest.raises(RuntimeError, match="only once"):
            run.batches()


async def test_a_broken_toolbox_is_left_out_and_the_run_goes_on() -> None:
    class Broken(Box):
        async def tools(self, context: RunContext) -> list[ToolSpec]:
            raise OSError("down")

    model = Scripted(calls(("echo", "{}")), says("done"))
    events = await collect(Agent(model, [Broken(), Box(echo=echo)]).run("hi"))
    assert text(events) == "done"


class _Resource(Box):
    def __init__(self) -> None:
        super().__init__(echo=echo)
        self.log: list[str] = []

    async def __aenter__(self) -> _Resource:
        self.log.append("open")
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.log.append("close")


async def test_an_agent_opens_its_tools_once_for_all_who_use_it() -> None:
    box = _Resource()
    agent = Agent(Scripted(says("x")), [box])
    async with agent:
        await asyncio.gather(*(collect(agent.run("hi")) for _ in range(3)))
        assert box.log == ["open"]
    assert box.log == ["open", "close"]
    await collect(agent.run("hi"))
    assert box.log == ["open", "close", "open", "close"]


async def test_two_hundred_runs_at_once_share_nothing() -> None:
    """Each user's secret goes to the user's own tools, model calls and answers, and to no others."""

    class Relay(Scripted):
        def stream(self, request: Any, context: Any = None) -> Any:
            self.requests.append(request)
            user = next(m.content for m in request.messages if isinstance(m, UserMessage))
            if isinstance(request.messages[-1], ToolMessage):
                step = says(f"{user} got {request.messages[-1].content}")
            else:
                step = calls(("whoami", f'{{"text":"{user}"}}'), ids=["same"])
            return Scripted(step).stream(request)

    async def whoami(call: ToolCall, context: RunContext) -> ToolOutput:
        await asyncio.sleep(0)
        return ToolOutput(f"{context.user}/{context.values['secret']}/{call.arguments}")

    agent = Agent(Relay(), [Box(whoami=whoami)])

    async def one(number: int) -> str:
        name = f"user-{number}"
        return text(await collect(agent.run(name, user=name, context={"secret": f"s{number}"})))

    answers = await asyncio.gather(*(one(number) for number in range(200)))
    for number, answer in enumerate(answers):
        assert answer == f'user-{number} got user-{number}/s{number}/{{"text":"user-{number}"}}'


async def test_a_finished_run_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    await collect(Agent(Scripted(calls(("hang", "{}")), says("x")), [Box(hang=hang, timeout=0.01)]).run("hi"))
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_clients_are_not_shown_what_an_exception_says() -> None:
    model = Scripted(calls(("crash", "{}")), says("done"))
    [result] = results(await collect(Agent(model, [Box(crash=crash)]).run("hi")))
    assert result.output.shown_text == "The tool crash failed."


SIGNED = ProviderItem("anthropic", {"type": "thinking", "signature": "abc"})


async def test_a_finished_step_tells_what_was_said_why_it_ended_and_what_it_cost() -> None:
    step: Step = [[ItemAdded(SIGNED), TextDelta("Hello")], [UsageReport(Usage(10, 5)), Finish("length", "max_tokens")]]
    [finished] = [event for event in await collect(Agent(Scripted(step)).run("hi")) if isinstance(event, StepFinished)]
    assert finished.message == AssistantMessage((SIGNED, TextPart("Hello")))
    assert (finished.step, finished.finish, finished.usage, finished.model) == (1, "length", Usage(10, 5), "scripted")
    assert finished.duration >= 0


async def test_the_conversation_is_a_fold_over_the_events() -> None:
    model = Scripted(calls(("echo", '{"a":1}'), ("echo", "{}")), says("done"))
    async with Agent(model, [Box(echo=echo)]).run("hi") as run:
        fold = conversation.Fold()
        async for batch in run.batches():
            fold.feed(batch)
    assert fold.messages == run.messages == [*model.requests[1].messages[1:], AssistantMessage((TextPart("done"),))]


async def test_a_model_hears_which_run_asks_and_for_whom() -> None:
    class Curious(Scripted):
        def stream(self, request: ModelRequest, context: RunContext) -> Any:  # type: ignore[override]
            contexts.append(context)
            return super().stream(request)

    contexts: list[RunContext] = []
    request = RunRequest((UserMessage("hi"),), thread_id="t", principal=Principal("alice"))
    await collect(Agent(Curious(says("x")), name="helper").run(request, run_id="run_1"))
    [context] = contexts
    assert (context.run_id, context.thread_id, context.agent) == ("run_1", "t", "helper")
    assert context.principal == Principal("alice")


async def test_a_tool_hears_for_whom_it_works() -> None:
    async def whoami(call: ToolCall, context: RunContext) -> ToolOutput:
        return ToolOutput(context.principal.name)

    request = RunRequest((UserMessage("hi"),), principal=Principal("alice"))
    [result] = results(
        await collect(Agent(Scripted(calls(("whoami", "{}")), says("x")), [Box(whoami=whoami)]).run(request))
    )
    assert result.output.content == "alice"


async def test_a_request_that_a_provider_refuses_names_the_field_and_is_not_worth_a_second_try() -> None:
    error = RequestError("messages[0].content[1]: no sound here.", param="messages[0].content[1]", code="unsupported")
    failed = (await collect(Agent(Scripted([error])).run("hi")))[-1]
    assert isinstance(failed, RunFailed)
    assert (failed.status, failed.code, failed.param) == (400, "unsupported", "messages[0].content[1]")
    assert not failed.retryable


async def test_a_call_is_told_of_from_its_beginning_with_the_id_that_it_keeps() -> None:
    step: Step = [
        [ToolCallStart(0, "", "echo"), ToolCallDelta(0, '{"a"')],
        [ToolCallStart(1, "x", "echo"), ToolCallDelta(0, ":1}"), ToolCallDelta(1, "{}")],
        [Finish("tool_calls")],
    ]
    model = Scripted(step, says("done"))
    events = await collect(Agent(model, [Box(echo=echo)]).run("hi", run_id="run_1"))
    started = [event for event in events if isinstance(event, ToolCallStarted)]
    assert started == [ToolCallStarted(1, 0, "call_run_1_1_0", "echo"), ToolCallStarted(1, 1, "x", "echo")]
    [detected] = [event for event in events if isinstance(event, ToolCallsDetected)]
    fragments = [event for event in events if isinstance(event, ToolCallArguments)]
    for call in detected.tool_calls:
        assert call.arguments == "".join(part.arguments for part in fragments if part.tool_call_id == call.id)


async def test_a_call_that_was_begun_and_turns_out_malformed_has_a_failed_result() -> None:
    step: Step = [[ToolCallStart(0, "x", "echo"), ToolCallDelta(0, '{"a'), ToolCallMalformed(0, "unclosed")]]
    events = await collect(Agent(Scripted(step, says("ok")), [Box(echo=echo)]).run("hi"))
    [started] = [event for event in events if isinstance(event, ToolCallStarted)]
    [result] = results(events)
    assert (started.tool_call_id, result.tool_call.id, result.ok) == ("x", "x", False)


@pytest.mark.parametrize("depth", [1_000, 5_000])
async def test_arguments_that_are_nested_too_deeply_are_a_malformed_call(depth: int) -> None:
    arguments = '{"a": ' + "[" * depth + "]" * depth + "}"
    events = await collect(Agent(Scripted(calls(("echo", arguments)), says("ok")), [Box(echo=echo)]).run("hi"))
    assert [result.ok for result in results(events)] == [False]
    assert kinds(events)[-1] == "RunFinished"


async def test_a_call_in_the_last_step_which_has_no_tools_is_not_told_of() -> None:
    agent = Agent(Scripted(calls(("echo", "{}"))), [Box(echo=echo)], max_steps=1)
    events = await collect(agent.run("hi"))
    assert kinds(events).count("ToolCallStarted") == 1


async def test_an_answer_that_is_too_long_is_cut_off_and_its_model_left() -> None:
    model = Scripted([[TextDelta("four")], [TextDelta("more")], asyncio.Event()])
    async with asyncio.timeout(10), Agent(model, max_answer=7).run("hi") as run:
        events = await collect(run)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["four", "more"]
    assert (run.outcome, model.open) == (RunFinished("length", Usage(), 1), 0)


async def test_arguments_without_end_are_an_answer_that_is_too_long() -> None:
    endless: Step = [[ToolCallStart(0, "c0", "echo"), ToolCallDelta(0, '{"x":"' + "x" * 9)], asyncio.Event()]
    model = Scripted(endless, says("done"))
    async with asyncio.timeout(10), Agent(model, [Box(echo=echo)], max_answer=9).run("hi") as run:
        events = await collect(run)
    [result] = [event for event in events if isinstance(event, ToolResult)]
    assert not result.ok
    assert isinstance(run.outcome, RunFinished)


async def test_a_step_with_thousands_of_calls_makes_a_few_and_says_so_of_the_rest() -> None:
    made: list[str] = []

    async def count(call: ToolCall, context: RunContext) -> ToolOutput:
        made.append(call.id)
        return ToolOutput("done")

    model = Scripted(calls(*[("count", "{}")] * 3000), says("enough"))
    async with Agent(model, [Box(count=count)], max_calls=2).run("hi") as run:
        events = await collect(run)
    results = [event for event in events if isinstance(event, ToolResult)]
    assert (len(made), sum(result.ok for result in results), len(results)) == (2, 2, 3000)
    assert any("one step may have 2 tool calls" in str(result.output.content) for result in results)
    assert isinstance(run.outcome, RunFinished)


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit])
async def test_a_tool_that_wants_to_end_the_process_has_failed(ending: type[BaseException]) -> None:
    async def leave(call: ToolCall, context: RunContext) -> ToolOutput:
        raise ending

    model = Scripted(calls(("leave", "{}")), says("so be it"))
    async with Agent(model, [Box(leave=leave)]).run("hi") as run:
        events = await collect(run)
    assert [event.ok for event in events if isinstance(event, ToolResult)] == [False]
    assert isinstance(run.outcome, RunFinished)
