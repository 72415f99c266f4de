"""A real Open WebUI against our server, used as its page uses it. It brings 670 MB of packages, so it lives in an
environment of its own: ``make open-webui`` makes that and names its interpreter in OPEN_WEBUI_PYTHON."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.clients import open_webui_agents, open_webui_page, open_webui_server
from tests.clients.open_webui_agents import Agents
from tests.clients.open_webui_page import Page
from tests.scripts import GREETING
from tests.server.serving import eventually

PYTHON = os.environ.get("OPEN_WEBUI_PYTHON")
pytestmark = pytest.mark.skipif(not PYTHON, reason="OPEN_WEBUI_PYTHON names no interpreter: see make open-webui")

ASK = "What about Paris?"
CLOCK = '''
class Tools:
    def local_time(self, city: str) -> str:
        """
        The local time.
        :param city: a city
        """
        return "noon in " + city
'''


@pytest.fixture(scope="module")
def agents() -> Iterator[Agents]:
    with open_webui_agents.serve_in_thread() as agents:
        yield agents


@pytest.fixture(scope="module")
def open_webui(agents: Agents, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    assert PYTHON
    with open_webui_server.serve(PYTHON, agents.url, tmp_path_factory.mktemp("open-webui")) as address:
        yield address


@pytest.fixture
async def page(open_webui: tuple[str, str], agents: Agents) -> AsyncIterator[Page]:
    async with open_webui_page.opened(*open_webui) as page:
        listed = await page.get("/api/models")
        assert {"plain", "responses.plain"} <= {model["id"] for model in listed["data"]}
        agents.asked.clear()
        yield page


def lines(message: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(status["description"], status["done"]) for status in message.get("statusHistory", [])]


async def test_the_text_arrives_and_is_kept(page: Page, agents: Agents) -> None:
    turn = await (await page.send("plain", ASK)).done()
    told = "".join(event["delta"] for event in turn.of("response:completion") if event.get("delta"))
    assert told == GREETING
    # What is kept has no space around it, and no NUL, which a database does not take.
    assert (await turn.message())["content"] == GREETING.strip().replace("\0", "")
    assert [request.body["stream"] for request in agents.asked] == [True]


async def test_reasoning_is_an_item_of_its_own(page: Page) -> None:
    turn = await (await page.send("reasoning", ASK)).done()
    reasoning, answer = (await turn.message())["output"]
    assert (reasoning["type"], reasoning["content"][0]["text"]) == ("reasoning", "Two and two are four.")
    assert (answer["type"], answer["content"][0]["text"]) == ("message", "It is 4.")


async def test_our_tools_are_statuses_and_are_not_run_again(page: Page, agents: Agents) -> None:
    turn = await (await page.send("two-rounds", ASK)).done()
    kept = await turn.message()
    assert kept["content"] == "Let me look. Paris: sunny; Rome: sunny; Oslo: sunny"
    assert lines(kept) == [("Running weather", False), ("Ran weather", True)] * 2
    assert kept["statusHistory"] == turn.of("status")
    assert not any(status["hidden"] for status in kept["statusHistory"])
    assert len(agents.asked) == 1


async def test_over_responses_they_are_items_and_are_not_run_again(page: Page, agents: Agents) -> None:
    turn = await (await page.send("responses.two-rounds", ASK)).done()
    items = (await turn.message())["output"]
    said = [item["type"] for item in items]
    round_, two = ["function_call", "function_call_output"], ["function_call"] * 2 + ["function_call_output"] * 2
    assert said == ["message", *round_, *two, "message"]
    assert items[2]["output"] == [{"type": "input_text", "text": "Paris: sunny"}]  # the page takes nothing but a list
    assert len(agents.asked) == 1


async def test_sources_are_kept_as_citations(page: Page) -> None:
    turn = await (await page.send("research", ASK)).done()
    page_, note, again = (await turn.message())["sources"]
    assert page_["document"] == ["The Seine runs through it."]
    assert page_["metadata"][0] == {"source": "https://example.org/a", "name": "A page", "external": True}
    assert (note["source"], note["document"]) == ({"name": "A note"}, ["It rains there."])
    assert again["metadata"][0]["source"] == page_["metadata"][0]["source"]  # the annotation: shown with the first


@pytest.mark.parametrize("agent", ["who-asks", "responses.who-asks"])
async def test_the_chat_is_the_thread_and_the_user_is_the_user(page: Page, agent: str) -> None:
    user = (await page.get("/api/v1/auths/"))["id"]
    turn = await (await page.send(agent, ASK)).done()
    assert (await turn.message())["content"] == f"{user} in {turn.chat_id}"


async def test_a_chat_goes_on(page: Page, agents: Agents) -> None:
    first = await (await page.send("reasoning", ASK)).done()
    await (await page.send("who-asks", "And who am I?", after=first)).done()
    sent = [(message["role"], message["content"]) for message in agents.asked[-1].body["messages"]]
    assert sent == [("user", ASK), ("assistant", "It is 4."), ("user", "And who am I?")]


@pytest.mark.parametrize(
    ("agent", "message"), [("broken-start", "The model's vendor failed."), ("refused", "The vendor refuses.")]
)
async def test_an_error_before_the_first_byte_is_an_error(page: Page, agent: str, message: str) -> None:
    turn = await (await page.send(agent, ASK)).done()
    kept = await turn.message()
    assert (kept["error"]["content"], kept["content"]) == (message, "")


@pytest.mark.parametrize("agent", ["broken-middle", "responses.broken-middle"])
async def test_an_error_in_mid_stream_is_an_error(page: Page, agent: str) -> None:
    turn = await (await page.send(agent, ASK)).done()
    kept = await turn.message()
    assert (kept["error"]["content"]["message"], kept["content"]) == ("The model's vendor failed.", "Half an")


async def test_a_failure_while_tools_run_ends_their_status(page: Page) -> None:
    turn = await (await page.send("stuck", ASK)).done()
    kept = await turn.message()
    assert lines(kept) == [("Running endless", False), ("Stopped", True)]
    assert kept["error"]["content"]["code"] == "run_timeout"


async def test_usage_is_kept_once(page: Page) -> None:
    turn = await (await page.send("two-rounds", ASK, stream_options={"include_usage": True})).done()
    usage = (await turn.message())["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (33, 21)  # three steps


async def test_stopping_ends_our_run(page: Page, agents: Agents) -> None:
    turn = await page.send("waiting", ASK)
    await turn.until("status", lambda status: status["done"])
    assert agents.busy
    await page.post(f"/api/tasks/chat/{turn.chat_id}/stop")
    await eventually(lambda: not agents.busy)
    await turn.done()
    assert lines(await turn.message())[-1] == ("Ran weather", True)


@pytest.fixture
async def clock(page: Page) -> AsyncIterator[str]:
    """A tool of Open WebUI."""
    tool = {"id": "clock", "name": "Clock", "content": CLOCK, "meta": {"description": "Tells the time."}}
    await page.post("/api/v1/tools/create", tool)
    yield "clock"
    await page.delete("/api/v1/tools/id/clock/delete")


async def test_a_tool_of_open_webui_is_run_there_and_answered_here(page: Page, agents: Agents, clock: str) -> None:
    turn = await (await page.send("client-tool", ASK, tool_ids=[clock])).done()
    first, second = agents.asked
    assert "local_time" in first.tools
    assert [message["role"] for message in second.body["messages"]] == ["user", "assistant", "tool"]
    kept = await turn.message()
    assert [item["type"] for item in kept["output"]] == ["function_call", "function_call_output", "message"]
    assert kept["content"].endswith("It is noon in Paris.")


async def test_titles_tags_and_follow_ups_are_the_models_alone(page: Page, agents: Agents) -> None:
    turn = await page.send("clerk", ASK, tasks=True)
    await turn.until("chat:title")
    await turn.done()
    chat = await turn.chat()
    assert (chat["title"], sorted(chat["meta"]["tags"])) == ("Paris in the sun", ["travel", "weather"])
    kept = await turn.message()
    assert (kept["content"], kept["followUps"]) == ("Paris: sunny", ["And tomorrow?"])
    assert len(agents.asked) == 4
    assert [asked.statuses for asked in agents.asked if not asked.tools] == [False] * 3


MESSAGES = [{"role": "user", "content": ASK}, {"role": "assistant", "content": "Sunny."}]


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("title", {}),
        ("tags", {}),
        ("follow_up", {}),
        ("image_prompt", {}),
        ("queries", {"type": "web_search"}),
        ("auto", {"type": "general", "prompt": "The weather"}),
        ("emoji", {"prompt": "Sunny!"}),
    ],
)
async def test_each_of_its_tasks_is_answered_without_tools(page: Page, agents: Agents, path: str, more: Any) -> None:
    body = {"model": "clerk", "messages": MESSAGES, "chat_id": "", **more}
    answer = await page.post(f"/api/v1/tasks/{path}/completions", body)
    assert json.loads(answer["choices"][0]["message"]["content"])["title"] == "Paris in the sun"
    assert [asked.statuses for asked in agents.asked] == [False]


async def test_its_choice_of_tools_is_the_models_alone(page: Page, agents: Agents, clock: str) -> None:
    turn = await (await page.send("chooser", ASK, tool_ids=[clock], params={"function_calling": "legacy"})).done()
    choosing, asking = agents.asked
    assert not choosing.statuses
    assert "noon in Paris" in json.dumps(asking.body)
    assert (await turn.message())["content"] == "Noon."


async def test_its_summary_of_a_long_chat_is_the_models_alone(page: Page, agents: Agents) -> None:
    turn = await (await page.send("clerk", ASK)).done()
    assert (await page.post(f"/api/v1/chats/{turn.chat_id}/compact", {"model": "clerk"}))["compacted"]
    assert "Paris in the sun" in (await turn.message())["contextSummary"]


async def test_its_review_of_memories_is_the_models_alone(page: Page, agents: Agents) -> None:
    await (await page.send("clerk", ASK, features={"memory": True})).done()
    await eventually(lambda: len(agents.asked) == 2 and agents.asked[1].answer != b"")
    assert b"Paris in the sun" in agents.asked[1].answer
