"""The bytes of an answer, read without any library's help."""

from __future__ import annotations

import json
import re
from typing import Any

import aiohttp
from msgspec import Struct

FRAME = re.compile(rb"data: ([^\r\n]+)\n\n")
SECONDS = aiohttp.ClientTimeout(total=30)


class Answer(Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The envelope's inside, which has exactly the four members that the specification requires."""
        assert set(self.json) == {"error"}
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        return error

    @property
    def frames(self) -> list[bytes]:
        """The payloads, of a body that holds nothing but ``data: …`` lines, each followed by one empty line."""
        assert self.headers["content-type"].split(";")[0] == "text/event-stream"
        assert FRAME.sub(b"", self.body) == b""
        return FRAME.findall(self.body)

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The JSON of a stream that ends as it should: with one ``[DONE]``."""
        *frames, done = self.frames
        assert done == b"[DONE]"
        return [json.loads(frame) for frame in frames]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for chunk in self.chunks for choice in chunk["choices"]]

    @property
    def text(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas)


async def post(url: str, body: dict[str, Any] | bytes, headers: dict[str, str] | None = None) -> Answer:
    """POST to ``url``; a body of bytes is sent as it is. The key is sent unless ``headers`` holds one."""
    sent = headers if headers is not None else {"authorization": "Bearer key"}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | sent
    async with (
        aiohttp.ClientSession(timeout=SECONDS, auto_decompress=False) as session,
        session.post(url, data=content, headers=sent) as response,
    ):
        received = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, received, await response.read())


async def get(url: str) -> Answer:
    async with (
        aiohttp.ClientSession(timeout=SECONDS) as session,
        session.get(url, headers={"authorization": "Bearer key"}) as response,
    ):
        return Answer(response.status, dict(response.headers), await response.read())
