"""Kept runs over HTTP: asked for in any protocol, watched by whoever started them, from any server of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast

import msgspec

from turnstream import errors, events, messages, protocols, redaction, requests
from turnstream.dialects import DIALECTS, NAMING, RETRACTING, a2a_push, base
from turnstream.runs import keeper, log
from turnstream.runs.watch import Watch
from turnstream.server import conversations

DISCONNECT_HEADER = "x-on-disconnect"
MOST_KEY = 255  # characters of an Idempotency-Key
ONE_WAY = frozenset(dialect.name for dialect in DIALECTS) - RETRACTING


class Asked(NamedTuple):
    """What a run answers: the request as its dialect reads it and as it came, and the agent that it is for."""

    exchange: base.Exchange
    client: base.ClientRequest
    agent: str
    dialect: str

    @property
    def stored(self) -> base.ClientRequest:
        """What is stored of it: not what opens doors, neither in its headers nor in its body, where pushes have it."""
        keep, client = self.exchange.request.keep, self.client
        body = a2a_push.without_pushes(client.body) if keep is not None and keep.pushes else client.body
        return msgspec.structs.replace(client, headers=_without_secrets(client.headers), body=body)


class KeptRuns:
    """``keeps`` is False where the server's store keeps no runs: then ``keeper`` has only those that wait."""

    def __init__(
        self,
        keeper: keeper.Keeper,
        kept: conversations.Conversations,
        exchanges: Exchanges,
        *,
        keeps: bool = True,
        pushes: protocols.Pushes | None = None,
    ) -> None:
        self._keeper, self.conversations, self.has_runs, self._pushes = keeper, kept, keeps, pushes
        self.exchanges = exchanges

    @property
    def runs(self) -> protocols.Runs:
        """Raises `RequestError` where no runs are kept."""
        if not self.has_runs:
            raise _not_kept()
        return self._keeper.runs

    @property
    def waiting(self) -> protocols.Runs:
        """Those that wait, or have waited, are there in any case."""
        return self._keeper.runs

    async def keep(
        self,
        asked: Asked,
        turn: conversations.Turn | None,
        wanted: requests.RunRequest,
        batch: Sequence[events.LogEvent],
    ) -> None:
        """A run that was its client's so far and begins to wait. Raises as `Runs.keep` does."""
        exchange, client, agent, dialect = asked
        thread, said = (None, ()) if turn is None else turn.place(wanted)
        new = protocols.NewRun(
            client.id,
            agent,
            msgspec.structs.replace(wanted, thread_id=thread, answers=(), follows=None),
            said,
            dialect,
            msgspec.json.encode(asked.stored),
        )
        await self._keeper.keep(new, batch)
        if turn is not None:
            turn.hand_over()
        numbered = list(enumerate(batch, 1))
        if shown := snapshot(exchange, agent, numbered):
            await self._keeper.runs.show(new.id, shown)

    async def start(self, asked: Asked, wanted: requests.RunRequest) -> str:
        """The id of the run that was accepted, or of the one that its key has started before."""
        exchange, client, agent, dialect = asked
        if not self.has_runs:
            raise _not_kept()
        assert wanted.keep is not None
        thread, history = None, False
        said: Sequence[messages.Message] = ()
        if exchange.thread is not None and exchange.thread.stores:
            key = protocols.ThreadKey(wanted.principal.name, agent, exchange.thread.id)
            key, said, history = await self.conversations.enter(key, exchange.thread, wanted, client.id)
            thread = key.id
        new = protocols.NewRun(
            client.id,
            agent,
            msgspec.structs.replace(wanted, thread_id=thread, keep=msgspec.structs.replace(wanted.keep, pushes=())),
            tuple(said),
            dialect,
            msgspec.json.encode(asked.stored),
            background=wanted.keep.background,
            key=key_of(client.headers),
            policy=wanted.keep.policy,
            history=history,
            waits=wanted.keep.waits,
            pushes=wanted.keep.pushes,
        )
        submitted = await self._keeper.start(new)
        if submitted.id != client.id:
            await self._check_same(asked, submitted.id)
        return submitted.id

    async def _check_same(self, asked: Asked, run_id: str) -> None:
        """Refuse a key that has started the run of another request."""
        state = await self.runs.get(asked.client.principal.name, run_id)
        if state is None or not state.body:
            return
        first = msgspec.json.decode(state.body, type=base.ClientRequest)
        if (first.body, first.path) != (asked.stored.body, asked.client.path):
            text = "Idempotency-Key: another request was sent with this key before. Use another key for this one."
            raise errors.RequestError(text, param="Idempotency-Key", code="idempotency_key_reused", status=422)

    def watch(self, run_id: str, agent: str, dialect: str = "native", after: int = 0) -> Watch:
        return Watch(
            self.waiting,
            run_id,
            agent,
            after=after,
            retracts=dialect in RETRACTING,
            hold=self._keeper.holds(agent),
            pauses=dialect != "native",
        )

    async def again(
        self, state: protocols.RunState, view: Callable[[base.Exchange, int], base.Exchange], *, skips: bool
    ) -> tuple[Watch, base.Exchange] | None:
        """The run's stream for somebody who comes back to it (`base.Attachment` says what ``view`` and ``skips`` are).
        None if it cannot be shown again."""
        exchange = await self.exchanges.read(state.agent, state.dialect, state.body) if state.body else None
        if exchange is None:
            return None
        watching, length = await self._watch_again(state, skips=skips)
        return watching, view(exchange, length)

    async def _watch_again(self, state: protocols.RunState, *, skips: bool) -> tuple[Watch, int]:
        """From the first event, and how many are in the log by now. With ``skips`` without what is void of those."""
        numbered = await self.waiting.log(state.id)
        if not skips or not numbered:
            return self.watch(state.id, state.agent, state.dialect), len(numbered)
        past, end = log.without_void(numbered), numbered[-1][0]
        retracts = state.dialect in RETRACTING
        pauses = state.dialect != "native"
        watching = Watch(
            self.waiting,
            state.id,
            state.agent,
            after=end,
            retracts=retracts,
            hold=self._keeper.holds(state.agent),
            past=past,
            pauses=pauses,
        )
        return watching, len(past)

    async def show(self, state: protocols.RunState) -> protocols.RunState:
        """The run with its answer as it stands, if that is not stored with it already."""
        if state.shown or not state.body:
            return state
        exchange = await self.exchanges.read(state.agent, state.dialect, state.body)
        numbered = await self.waiting.log(state.id)
        if exchange is None or (state.ended_at is not None and not numbered):
            return state
        return msgspec.structs.replace(state, shown=snapshot(exchange, state.agent, numbered))

    async def first(self, principal: str, run_id: str, dialect: str) -> base.Exchange | None:
        """The request that has started the run, if it was one of that dialect."""
        state = await self.waiting.get(principal, run_id)
        if state is None or state.dialect != dialect or not state.body:
            return None
        return await self.exchanges.read(state.agent, dialect, state.body)

    async def subscribe(self, wanted: base.Subscription) -> base.Reply:
        """Whoever asks may see the run: it was looked up."""
        if self._pushes is None:
            return wanted.missing
        if wanted.put is not None:
            before = {push.id for push in await self._pushes.list(wanted.run_id)}
            if len(before | {wanted.put.id}) > wanted.most:
                text = f"At most {wanted.most} addresses are told of one task."
                raise errors.RequestError(text, code="too_many_pushes")
            if not await self._pushes.put(wanted.run_id, wanted.put):
                return wanted.missing
        if wanted.remove is not None:
            await self._pushes.remove(wanted.run_id, wanted.remove)
        return wanted.then(await self._pushes.list(wanted.run_id))

    async def cancel(self, principal: str, run_id: str) -> bool:
        return await self.waiting.cancel(principal, run_id)

    def is_wanted(self, headers: Mapping[str, str]) -> bool | None:
        """Whether the request itself asks that its run goes on without its client; None if it does not say."""
        match headers.get(DISCONNECT_HEADER, "").strip().lower():
            case "":
                return None
            case "cancel":
                return False
            case "go_on":
                if not self.has_runs:
                    raise _not_kept()
                return True
            case _:
                text = "X-On-Disconnect: expected 'cancel' or 'go_on'."
                raise errors.RequestError(text, param="X-On-Disconnect", code="invalid_value")


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
        return decoded if base.is_exchange(decoded) else None

    async def show(self, new: protocols.NewRun, log: keeper.ReadLog) -> bytes:
        """The whole answer, where the dialect has one that a later request can name."""
        exchange = await self.read(new.agent, new.dialect, new.body) if new.dialect in NAMING else None
        return b"" if exchange is None else snapshot(exchange, new.agent, await log())


def snapshot(exchange: base.Exchange, agent: str, numbered: protocols.NumberedEvents) -> bytes:
    """The answer as it stands."""
    encoder = exchange.encoder(agent)
    if batch := [event for _, event in numbered]:
        encoder.feed(cast("list[events.RunEvent]", batch))
    return encoder.snapshot()


def _not_kept() -> errors.RequestError:
    text = "This server does not keep runs: its `store` is memory or none, or has no place for them."
    return errors.RequestError(text, code="runs_not_kept", status=501)


def key_of(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key") or None
    if key is not None and len(key) > MOST_KEY:
        text = f"Idempotency-Key: longer than {MOST_KEY} characters."
        raise errors.RequestError(text, param="Idempotency-Key", code="invalid_value")
    return key


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    """A request is stored without what opens doors."""
    return {name: value for name, value in headers.items() if not redaction.is_secret_name(name)}
