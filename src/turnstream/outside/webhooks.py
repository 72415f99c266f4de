"""Tells others of kept runs that have ended or wait: Standard Webhooks (https://www.standardwebhooks.com), version 1.

A letter is told at least once, each time under the same ``webhook-id``, until its receiver has answered with 2xx or it
was tried too often. Whoever tries may die in the middle: the store gives the letter to another.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any

from turnstream import errors, jsontext, protocols
from turnstream.dialects import native
from turnstream.http_semantics import retry_after

if TYPE_CHECKING:
    from typing import Self

    from turnstream.tools.http_client import HttpClient

logger = logging.getLogger(__name__)

EVENTS = ("run.finished", "run.failed", "run.cancelled", "run.waiting")
# Seconds before the second try, and the most before any; each pause is four times the one before.
_PAUSE, _LONGEST = 5.0, 6 * 3600.0
# With these pauses the last try is two days after the first.
MOST_TRIES = 14
# Letters on their way at a time, and bytes of one.
_MOST_AT_ONCE, _MOST_BYTES = 32, 256 * 1024
_POLL = 5.0
_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Webhook:
    """``secret`` is ``whsec_`` and the base64 of 24 to 64 bytes. ``agents`` are those whose runs it is told of, None:
    all. ``allow_private`` is what `Guard` allows beyond public addresses. Raises `ConfigurationError` for a secret that
    is not one."""

    url: str
    secret: str = field(repr=False)
    events: frozenset[str] = frozenset(EVENTS)
    agents: frozenset[str] | None = None
    allow_private: tuple[str, ...] = ()
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not self.secret.startswith(_PREFIX) or not 24 <= len(_key(self.secret)) <= 64:
            raise errors.ConfigurationError(
                "expected 'whsec_' and the base64 of 24 to 64 random bytes: echo whsec_$(openssl rand -base64 32)"
            )

    @property
    def target(self) -> str:
        """What letters to it bear. It says where to, and no secret of a path or a query."""
        return f"hook:{hashlib.sha256(self.url.encode()).hexdigest()[:16]}"

    def wants(self, agent: str) -> bool:
        return self.agents is None or agent in self.agents

    def sign(self, id: str, seconds: int, body: bytes) -> str:
        signed = hmac.new(_key(self.secret), f"{id}.{seconds}.".encode() + body, hashlib.sha256)
        return f"v1,{base64.b64encode(signed.digest()).decode()}"


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return b""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, whereto, and with which patience."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout: float = 10.0
    allow_private: tuple[str, ...] = ()


# What to send for a letter whose target is not a webhook of the configuration; None for nothing.
Render = Callable[[protocols.Letter], Awaitable[Message | None]]


class Postman:
    """``async with`` it: delivers letters, until it is left. ``webhooks`` are those of the configuration by their
    targets; ``others`` are the targets that ``render`` knows, by their prefix."""

    def __init__(
        self,
        outbox: protocols.Outbox,
        runs: protocols.Runs,
        webhooks: Mapping[str, Webhook],
        others: Mapping[str, Render] | None = None,
    ) -> None:
        self.webhooks = webhooks
        self._outbox, self._runs, self._others = outbox, runs, others or {}
        self._clients: dict[tuple[float, tuple[str, ...]], HttpClient] = {}
        self._stack = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._task, *self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._stack.aclose()

    async def _run(self) -> None:
        while True:
            if len(self._sending) >= _MOST_AT_ONCE:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
                continue
            posted: list[protocols.Posted] = []
            try:
                posted = await self._outbox.claim(_MOST_AT_ONCE - len(self._sending))
            except errors.StoreError:
                logger.warning("letters to webhooks cannot be read now", exc_info=True)
            for each in posted:
                task = asyncio.create_task(self._deliver(each))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            if not posted:
                await self._outbox.wait(_POLL)

    async def _deliver(self, posted: protocols.Posted) -> None:
        letter = posted.letter
        pause: float | None = None
        try:
            message = await self._render(letter)
            if message is not None:
                pause = await self._send(message, posted)
            await (self._outbox.done(posted) if pause is None else self._outbox.later(posted, pause))
        except asyncio.CancelledError:
            with suppress(errors.StoreError):
                await self._outbox.later(posted, 0)
            raise
        except errors.StoreError:  # its lease passes, and it is tried again
            logger.warning("the letter %s was not settled", letter.id, exc_info=True)
        except Exception:  # whatever it is, the others are delivered
            logger.exception("the letter %s could not be delivered", letter.id)

    async def _render(self, letter: protocols.Letter) -> Message | None:
        """None if nobody is to be told any more."""
        prefix = letter.target.partition(":")[0]
        if prefix in self._others:
            return await self._others[prefix](letter)
        webhook = self.webhooks.get(letter.target)
        if webhook is None or f"run.{letter.status}" not in webhook.events:
            return None
        state = await self._runs.get(letter.principal, letter.run)
        if state is None:  # deleted meanwhile
            return None
        body, seconds = show(letter, state), int(time.time())
        signed = {**headers(letter, seconds), "webhook-signature": webhook.sign(letter.id, seconds, body)}
        return Message(webhook.url, body, signed, webhook.timeout, webhook.allow_private)

    async def _send(self, message: Message, posted: protocols.Posted) -> float | None:
        """Seconds until the next try; None if there shall be none."""
        from turnstream.tools import http_client  # its library is loaded by the first letter

        request = http_client.Request("POST", message.url, message.headers, message.body)
        wait: float | None = None
        try:
            client = await self._client(message)
            response = await client.send(request, may_be_cut=True)
            if response.ok:
                return None
            if response.status == 410:
                logger.warning("%s wants no more of webhooks (410)", request.host)
                return None
            reason = f"{request.host} answered with status {response.status}"
            wait = retry_after(response.headers, time.time())
        except errors.ToolError as error:
            reason = error.message
        if posted.tries >= MOST_TRIES:
            logger.error("the letter %s is given up after %d tries: %s", posted.letter.id, posted.tries, reason)
            return None
        backoff: float = min(_PAUSE * 4.0 ** (posted.tries - 1), _LONGEST) * (0.8 + 0.4 * random.random())
        pause = min(max(backoff, wait or 0.0), _LONGEST)
        logger.warning("the letter %s is tried again in %.0f s: %s", posted.letter.id, pause, reason)
        return pause

    async def _client(self, message: Message) -> HttpClient:
        from turnstream.tools import http_client

        key = message.timeout, message.allow_private
        if key not in self._clients:
            options = http_client.HttpOptions(timeout=message.timeout, allow_private=message.allow_private)
            self._clients[key] = await self._stack.enter_async_context(http_client.HttpClient(options))
        return self._clients[key]


def show(letter: protocols.Letter, state: protocols.RunState) -> bytes:
    """The payload: the event, and the run as it is now, without what was said in it."""
    data = {**native.show(state), "principal": state.principal}
    told: dict[str, Any] = {"type": f"run.{letter.status}", "timestamp": _iso(letter.at), "data": data}
    body = jsontext.encode(told)
    if len(body) > _MOST_BYTES:  # a run may wait with large arguments
        told["data"] = {**data, "waiting": None, "error": None, "truncated": True}
        body = jsontext.encode(told)
    return body


def headers(letter: protocols.Letter, seconds: int) -> dict[str, str]:
    return {"content-type": "application/json", "webhook-id": letter.id, "webhook-timestamp": str(seconds)}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
