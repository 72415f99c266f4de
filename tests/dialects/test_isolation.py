"""Two who ask, and two agents, never meet: whatever one of them names, it is never a word of the other."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings, strategies as st

from tests.dialects.kept import Kept, finished
from turnstream.dialects.a2a import A2A
from turnstream.dialects.ag_ui import AgUi
from turnstream.dialects.anthropic_messages import AnthropicMessages
from turnstream.dialects.base import Cancellation, ClientRequest, Dialect, Reply
from turnstream.dialects.openai_chat import ChatCompletions
from turnstream.dialects.openai_responses import Responses
from turnstream.dialects.orchestrate import Orchestrate
from turnstream.dialects.vercel import Vercel
from turnstream.events import RequestError, TextPart
from turnstream.server.conversations import Conversations
from turnstream.threads.memory import MemoryThreads

OWNERS = [("ann", "one"), ("ann", "two"), ("bob", "one"), ("bob", "two")]


class Step(NamedTuple):
    """``name`` is one that a client makes up, ``earlier`` the place of an earlier run whose id it knows."""

    owner: tuple[str, str]
    kind: str
    name: str
    earlier: int


KINDS = ["responses", "previous", "item", "conversation", "a2a", "task", "get", "cancel", "chat", "orchestrate"]
KINDS += ["messages", "ag_ui", "vercel"]
NAMES = st.sampled_from(["default", "x"])
STEPS = st.lists(
    st.builds(Step, st.sampled_from(OWNERS), st.sampled_from(KINDS), NAMES, st.integers(0, 9)), max_size=25
)


def rpc(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def message(text: str, **more: str) -> dict[str, Any]:
    return {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": text}], **more}}


def body(step: Step, text: str, known: str) -> tuple[Dialect, dict[str, Any]]:
    user = [{"role": "user", "content": text}]
    match step.kind:
        case "responses":
            return Responses(), {"input": text}
        case "previous":
            return Responses(), {"input": text, "previous_response_id": f"resp_{known}"}
        case "item":
            return Responses(), {"input": [{"type": "item_reference", "id": f"msg_{known}_0"}, *user]}
        case "conversation":
            return Responses(), {"input": text, "conversation": step.name}
        case "a2a":
            return A2A(), rpc("message/stream", message(text, contextId=step.name))
        case "task":
            return A2A(), rpc("message/send", message(text, taskId=known))
        case "get" | "cancel":
            return A2A(), rpc(f"tasks/{step.kind}", {"id": known})
        case "ag_ui":
            return AgUi(), {"threadId": step.name, "runId": "r", "messages": [{"id": "1", **user[0]}]}
        case "vercel":
            return Vercel(), {
                "id": step.name,
                "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}],
            }
        case "messages":
            return AnthropicMessages(), {"messages": user, "metadata": {"thread_id": step.name}}
        case "orchestrate":
            return Orchestrate(), {"messages": user, "thread_id": step.name}
        case _:
            return ChatCompletions(), {"messages": user, "thread_id": step.name}


def reachable(kept: Kept, request: ClientRequest, owner: tuple[str, str]) -> bool:
    """Whether what the request names is found; what is not is a 404."""
    try:
        kept.decode(request, *owner)
    except RequestError as error:
        return error.status != 404
    return True


@given(STEPS)
@settings(deadline=None, max_examples=150)
def test_never_a_word_of_another(steps: list[Step]) -> None:
    conversations = Conversations(MemoryThreads(), clock=lambda: 0.0)
    runs: list[tuple[str, tuple[str, str]]] = []
    for at, step in enumerate(steps):
        (principal, agent), id = step.owner, f"run{at}"
        known, owner = runs[step.earlier % len(runs)] if runs else ("nothing", None)
        dialect, asked = body(step, f"<{principal}.{agent}>", known)
        headers = {"x-thread-history": "server"} if step.kind in KINDS[8:] else {}
        request = ClientRequest(json.dumps(asked).encode(), id, 0.0, headers, {"agent": agent}, agents={agent: ""})
        kept = Kept(dialect, conversations)
        if step.kind in ("previous", "item") and not reachable(kept, request, step.owner):
            continue
        decoded = kept.decode(request, principal, agent)
        if isinstance(decoded, Reply | Cancellation):
            assert isinstance(decoded, Reply)
            foreign = owner != step.owner
            code = json.loads(decoded.body).get("error", {}).get("code")
            assert code == -32001 if foreign else code in (None, -32001, -32002, -32004)
            others = [f"<{'.'.join(other)}" for other in OWNERS if other != step.owner]
            assert not any(word in decoded.body.decode() for word in others)
            continue
        assert step.kind not in ("previous", "item") or owner == step.owner
        answer = finished(TextPart(f"<{principal}.{agent}> is heard"))
        heard, _ = kept.answer(request, answer, principal, agent)
        words = repr(heard)
        assert all(f"<{'.'.join(other)}>" not in words for other in OWNERS if other != step.owner)
        runs.append((id, step.owner))


@pytest.mark.parametrize("kind", ["conversation", "a2a", "chat", "orchestrate", "messages", "ag_ui", "vercel"])
def test_a_name_that_another_has_used_begins_an_empty_conversation(kind: str) -> None:
    conversations = Conversations(MemoryThreads(), clock=lambda: 0.0)
    lengths = []
    for at, (principal, agent) in enumerate([*OWNERS, *OWNERS]):
        dialect, asked = body(Step((principal, agent), kind, "default", 0), "hi", "")
        headers = {"x-thread-history": "server"}
        request = ClientRequest(
            json.dumps(asked).encode(), f"r{at}", 0.0, headers, {"agent": agent}, agents={agent: ""}
        )
        answer = finished(TextPart("hello"))
        lengths.append(len(Kept(dialect, conversations).answer(request, answer, principal, agent)[0]))
    assert lengths == [1] * 4 + [3] * 4


@pytest.mark.parametrize("kind", ["previous", "item"])
def test_a_response_of_another_is_not_found(kind: str) -> None:
    kept = Kept(Responses())
    first = ClientRequest(json.dumps({"input": "my PIN is 1234"}).encode(), "one", 0.0)
    kept.answer(first, finished(TextPart("noted")), "ann", "helper")
    _, asked = body(Step(("bob", "helper"), kind, "", 0), "PIN?", "one")
    request = ClientRequest(json.dumps(asked).encode(), "two", 0.0)
    for principal, agent in (("bob", "helper"), ("ann", "other")):
        with pytest.raises(RequestError) as caught:
            kept.decode(request, principal, agent)
        assert caught.value.status == 404
    assert not isinstance(kept.decode(request, "ann", "helper"), Reply)
