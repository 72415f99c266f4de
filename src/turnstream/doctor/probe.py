"""Asks a server the questions whose answers the rules look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import aiohttp

from turnstream import errors
from turnstream.doctor.recording import Recording

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
_UNKNOWN = "no-such-model-4711"
_MODELS_SECONDS = 10.0


async def record(url: str, *, key: str = "", model: str | None = None, seconds: float = 60.0) -> list[Recording]:
    """``url`` is the base URL, with or without ``/chat/completions``; ``seconds`` is what one answer may take. Raises
    `ProviderError` if nobody answers."""
    url = url.rstrip("/").removesuffix("/chat/completions")
    url = url if "://" in url else f"http://{url}"
    headers = {"authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(seconds, _MODELS_SECONDS))
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=timeout, auto_decompress=False) as session:
            named = model if model is not None else await _first_model(session, url)
            return await _Prober(session, url, named, seconds).all()
    except aiohttp.InvalidURL:
        raise errors.ProviderError(f"{url} is not a URL: a base URL looks like http://127.0.0.1:8000/v1.") from None
    except TimeoutError:
        raise errors.ProviderError(f"{url} does not answer: nothing came within {seconds:g} seconds.") from None
    except (aiohttp.ClientError, OSError) as error:
        text = error.os_error.strerror if isinstance(error, aiohttp.ClientConnectorError) else str(error)
        raise errors.ProviderError(f"{url} does not answer: {text or type(error).__name__}.") from None


async def _first_model(session: aiohttp.ClientSession, url: str) -> str | None:
    """None if the server has no list of models: then no model is named."""
    try:
        async with asyncio.timeout(_MODELS_SECONDS), session.get(f"{url}/models") as response:
            if response.status != 200:
                return None
            return str((await response.json(content_type=None))["data"][0]["id"])
    except (ValueError, KeyError, IndexError, TypeError, TimeoutError, aiohttp.ClientPayloadError):
        return None


class _Prober:
    def __init__(self, session: aiohttp.ClientSession, url: str, model: str | None, seconds: float) -> None:
        self._session, self._url, self._model, self._seconds = session, url, model, seconds

    async def all(self) -> list[Recording]:
        """The first one alone, if it is not a stream or does not end: the others would be the same."""
        plain = await self._ask("text", _HELLO)
        if plain.cut or not plain.is_stream:
            return [plain]
        whole = await self._ask("whole", _HELLO, stream=False)
        return [
            replace(plain, whole=whole.body),
            await self._ask("usage", _HELLO, stream_options={"include_usage": True}),
            await self._ask("tools", _TIMES, tools=[_TOOL]),
            await self._ask("unknown model", _HELLO, model=_UNKNOWN),
        ]

    async def _ask(self, name: str, prompt: str, **more: Any) -> Recording:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "stream": True}
        if self._model is not None:
            body["model"] = self._model
        until = asyncio.get_running_loop().time() + self._seconds
        async with asyncio.timeout_at(until):
            response = await self._session.post(f"{self._url}/chat/completions", json=body | more)
        async with response:
            answer = _Answer()
            try:
                async with asyncio.timeout_at(until):
                    await answer.read(response)
            except TimeoutError:
                answer.cut = f"it has not ended after {self._seconds:g} seconds"
            except aiohttp.ClientError:
                answer.cut = "the connection broke off"
            headers: Mapping[str, str] = {key.lower(): value for key, value in response.headers.items()}
            return Recording(
                b"".join(answer.pieces),
                response.status,
                headers,
                "stream_options" in more,
                answer.pauses,
                name=name,
                cut=answer.cut,
                tools_offered="tools" in more,
                refusal_wanted="model" in more,
            )


class _Answer:
    """A body as far as it came."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.pauses: list[tuple[int, float]] = []
        self.cut = ""

    async def read(self, response: aiohttp.ClientResponse) -> None:
        size, last = 0, time.monotonic()
        async for piece in response.content.iter_any():
            now = time.monotonic()
            self.pauses.append((size, now - last))
            self.pieces.append(piece)
            size, last = size + len(piece), now


def run(url: str, *, key: str = "", model: str | None = None, seconds: float = 60.0) -> list[Recording]:
    return asyncio.run(record(url, key=key, model=model, seconds=seconds))
