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


@pytest.mark.parametrize("folder", [None, Path("/proc/nowhere")])
async def test_auto_without_a_place_keeps_in_memory(folder: Path | None, caplog: pytest.LogCaptureFixture) -> None:
    from turnstream.runs import stores

    assert stores.make("auto", folder).name == "memory"
    assert len(caplog.messages) == (folder is not None)


def test_auto_beside_a_configuration_is_a_file(tmp_path: Path) -> None:
    from turnstream.runs import stores

    assert stores.make("auto", tmp_path).name == f"sqlite:{tmp_path}/.turnstream/store.db"
