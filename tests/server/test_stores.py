"""What a server keeps outlives it: in a file, and in a database that several servers share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.agent.scripted import Scripted, says
from tests.server.serving import Served, serving
from tests.stores import Place
from turnstream import Agent, messages, protocols


def setting(place: Place) -> str:
    return f"sqlite:{place.url}" if place.kind == "sqlite" else place.url


async def respond(served: Served, text: str, **more: Any) -> dict[str, Any]:
    _, _, answer = await served.post({"model": "a", "input": text, **more}, "/v1/responses")
    assert isinstance(answer, dict)
    return answer


async def test_a_conversation_goes_on_after_a_restart(place: Place) -> None:
    model = Scripted(says("Hello Ann."))
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        first = await respond(served, "I am Ann.")
    async with serving(Agent(model, name="a"), store=setting(place)) as served:
        await respond(served, "Who am I?", previous_response_id=first["id"])
    heard = repr(model.requests[-1].messages)
    assert "I am Ann." in heard
    assert "Hello Ann." in heard


async def test_a_conversation_goes_on_at_another_server(postgres_url: str) -> None:
    from tests import postgres

    url, model = await postgres.new_database(postgres_url), Scripted(says("ok"))
    async with serving(Agent(model, name="a"), store=url) as one, serving(Agent(model, name="a"), store=url) as other:
        first = await respond(one, "my number is 7")
        branches = [await respond(other, text, previous_response_id=first["id"]) for text in ("x", "y")]
        await respond(one, "z", previous_response_id=branches[0]["id"])
    heard = repr(model.requests[-1].messages)
    assert ("'my number is 7'" in heard, "'x'" in heard, "'y'" in heard) == (True, True, False)


async def test_with_none_nothing_is_found_again() -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store="none") as served:
        first = await respond(served, "hi")
        again = await respond(served, "hi", previous_response_id=first["id"])
    assert again["error"]["code"] == "previous_response_not_found"


async def test_auto_makes_a_file_for_its_owner_alone_at_the_first_thing_to_keep(tmp_path: Path) -> None:
    from turnstream.runs import stores

    file = tmp_path / ".turnstream" / "store.db"
    async with stores.make("auto", tmp_path) as store:
        assert not file.parent.exists()
        await store.threads.append(protocols.ThreadKey("ann", "a", "t"), [messages.UserMessage("hi")])
        assert (file.stat().st_mode & 0o777, (file.parent / ".gitignore").read_text()) == (0o600, "*\n")
    async with stores.make("auto", tmp_path) as store:
        assert len(await store.threads.recent("ann")) == 1


def test_auto_without_a_configuration_keeps_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    from turnstream.runs import stores

    assert (stores.make("auto", None).name, caplog.messages) == ("memory", [])


async def test_auto_without_a_place_keeps_nothing_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    from turnstream.runs import stores

    folder = Path("/proc/nowhere")
    await stores.probe("auto", folder)
    assert stores.make("auto", folder).name == "none"
    assert caplog.messages == ["no run and no conversation is kept: The folder /proc/nowhere is not writable."]


async def test_auto_beside_another_process_keeps_nothing_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from turnstream.runs import stores

    async with stores.make("auto", tmp_path) as first:
        await first.threads.append(protocols.ThreadKey("ann", "a", "t"), [messages.UserMessage("hi")])
        await stores.probe("auto", tmp_path)
        assert stores.make("auto", tmp_path).name == "none"
    assert len(caplog.messages) == 1
    assert "is in use by another process" in caplog.messages[0]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/responses", {"background": True}, "runs_not_kept"),
        ("/v1/responses", {"conversation": "c"}, "conversations_not_kept"),
        ("/v1/runs", {"background": True}, "runs_not_kept"),
        ("/v1/runs", {"on_disconnect": "go_on"}, "runs_not_kept"),
        ("/v1/runs", {"thread": "t"}, "conversations_not_kept"),
    ],
)
async def test_with_none_what_asks_to_be_kept_is_refused_by_name(path: str, body: dict[str, Any], code: str) -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store="none") as served:
        status, _, refused = await served.post({"input": "hi", **body}, path)
    assert (status, refused["error"]["code"]) == (501, code)


async def test_with_none_a_response_says_that_it_is_not_stored() -> None:
    async with serving(Agent(Scripted(says("ok")), name="a"), store="none") as served:
        assert (await respond(served, "hi", store=True))["store"] is False
    async with serving(Agent(Scripted(says("ok")), name="a"), store="memory") as served:
        assert (await respond(served, "hi"))["store"] is True


def test_auto_beside_a_configuration_is_a_file(tmp_path: Path) -> None:
    from turnstream.runs import stores

    assert stores.make("auto", tmp_path).name == f"sqlite:{tmp_path}/.turnstream/store.db"
