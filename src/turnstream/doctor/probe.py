"""Asks a server the questions whose answers the rules look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from turnstream.doctor.recording import Recording
from turnstream.events import ProviderError

_TOOL = {
    "type": "function",
    "function": {
        "name": "get_local_time",
        "description": "The local time in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_HELLO = "Say hello in one short sentence."
_TIMES = "What time is it in Paris and in Tokyo? Call get_local_time for both cities at once."


async def record(url: str, *, key: str = "", model: str | None = None, seconds: float = 60.0) -> list[Recording]:
    """``url`` is the base URL, with or without ``/chat/completions``. Raises `ProviderError` if nobody answers."""
    url = url.rstrip("/").removesuffix("/chat/completions")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        async with aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=seconds), auto_decompress=False
        ) as session:
            prober = _Prober(session, url, model if model is not None else await _first_model(session, url))
            return await prober.all()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        text = str(error) or type(error).__name__
        raise ProviderError(f"{url} does not answer: {text}.") from None


async def _first_model(session: aiohttp.ClientSession, url: str) -> str | None:
    """None if the server has no list of models: then no model is named."""
    async with session.get(f"{url}/models") as response:
        if response.status != 200:
            return None
        try:
            return str((await response.json(content_type=None))["data"][0]["id"])
        except (ValueError, KeyError, IndexError, TypeError):
            return None


class _Prober:
    def __init__(self, session: aiohttp.ClientSession, url: str, model: str | None) -> None:
        self._session, self._url, self._model = session, url, model

    async def all(self) -> list[Recording]:
        plain = await self._ask("text", _HELLO)
        whole = await self._ask("whole", _HELLO, stream=False)
        return [
            Recording(plain.body, plain.status, plain.headers, pauses=plain.pauses, whole=whole.body, name="text"),
            await self._ask("usage", _HELLO, stream_options={"include_usage": True}),
            await self._ask("tools", _TIMES, tools=[_TOOL]),
            await self._ask("unknown model", _HELLO, model="no-such-model-4711"),
        ]

    async def _ask(self, name: str, prompt: str, **more: Any) -> Recording:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "stream": True}
        if self._model is not None:
            body["model"] = self._model
        async with self._session.post(f"{self._url}/chat/completions", json=body | more) as response:
            pieces: list[bytes] = []
            pauses: list[tuple[int, float]] = []
            size, last = 0, time.monotonic()
            async for piece in response.content.iter_any():
                now = time.monotonic()
                pauses.append((size, now - last))
                pieces.append(piece)
                size, last = size + len(piece), now
            headers: Mapping[str, str] = {key.lower(): value for key, value in response.headers.items()}
            asked = "stream_options" in more
            return Recording(b"".join(pieces), response.status, headers, asked, pauses, name=name)


def run(url: str, *, key: str = "", model: str | None = None) -> list[Recording]:
    return asyncio.run(record(url, key=key, model=model))
