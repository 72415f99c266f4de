"""Recorded streams: good ones, and for each rule some that break it, with the bytes that offend."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from turnstream.doctor.recording import Recording

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **members: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return b"data: " + json.dumps({**HEAD, "choices": [choice], **members}).encode() + b"\n\n"


def call(index: int, arguments: str, **first: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": first.pop("name")} if "name" in first else {})}
    return {"tool_calls": [{"index": index, **first, "function": function}]}


ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": "Hello"})
STOP = chunk(finish="stop")
TEXT = ROLE + HELLO + STOP + DONE
USAGE_CHUNK = chunk(choices=[], usage=USAGE)
FIRST = chunk(call(0, "", id="c1", type="function", name="look"))
CALLS = FIRST + chunk(call(0, '{"a":1}')) + chunk(call(1, "{}", id="c2", type="function", name="look"))
ERROR = b'data: {"error":{"message":"It failed.","type":"server_error","param":null,"code":null}}\n\n'
MESSAGE = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
WHOLE = {**HEAD, "object": "chat.completion", "choices": [MESSAGE], "usage": USAGE}
SSE = {"content-type": "text/event-stream"}


def whole(**changes: Any) -> bytes:
    return json.dumps(WHOLE | changes).encode()


def choice(**changes: Any) -> bytes:
    return whole(choices=[MESSAGE | changes])


GOOD: dict[str, Recording] = {
    "text": Recording(TEXT, whole=whole(), pauses=[(0, 14.0)]),
    "usage": Recording(ROLE + HELLO + STOP + USAGE_CHUNK + DONE, usage_asked=True),
    "tools": Recording(ROLE + CALLS + chunk(finish="tool_calls") + DONE),
    "error": Recording(ROLE + HELLO + ERROR),
    "refused": Recording(b'{"error":{"message":"No.","type":"x","param":null,"code":null}}', 404, {}),
    "extension": Recording(ROLE + chunk(agent={"status": "x", "details": [{"a": 1}]}) + chunk() + STOP + DONE),
}


def middle(bad: bytes, at: bytes = HELLO) -> tuple[Recording, bytes]:
    """A text with ``bad`` in its middle; the whole of it offends."""
    return Recording(ROLE + bad + at + STOP + DONE), bad


def without(name: str) -> bytes:
    found = json.loads(HELLO.removeprefix(b"data: "))
    del found[name]
    return b"data: " + json.dumps(found).encode() + b"\n\n"


TWO_LINES = b'data: {"id":\ndata: "chatcmpl-1"}\n\n'
NO_INDEX = chunk(choices=[{"delta": {}, "finish_reason": None}])

# For each rule: recordings that break it, and the bytes that the finding must name.
BAD: dict[str, list[tuple[Recording, bytes]]] = {
    "content-type": [
        (Recording(TEXT, headers={"content-type": "application/json"}), b""),
        (Recording(TEXT, headers={**SSE, "content-encoding": "gzip"}), b""),
        (Recording(b"<html>Hello</html>", headers={"content-type": "text/html"}), b""),
    ],
    "bom": [(Recording(b"\xef\xbb\xbf" + TEXT), b"\xef\xbb\xbf")],
    "thread-event": [
        (Recording(ROLE + b"event: thread.message.delta\n" + HELLO + STOP + DONE), b"event: thread.message.delta")
    ],
    "event-line": [(Recording(b"event: message\n" + TEXT), b"event: message")],
    "id-line": [(Recording(b"id: 1\n" + TEXT), b"id: 1"), (Recording(b"retry: 3000\n" + TEXT), b"retry: 3000")],
    "comment": [(Recording(ROLE + b": ping\n\n" + HELLO + STOP + DONE), b": ping")],
    "empty-event": [
        (Recording(b"id: 1\n" + ROLE + b": ping\n\n" + HELLO + STOP + DONE), b": ping\n\n"),
        (Recording(b"id: 1\n" + ROLE + b"\n" + HELLO + STOP + DONE), b"\n"),
        (Recording(b"retry: 3000\n\n" + TEXT), b"retry: 3000\n\n"),
        middle(b"event: ping\n\n"),
    ],
    "data-form": [
        (Recording(ROLE + b"data:" + HELLO[6:] + STOP + DONE), b"data:" + HELLO[6:-2]),
        (Recording(ROLE + TWO_LINES + STOP + DONE), TWO_LINES[:-2]),
        (Recording(ROLE + HELLO[:-2] + b"\r\n\r\n" + STOP + DONE), HELLO[:-2] + b"\r\n\r\n"),
    ],
    "json": [middle(b"data: ping\n\n"), middle(b"data: {'a': 1}\n\n"), middle(b"data: []\n\n")],
    "complete": [(Recording(ROLE + HELLO, cut="the connection broke off"), b"")],
    "last-event": [(Recording(ROLE + HELLO + STOP[:-1]), STOP[:-1])],
    "done": [(Recording(ROLE + HELLO + STOP), b"")],
    "after-done": [(Recording(TEXT + HELLO), HELLO)],
    "silence": [(Recording(TEXT, pauses=[(0, 1.0), (len(ROLE), 16.0)]), b"")],
    "members": [middle(without(name)) for name in ("id", "object", "created", "model", "choices")],
    "object": [middle(chunk(object="thread.message.delta"))],
    "same-id": [middle(chunk(id="chatcmpl-2")), middle(chunk(created=2)), middle(chunk(model="n"))],
    "choices": [middle(chunk(choices=None))],
    "choice-index": [middle(NO_INDEX)],
    "first-role": [(Recording(HELLO + STOP + DONE), HELLO)],
    "one-role": [middle(chunk({"role": "assistant"}))],
    "role": [middle(chunk({"role": "system", "metadata": {}})), middle(chunk({"role": "tool", "content": "x"}))],
    "finish": [(Recording(ROLE + HELLO + DONE), b""), (Recording(ROLE + STOP + HELLO + STOP + DONE), STOP)],
    "finish-word": [(Recording(ROLE + chunk(finish="max_depth") + DONE), chunk(finish="max_depth"))],
    "usage-asked": [
        (Recording(TEXT, usage_asked=True), b""),
        (Recording(ROLE + STOP + 2 * USAGE_CHUNK + DONE, usage_asked=True), USAGE_CHUNK),
        (
            Recording(ROLE + STOP + chunk(choices=[], usage={"x": 1}) + DONE, usage_asked=True),
            chunk(choices=[], usage={"x": 1}),
        ),
    ],
    "usage-unasked": [(Recording(ROLE + STOP + USAGE_CHUNK + DONE), USAGE_CHUNK)],
    "error-form": [
        (Recording(ROLE + b'data: {"error":"boom"}\n\n'), b'data: {"error":"boom"}\n\n'),
        (Recording(ROLE + chunk(error={"message": "x"})), chunk(error={"message": "x"})),
    ],
    "after-error": [(Recording(ROLE + ERROR + STOP), STOP)],
    "delta-list": [middle(chunk({"step_details": {"tool_calls": [{"name": "look"}]}}))],
    "call-index": [middle(chunk({"tool_calls": [{"id": "c", "type": "function", "function": {"name": "x"}}]}))],
    "call-start": [
        middle(chunk(call(0, "{}", type="function", name="look"))),
        middle(chunk(call(0, "{}", id="c1", type="function"))),
        middle(chunk(call(1, "{}", id="c1", type="function", name="look"))),
    ],
    "call-arguments": [middle(chunk(call(0, '{"cut', id="c1", type="function", name="look")))],
    "call-finish": [(Recording(ROLE + CALLS + STOP + DONE), STOP)],
    "refusal": [(Recording(b'{"detail":"No."}', 404, {}), b'{"detail":"No."}')],
    "parity": [
        (Recording(TEXT, whole=bad), b"")
        for bad in (
            b"[]",
            whole(object="chat.completion.chunk"),
            whole(usage=None),
            choice(finish_reason="length"),
            choice(message={"content": "Hello"}),
            choice(message={"role": "assistant", "content": ""}),
            choice(message={"role": "assistant", "content": "Hello", "tool_calls": [{}]}),
        )
    ],
}


def named(recording: Recording, name: str) -> Recording:
    return replace(recording, name=name)
