"""An answer that begins with an error, one that is slow to begin, and one that nobody ends."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.providers.stories import gemini as gemini_story
from tests.providers.upstream import DONE, HELLO, Answer, chunk, hangs_up, says, upstream
from turnstream import errors, events, messages, providers, requests, toolspec
from turnstream.parsing.collect import Collector
from turnstream.providers import base, openai
from turnstream.providers.transport import answers, connections, watchdog

ASK = requests.ModelRequest((messages.UserMessage("Hello?"),))
BUSY = b'data: {"error":{"message":"busy","code":503}}\n\n'
CALL = chunk(tool_calls=None).replace(
    b'"delta": {}', b'"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}]}'
)


async def feed(collector: Collector, stream: Any) -> None:
    async for batch in stream:
        collector.feed(batch)


async def collected(*answers: Answer, name: str = "openai-compatible:m", **more: Any) -> tuple[Collector, int]:
    """What was said, and how often the vendor was asked."""
    collector = Collector()
    async with upstream(*answers) as vendor, asyncio.timeout(20):
        model: Any = providers.model(name, base_url=vendor.base_url, api_key="k", environ={}, **more)
        async with model.stream(ASK) as stream:
            await feed(collector, stream)
        return collector, len(vendor.requests)


@pytest.mark.parametrize(
    "ahead",
    [b"", b": processing\n\n", chunk(""), chunk(None, "error")],
    ids=["nothing", "comment", "role", "finish"],
)
async def test_an_error_before_anything_can_be_seen_is_tried_again(ahead: bytes) -> None:
    collector, asked = await collected(says(ahead, BUSY), says(*HELLO))
    assert (collector.text, collector.tool_calls, asked) == ("Hello", (), 2)


@pytest.mark.parametrize("seen", [chunk("Half"), chunk().replace(b"{}", b'{"reasoning_content": "Hm"}', 1), CALL])
async def test_an_error_after_that_is_told(seen: bytes) -> None:
    with pytest.raises(errors.ProviderError) as caught:
        await collected(says(seen, BUSY), says(*HELLO))
    assert caught.value.code == "provider_overloaded"


async def test_retries_count_for_both_kinds_of_failures() -> None:
    refused = says(b"{}", status="503 Service Unavailable")
    collector, asked = await collected(refused, says(BUSY), says(*HELLO), retries=2)
    assert (collector.text, asked) == ("Hello", 3)
    with pytest.raises(errors.ProviderError):
        await collected(refused, says(BUSY), says(*HELLO), retries=1)


async def test_a_call_is_told_while_the_model_still_writes_its_arguments() -> None:
    async with upstream(says(CALL, end=False)) as vendor, asyncio.timeout(20):
        model: Any = providers.model("openai-compatible:m", base_url=vendor.base_url)
        async with model.stream(ASK) as stream:
            assert await anext(stream) == [events.ToolCallStart(0, "c", "f"), events.ToolCallDelta(0, "{")]


async def test_a_call_is_told_ahead_of_the_error() -> None:
    collector = Collector()
    async with upstream(says(CALL, BUSY)) as vendor, asyncio.timeout(20):
        model: Any = providers.model("openai-compatible:m", base_url=vendor.base_url, retries=0)
        async with model.stream(ASK) as stream:
            with pytest.raises(errors.ProviderError):
                await feed(collector, stream)
    assert collector.tool_calls[0].name == "f"


async def test_what_another_try_does_not_help_is_told_at_once() -> None:
    wrong = b'data: {"error":{"message":"no","code":401}}\n\n'
    with pytest.raises(errors.ProviderError) as caught:
        await collected(says(wrong), says(*HELLO))
    assert caught.value.code == "provider_authentication"


async def test_an_empty_stop_of_geminis_is_asked_once_more_and_then_taken() -> None:
    empty = says(b'data: {"candidates":[{"content":{},"finishReason":"STOP"}]}\n\n')
    said = says(gemini_story.STORIES["text"])
    assert (await collected(empty, said, name="gemini:gemini-2.5-pro"))[1] == 2
    collector, asked = await collected(empty, name="gemini:gemini-2.5-pro", retries=1)
    assert (collector.text, collector.finish, asked) == ("", events.Finish("stop", "STOP"), 2)


async def test_a_server_without_responses_gets_the_call_at_chat_completions() -> None:
    tool = toolspec.ToolSpec("f", "", {"type": "object"})
    async with upstream(says(b"{}", status="404 Not Found"), says(*HELLO)) as vendor, asyncio.timeout(20):
        model: Any = providers.model("openai:gpt-5.6", base_url=vendor.base_url, api_key="k", environ={})
        collector = Collector()
        async with model.stream(requests.ModelRequest(ASK.messages, (tool,))) as stream:
            await feed(collector, stream)
        assert collector.text == "Hello"
        assert [request.split(b" ")[1] for request in vendor.requests] == [b"/v1/responses", b"/v1/chat/completions"]
        assert vendor.body()["reasoning_effort"] == "none"


async def test_a_connection_is_given_back_once_though_it_is_left_twice() -> None:
    later = slowly(0.05, *HELLO)
    async with upstream(says(*HELLO), later) as vendor, connections.Client() as client, asyncio.timeout(20):
        request = base.HttpRequest("POST", vendor.base_url, {}, b"{}")
        first = await client.request(request, base.Timeouts(connect=5))
        limits = base.Timeouts()
        answer = answers.Answer(
            first, openai.PROVIDER.decoder(), watchdog.Watchdog(first.content, limits, client.pool().resource.loop, 1e9)
        )
        while await answer.read():
            pass
        answer.leave()
        second = await client.request(request, base.Timeouts(connect=5))  # the same connection
        answer.leave()
        assert b"Hel" in await second.content.readany()
        second.close()


async def test_a_call_that_groq_could_not_read_is_the_models_slip() -> None:
    body = b'{"error":{"message":"x","code":"tool_use_failed","failed_generation":"<f"}}'
    collector, asked = await collected(says(body, status="400 Bad Request"), name="groq:m")
    assert (collector.tool_calls[0].malformed, collector.finish, asked) == (
        "it could not be read",
        events.Finish("tool_calls", "tool_use_failed"),
        1,
    )


def slowly(gap: float, *pieces: bytes, end: bool = True) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        await says(end=False)(writer)
        for piece in pieces:
            await asyncio.sleep(gap)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if end:
            writer.write(b"0\r\n\r\n")

    return answer


@pytest.mark.parametrize("life", [b": keep-alive\n\n", chunk("")])
async def test_whatever_a_vendor_sends_before_the_first_word_is_life(life: bytes) -> None:
    limits = {"first_token": 0.2, "idle": 0.2}
    collector, _ = await collected(slowly(0.08, life, life, life, life, *HELLO), timeouts=limits)
    assert collector.text == "Hello"


@pytest.mark.parametrize("after", [b"", b": ping\n\n"], ids=["silence", "comments"])
async def test_after_the_finish_reason_the_end_is_not_waited_for_longer_than_a_moment(after: bytes) -> None:
    pieces = (chunk("Hello"), chunk(None, "stop"), *[after or b": \n\n"] * (30 if after else 1))
    began = time.monotonic()
    collector, _ = await collected(slowly(0.1, *pieces, end=False))
    assert (collector.text, collector.finish) == ("Hello", events.Finish("stop", "stop"))
    assert time.monotonic() - began < 5


async def test_usage_that_comes_a_moment_after_the_finish_reason_is_not_lost() -> None:
    last = chunk(usage={"prompt_tokens": 3, "completion_tokens": 1})
    collector, _ = await collected(slowly(0.3, chunk("Hello", "stop"), last, DONE, end=False))
    assert collector.usage is not None
    assert collector.usage.input == 3


async def test_a_finish_reason_in_every_chunk_does_not_end_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "END_SECONDS", 0.5)
    words = [chunk(word, "stop") for word in "abc"]
    collector, _ = await collected(slowly(0.3, *words, DONE))
    assert collector.text == "abc"


async def test_a_connection_that_breaks_before_anything_was_seen_is_an_error_all_the_same() -> None:
    with pytest.raises(errors.ProviderError):
        await collected(hangs_up(chunk("a")), retries=0)
