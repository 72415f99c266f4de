"""A run that has used up its budget, as each client's protocol says it, over a real socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agent.scripted import Box, Scripted, calls, echo
from tests.server.serving import CHAT, serving
from turnstream.agent import Agent, Budget

USER = [{"role": "user", "content": "hi"}]
ENDS: list[tuple[str, dict[str, Any], str, str]] = [
    (CHAT, {"messages": USER}, '"finish_reason": "length"', '"finish_reason":"length"'),
    ("/v1/messages", {"messages": USER, "max_tokens": 99}, '"stop_reason": "max_tokens"', '"stop_reason":"max_tokens"'),
    ("/v1/responses", {"input": "hi"}, '"status": "incomplete"', "event: response.incomplete"),
]


def spender() -> Agent:
    model = Scripted(calls(("echo", "{}"), text="Let me look. "))
    return Agent(model, [Box(echo=echo)], name="spender", budget=Budget(tokens=20))


@pytest.mark.parametrize(("path", "body", "whole", "streamed"), ENDS)
async def test_a_run_whose_budget_is_used_up_is_incomplete_and_has_what_it_said(
    path: str, body: dict[str, Any], whole: str, streamed: str
) -> None:
    async with serving(spender()) as served:
        asked = {"model": "spender", **body}
        status, _, answer = await served.post(asked, path)
        assert (status, whole in str(answer).replace("'", '"'), "Let me look." in str(answer)) == (200, True, True)
        status, _, answer = await served.post({**asked, "stream": True}, path)
        assert (status, streamed in answer, "Let me look." in answer) == (200, True, True)
