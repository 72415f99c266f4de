"""The head of a stream is written without uvicorn's look at each of its fields, and is the one that uvicorn writes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping

import pytest
from starlette.types import Send

from tests.server.serving import STREAM, Served, serving
from turnstream.agent import Agent
from turnstream.server import direct
from turnstream.testing import ScriptedModel


async def head(served: Served, *fields: str) -> bytes:
    """Of the answer to a stream's request with these header lines; ids and times are left out."""
    body = json.dumps(STREAM)
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: localhost", f"content-length: {len(body)}", *fields]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    writer.write("\r\n".join([*lines, "", body]).encode())
    found = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    return re.sub(rb"(date|x-run-id|x-request-id): [^\r]*", rb"\1", found)


@pytest.mark.parametrize("fields", [(), ("connection: close",), ("expect: 100-continue",)])
async def test_the_head_of_a_stream_is_the_one_that_uvicorn_writes(
    fields: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(Agent(ScriptedModel(["hello", "hello"]), name="a")) as served:
        ours = await head(served, *fields)
        monkeypatch.setattr(direct, "begin", lambda send, headers: False)
        assert ours == await head(served, *fields)
    assert ours.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\nb", "a\0b"])
async def test_a_field_that_would_break_out_of_its_line_is_not_written(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bool] = []
    begin = direct.begin

    def begin_with(send: Send, headers: Mapping[str, str]) -> bool:
        written.append(begin(send, {**headers, "x-broken": value}))
        return written[-1]

    monkeypatch.setattr(direct, "begin", begin_with)
    async with serving(Agent(ScriptedModel(["hello"]), name="a")) as served:
        assert b"x-broken" not in await head(served)
    assert written == [False]
