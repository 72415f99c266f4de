"""A streamed request in each protocol that clients speak, with its path and the headers that choose it.

A new dialect gets its request here: tests and the bench of dialects ask with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from turnstream.dialects import DIALECTS, base

_SAID = [{"role": "user", "content": "Go."}]


class Wire(Struct, frozen=True):
    """``takes_back`` says that its clients hear what a takeover makes void."""

    name: str
    path: str
    body: dict[str, Any]
    headers: Mapping[str, str] = {}
    takes_back: bool = False

    def request(self, *, kept: bool = False) -> base.ClientRequest:
        body, params = json.dumps(self.body).encode(), {"agent": "a"}
        return base.ClientRequest(
            body, "run1", 0.0, dict(self.headers), params, agents={"a": ""}, path=self.path, kept=kept
        )

    def exchange(self, *, kept: bool = False) -> base.Exchange:
        dialect = next(dialect for dialect in DIALECTS if dialect.name == self.name)()
        decoded = dialect.decode(self.request(kept=kept))
        assert base.is_exchange(decoded)
        return decoded


_A2A = {"message": {"messageId": "m", "role": "user", "contextId": "c", "parts": [{"kind": "text", "text": "Go."}]}}
_AG_UI = [{"id": "1", "role": "user", "content": "Go."}]
_VERCEL = [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Go."}]}]

WIRES = (
    Wire("openai_chat", "/v1/chat/completions", {"messages": _SAID, "stream": True}),
    Wire("orchestrate", "/v1/chat/completions", {"messages": _SAID, "stream": True}, {"x-ibm-thread-id": "t"}),
    Wire("anthropic_messages", "/v1/messages", {"model": "a", "max_tokens": 9, "messages": _SAID, "stream": True}),
    Wire("openai_responses", "/v1/responses", {"input": "Go.", "stream": True}, takes_back=True),
    Wire("ag_ui", "/ag-ui/a", {"threadId": "t", "runId": "r", "messages": _AG_UI}, takes_back=True),
    Wire("vercel", "/vercel/a", {"id": "t", "messages": _VERCEL}, takes_back=True),
    Wire("a2a", "/a2a/a", {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": _A2A}, takes_back=True),
)
"""Those whose clients come back with a request of their protocol."""

EVERY = {wire.name: wire for wire in (*WIRES, Wire("native", "/v1/runs", {"input": "Go.", "stream": True}))}
"""One for each dialect, by its name."""
