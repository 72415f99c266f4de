"""Kept runs over HTTP: asked for in any protocol, watched by whoever started them, from any server of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from turnstream import errors, events, messages, protocols, requests
from turnstream.dialects import DIALECTS, base
from turnstream.runs import keeper, watch
from turnstream.server import conversations

MOST_KEY = 255  # characters of an Idempotency-Key
# Dialects whose encoders know what a takeover makes void.
_RETRACTING = frozenset({"native", "openai_responses"})
# A request is stored without what opens doors.
_SECRET = frozenset({"authorization", "cookie", "x-api-key", "api-key", "proxy-authorization"})


class KeptRuns:
    """``keeper`` is None where the server's store keeps no runs."""

    def __init__(self, keeper: keeper.Keeper | None, kept: conversations.Conversations, exchanges: Exchanges) -> None:
        self._keeper, self._kept = keeper, kept
        self.exchanges = exchanges

    @property
    def has_runs(self) -> bool:
        return self._keeper is not None

    @property
    def runs(self) -> protocols.Runs:
        """Raises `RequestError` where no runs are kept."""
        if self._keeper is None:
            raise _not_kept()
        return self._keeper.runs

    async def start(
        self, exchange: base.Exchange, client: base.ClientRequest, agent: str, dialect: str, wanted: requests.RunRequest
    ) -> str:
        """The id of the run that was accepted, or of the one that its key has started before."""
        if self._keeper is None:
            raise _not_kept()
        assert wanted.keep is not None
        thread, history = None, False
        said: Sequence[messages.Message] = ()
        if exchange.thread is not None and exchange.thread.stores:
            key = protocols.ThreadKey(wanted.principal.name, agent, exchange.thread.id)
            key, said, history = await self._kept.enter(key, exchange.thread, wanted, client.id)
            thread = key.id
        new = protocols.NewRun(
            client.id,
            agent,
            msgspec.structs.replace(wanted, thread_id=thread),
            tuple(said),
            dialect,
            msgspec.json.encode(msgspec.structs.replace(client, headers=_without_secrets(client.headers))),
            background=wanted.keep.background,
            key=_key(client.headers),
            policy=wanted.keep.policy,
            history=history,
            waits=wanted.keep.waits,
        )
        return (await self._keeper.start(new)).id

    def watch(self, run_id: str, agent: str, dialect: str = "native", after: int = 0) -> watch.Watch:
        return watch.Watch(self.runs, run_id, agent, after=after, retracts=dialect in _RETRACTING)


class Exchanges:
    """The requests that kept runs were started with, decoded again: for whoever shows a run without its client."""

    def __init__(self, kept: conversations.Conversations) -> None:
        self._kept = kept
        self._dialects = {dialect.name: dialect() for dialect in DIALECTS}

    async def read(self, agent: str, dialect: str, body: bytes) -> base.Exchange | None:
        """None if it cannot be answered any more, because what it names is gone."""
        client = msgspec.json.decode(body, type=base.ClientRequest)
        try:
            decoded = self._dialects[dialect].decode(client)
            if isinstance(decoded, base.Lookup):
                decoded = decoded.then(await self._kept.find(decoded, client.principal.name, agent, dialect))
        except errors.RequestError:
            return None
        return None if isinstance(decoded, base.Reply | base.Cancellation | base.Lookup) else decoded

    async def show(self, new: protocols.NewRun, numbered: protocols.NumberedEvents) -> bytes:
        """The whole answer, where the dialect has one that a later request can name."""
        exchange = await self.read(new.agent, new.dialect, new.body) if new.dialect in _RETRACTING else None
        return b"" if exchange is None else snapshot(exchange, new.agent, numbered)


def snapshot(exchange: base.Exchange, agent: str, numbered: protocols.NumberedEvents) -> bytes:
    """The answer as it stands."""
    encoder = exchange.encoder(agent)
    if batch := [event for _, event in numbered]:
        encoder.feed(cast("list[events.RunEvent]", batch))
    return encoder.snapshot()


def _not_kept() -> errors.RequestError:
    text = "This server does not keep runs: its `store` is memory or none, or has no place for them."
    return errors.RequestError(text, code="runs_not_kept", status=501)


def _key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key") or None
    if key is not None and len(key) > MOST_KEY:
        text = f"Idempotency-Key: longer than {MOST_KEY} characters."
        raise errors.RequestError(text, param="Idempotency-Key", code="invalid_value")
    return key


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _SECRET}
