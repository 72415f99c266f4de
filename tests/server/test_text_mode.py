"""Models that write their calls as text, end to end over sockets: recorded answers in, tools run, the SDK reads on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from openai import AsyncOpenAI

from tests.corpus import TOOLCALLS, needs_corpus
from tests.server.serving import serving
from turnstream import providers
from turnstream.agent import Agent
from turnstream.events import RunContext, ToolCall, ToolOutput, ToolSpec
from turnstream.models.text_mode import TextMode

RECORDED = {
    "hermes": "llamacpp:hermes:006:8db675",
    "qwen3_coder_xml": "vllm:qwen3_coder_xml:046:b0d431",
    "mistral_v11": "llamacpp:mistral_v11:015:c628b9",
}
ANSWER = "That is all."


def recorded(id: str) -> dict[str, Any]:
    for line in (TOOLCALLS / f"{id.split(':')[0]}.jsonl").read_text("utf-8").splitlines():
        if f'"{id}"' in line:
            case: dict[str, Any] = json.loads(line)
            return case
    raise AssertionError(id)


class Tools:
    """The tools of a recorded case: each says what it was called with."""

    def __init__(self, tools: Sequence[dict[str, Any]]) -> None:
        self._specs = [ToolSpec(t["function"]["name"], "", t["function"].get("parameters") or {}) for t in tools]

    async def tools(self, context: RunContext) -> list[ToolSpec]:
        return self._specs

    async def call(self, call: ToolCall, context: RunContext) -> ToolOutput:
        return ToolOutput(f"called with {call.arguments}")


@asynccontextmanager
async def upstream(text: str, requests: list[dict[str, Any]]) -> AsyncIterator[str]:
    """A server without a tool-call parser (a stand-in; such a server needs a model): three characters a chunk."""

    async def answer(request: web.Request) -> web.StreamResponse:
        requests.append(await request.json())
        said = text if len(requests) == 1 else ANSWER
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(said), 3):
            chunk = {"choices": [{"index": 0, "delta": {"content": said[at : at + 3]}, "finish_reason": None}]}
            await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await response.write(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@needs_corpus
@pytest.mark.parametrize("family", RECORDED)
async def test_a_recorded_call_is_run_and_the_sdk_sees_none_of_it(family: str) -> None:
    case, requests = recorded(RECORDED[family]), list[dict[str, Any]]()
    async with upstream(case["text"], requests) as url:
        inner = providers.model("openai-compatible:local", base_url=url, environ={})
        agent = Agent(TextMode(inner, family), [Tools(case["tools"])], name="helper")
        async with asyncio.timeout(20), serving(agent) as served:
            client = AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none")
            stream = await client.chat.completions.create(
                model="helper", messages=[{"role": "user", "content": "go"}], stream=True
            )
            chunks = [chunk async for chunk in stream]
            await client.close()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    said = case["expected_content"]
    assert text == (f"{said}\n\n{ANSWER}" if said and not said[-1].isspace() else said + ANSWER)
    assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks)
    statuses = [chunk.model_extra["agent"] for chunk in chunks if chunk.model_extra and "agent" in chunk.model_extra]
    assert [status["status"] for status in statuses] == [
        "starting_generation",
        "tool_call_detected",
        "tools_executed",
        "continuing_generation",
    ]
    wanted = [(call["name"], call["arguments"]) for call in case["expected_tool_calls"]]
    given = [(call["name"], json.loads(call["arguments"])) for call in statuses[1]["details"]["tool_calls"]]
    assert given == wanted
    assert "called with" in requests[1]["messages"][-1]["content"]
