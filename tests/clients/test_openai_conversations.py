"""OpenAI's own clients, unmodified: conversations, their items, the input of a response, at any server of a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest

from tests import postgres
from tests.agent.scripted import Box, Scripted, calls, says
from tests.clients.job import Job
from tests.clients.node_process import NodeProcess
from tests.clients.test_openai_background import client_of, completed
from tests.server.serving import serving
from tests.server.test_kept_runs import KEYS, Paced
from tests.server.test_stores import setting
from tests.stores import Place
from turnstream import Agent, requests, toolspec
from turnstream.events import TextDelta, ToolCall


async def look(call: ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
    return toolspec.ToolOutput("sunny")


@asynccontextmanager
async def served(place: Place, *steps: Any, **settings: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    agent = Agent(Scripted(*steps or [says("ok")]), [Box(look=look)], name="a")
    async with serving(agent, store=setting(place), **settings) as server, client_of(server) as client:
        yield client


async def texts(items: Any) -> list[str]:
    """Of all pages, in the order in which they come."""
    return [part.text for item in [each async for each in items] if item.type == "message" for part in item.content]


async def test_a_conversation_is_made_noted_and_forgotten(place: Place) -> None:
    async with served(place) as client:
        made = await client.conversations.create(metadata={"topic": "demo"})
        assert (made.object, made.metadata) == ("conversation", {"topic": "demo"})
        await client.conversations.update(made.id, metadata={"topic": "x"})
        assert (await client.conversations.retrieve(made.id)).metadata == {"topic": "x"}
        assert (await client.conversations.delete(made.id)).deleted
        with pytest.raises(openai.NotFoundError):
            await client.conversations.retrieve(made.id)
        with pytest.raises(openai.NotFoundError, match="not found"):
            await client.responses.create(model="a", input="hi", conversation=made.id)


async def test_responses_go_on_in_a_conversation_at_another_server(postgres_url: str) -> None:
    url = await postgres.new_database(postgres_url)
    model = Scripted(says("Hello Ann."), says("Ann."))
    agents = (Agent(model, name="a") for _ in range(2))
    async with (
        serving(next(agents), store=url) as first,
        serving(next(agents), store=url) as second,
        client_of(first) as one,
        client_of(second) as other,
    ):
        made = await one.conversations.create(items=[{"role": "user", "content": "I am Ann."}])
        answer = await one.responses.create(model="a", input="Hi.", conversation=made.id)
        assert answer.conversation is not None
        assert answer.conversation.id == made.id
        body: Any = {"id": made.id}
        again = await other.responses.create(model="a", input="Who am I?", conversation=body, background=True)
        await completed(one, again.id)
        said = await texts(other.conversations.items.list(made.id, order="asc"))
        asked = await texts(one.responses.input_items.list(again.id, order="asc"))
    assert said == ["I am Ann.", "Hi.", "Hello Ann.", "Who am I?", "Ann."]
    assert asked == said[:-1]
    assert "I am Ann." in repr(model.requests[-1].messages)


async def test_openai_node_does_the_same(postgres_url: str, node: NodeProcess) -> None:
    """Row 25."""
    url = await postgres.new_database(postgres_url)
    words = [f"{number} " for number in range(20)]
    agents = (Agent(Paced([[TextDelta(word)] for word in words]), name="a") for _ in range(2))
    async with serving(next(agents), store=url) as first, serving(next(agents), store=url) as second:
        job = Job("openai-node kept", f"{first.url}/v1", "a", prompt="Hi.", elsewhere=f"{second.url}/v1")
        outcome = await asyncio.wrap_future(node.run(job))
    assert (outcome.error, outcome.text, outcome.finish) == (None, "".join(words), "completed")
    assert outcome.statuses == ["I am Ann.", "Hi.", "".join(words)]


async def test_the_items_of_a_conversation_are_read_page_by_page_in_either_order(place: Place) -> None:
    async with served(place) as client:
        made = await client.conversations.create()
        for start in (0, 20, 40):
            items: Any = [{"role": "user", "content": str(n)} for n in range(start, start + 20)]
            added = await client.conversations.items.create(made.id, items=items)
            assert (len(added.data), added.first_id) == (20, added.data[0].id)
        newest = await texts(client.conversations.items.list(made.id, limit=7))
        oldest = await texts(client.conversations.items.list(made.id, limit=7, order="asc"))
    assert oldest == [str(n) for n in range(60)]
    assert newest == oldest[::-1]


async def test_calls_and_their_results_are_items_which_can_be_fetched_and_forgotten(place: Place) -> None:
    async with served(place, calls(("look", "{}"), text="I look."), says("It is sunny.")) as client:
        made = await client.conversations.create()
        answer = await client.responses.create(model="a", input="Weather?", conversation=made.id)
        items = [item async for item in client.conversations.items.list(made.id, order="asc")]
        assert [item.type for item in items] == [
            "message",
            "message",
            "function_call",
            "function_call_output",
            "message",
        ]
        assert await client.conversations.items.retrieve(items[2].id or "", conversation_id=made.id) == items[2]
        await client.conversations.items.delete(items[1].id or "", conversation_id=made.id)
        left = [item async for item in client.conversations.items.list(made.id, order="asc")]
        assert left == [items[0], *items[2:]]
        with pytest.raises(openai.NotFoundError):
            await client.conversations.items.retrieve(items[1].id or "", conversation_id=made.id)
        assert await texts(client.responses.input_items.list(answer.id)) == ["Weather?"]
        await client.conversations.items.delete(items[0].id or "", conversation_id=made.id)
        assert await texts(client.conversations.items.list(made.id)) == ["It is sunny."]


async def test_a_conversation_is_that_of_the_agent_that_answers_in_it_first(place: Place) -> None:
    agents = [Agent(Scripted(says(name)), name=name) for name in ("a", "b")]
    async with serving(*agents, store=setting(place)) as server, client_of(server) as client:
        made = await client.conversations.create(metadata={"k": "v"})
        await client.responses.create(model="b", input="hi", conversation=made.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="a", input="hi", conversation=made.id)
        assert await texts(client.conversations.items.list(made.id)) == ["b", "hi"]
        assert (await client.conversations.retrieve(made.id)).metadata == {"k": "v"}


async def test_the_conversation_of_another_principal_is_not_there(place: Place) -> None:
    async with served(place, keys=KEYS) as client:
        alice, bob = (client.with_options(api_key=f"{who}-key-1") for who in ("alice", "bob"))
        made = await alice.conversations.create(items=[{"role": "user", "content": "secret"}])
        item = (await alice.conversations.items.list(made.id)).data[0]
        answer = await alice.responses.create(model="a", input="hi", conversation=made.id)
        attempts: list[Callable[[], Any]] = [
            lambda: bob.conversations.retrieve(made.id),
            lambda: bob.conversations.update(made.id, metadata={}),
            lambda: bob.conversations.delete(made.id),
            lambda: bob.conversations.items.list(made.id),
            lambda: bob.conversations.items.create(made.id, items=[{"role": "user", "content": "x"}]),
            lambda: bob.conversations.items.retrieve(item.id or "", conversation_id=made.id),
            lambda: bob.conversations.items.delete(item.id or "", conversation_id=made.id),
            lambda: bob.responses.input_items.list(answer.id),
            lambda: bob.responses.create(model="a", input="hi", conversation=made.id),
        ]
        for attempt in attempts:
            with pytest.raises(openai.NotFoundError):
                await attempt()
        assert await texts(alice.conversations.items.list(made.id)) == ["ok", "hi", "secret"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"items": [{"role": "user", "content": str(n)} for n in range(21)]}, "items"),
        ({"items": [{"role": "king", "content": "x"}]}, "items[0].role"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"metadata": {str(n): "v" for n in range(17)}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata"),
    ],
)
async def test_a_conversation_that_does_not_fit_the_protocol_is_refused(body: dict[str, Any], param: str) -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store="memory") as server:
        status, _, refused = await server.post(body, "/v1/conversations")
    assert (status, refused["error"]["param"]) == (400, param)


async def test_input_items_of_a_running_response_are_those_of_its_request(place: Place) -> None:
    async with served(place, [asyncio.Event()], shutdown_grace=0) as client:
        answer = await client.responses.create(model="a", input="hi", background=True)
        assert await texts(client.responses.input_items.list(answer.id)) == ["hi"]
