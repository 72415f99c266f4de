"""OpenAI's own client, unmodified: responses of the background, at another server than the one that runs them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from tests import postgres
from tests.agent.scripted import Scripted, calls, says
from tests.server.serving import Served, serving, until
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent
from turnstream.events import Finish, TextDelta


def client_of(served: Served) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)


def slow(gate: asyncio.Event) -> Scripted:
    return Scripted([[TextDelta("a")], gate, [TextDelta("b"), Finish("stop", "stop")]])


async def completed(client: openai.AsyncOpenAI, id: str) -> Any:
    async with asyncio.timeout(20):
        while (response := await client.responses.retrieve(id)).status in (  # noqa: ASYNC110
            "queued",
            "in_progress",
        ):
            await asyncio.sleep(0.02)
    return response


async def test_a_response_of_the_background_is_polled_at_another_server(postgres_url: str) -> None:
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    agents = (Agent(slow(gate), name="a") for _ in range(2))
    async with (
        serving(next(agents), store=url) as first,
        serving(next(agents), store=url) as second,
        client_of(first) as one,
        client_of(second) as other,
    ):
        response = await one.responses.create(model="a", input="hi", background=True)
        assert (response.status in ("queued", "in_progress"), response.background) == (True, True)
        gate.set()
        done = await completed(other, response.id)
        assert (done.status, done.output_text, done.id) == ("completed", "ab", response.id)


async def test_its_stream_is_resumed_at_every_event_byte_by_byte(place: Place) -> None:
    """Row 25."""
    model = Scripted(calls(("look", "{}"), text="well "), says("done"))
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        body = {"model": "a", "input": "hi", "background": True, "stream": True}
        _, _, stream = await served.post(body, "/v1/responses")
        frames = [f"{frame}\n\n" for frame in stream.split("\n\n") if frame]
        first = json.loads(frames[0].partition("data: ")[2])
        path = f"/v1/responses/{first['response']['id']}?stream=true"
        assert (await served.get(path))[2] == stream
        for after in range(len(frames) - 1):
            rest = (await served.get(f"{path}&starting_after={after}"))[2]
            assert rest == "".join(frames[after + 1 :])
        async with client_of(served) as client:
            found = await client.responses.retrieve(first["response"]["id"])
        assert found.output_text.endswith("done")


async def test_the_stock_client_resumes_a_stream_that_broke(postgres_url: str) -> None:
    url, gate = await postgres.new_database(postgres_url), asyncio.Event()
    agents = (Agent(slow(gate), name="a") for _ in range(2))
    async with (
        serving(next(agents), store=url) as first,
        serving(next(agents), store=url) as second,
        client_of(first) as one,
        client_of(second) as other,
    ):
        stream = await one.responses.create(model="a", input="hi", background=True, stream=True)
        seen = []
        async for event in stream:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
        await stream.close()
        gate.set()
        id, last = seen[0].response.id, seen[-1].sequence_number  # type: ignore[union-attr]
        rest = await other.responses.retrieve(id, stream=True, starting_after=last)
        seen += [event async for event in rest]
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    assert "".join(event.delta for event in seen if event.type == "response.output_text.delta") == "ab"
    assert seen[-1].type == "response.completed"


async def test_it_is_cancelled_and_deleted(place: Place) -> None:
    model = slow(asyncio.Event())
    async with serving(Agent(model, name="a"), store=setting(place)) as served, client_of(served) as client:
        response = await client.responses.create(model="a", input="hi", background=True)
        await client.responses.cancel(response.id)
        assert (await completed(client, response.id)).status in ("cancelled", "failed")
        await client.responses.delete(response.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(response.id)
    assert model.open == 0


async def test_a_takeover_closes_what_it_makes_void(place: Place) -> None:
    first = Scripted(calls(("look", "{}"), text="well "), [[TextDelta("unfini")], asyncio.Event()])
    async with (
        serving(Agent(first, name="a"), store=setting(place), shutdown_grace=0) as served,
        client_of(served) as client,
    ):
        response = await client.responses.create(model="a", input="hi", background=True)
        async with served.client.get(f"{served.url}/v1/responses/{response.id}?stream=true") as stream:
            await until(stream.content, b"unfini")
    second = Agent(Scripted(says("done")), name="a")
    async with serving(second, store=setting(place)) as served, client_of(served) as client:
        done = await completed(client, response.id)
        stream = (await served.get(f"/v1/responses/{response.id}?stream=true"))[2]
    assert done.output_text.endswith("done")
    assert "unfini" not in done.output_text
    assert "unfini" in stream
    numbers = [json.loads(line[6:])["sequence_number"] for line in stream.split("\n") if line.startswith("data: {")]
    assert numbers == list(range(len(numbers)))


async def test_a_later_response_goes_on_from_one_of_the_background(place: Place) -> None:
    model = Scripted(says("My name is Rob."), says("Rob."))
    async with serving(Agent(model, name="a"), store=setting(place)) as served, client_of(served) as client:
        response = await client.responses.create(model="a", input="Who are you?", background=True)
        await completed(client, response.id)
        await client.responses.create(model="a", input="Say it again.", previous_response_id=response.id)
    assert "My name is Rob." in repr(model.requests[-1].messages)
