"""A server's part in kept conversations, for one dialect: what a request names is found, what a run says is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from turnstream import conversation, events, messages, requests
from turnstream.dialects import base
from turnstream.server.conversations import Conversations, Turn
from turnstream.threads.memory import MemoryThreads


class Kept:
    def __init__(self, dialect: base.Dialect, conversations: Conversations | None = None) -> None:
        self.dialect = dialect
        self.conversations = conversations or Conversations(MemoryThreads(), clock=lambda: 0.0)

    def decode(
        self, request: base.ClientRequest, principal: str = "ann", agent: str = "helper"
    ) -> base.Exchange | base.Reply | base.Cancellation | base.Listing | base.Attachment | base.Subscription:
        decoded = self.dialect.decode(request)
        if isinstance(decoded, base.Lookup):
            decoded = decoded.then(asyncio.run(self.conversations.find(decoded, principal, agent, self.dialect.name)))
        return decoded

    def answer(
        self,
        request: base.ClientRequest,
        run: Iterable[events.RunEvent],
        principal: str = "ann",
        agent: str = "helper",
    ) -> tuple[tuple[messages.Message, ...], bytes]:
        """What the model was asked, and the stream of the answer."""
        exchange = self.decode(request, principal, agent)
        assert base.is_exchange(exchange), exchange
        return asyncio.run(self._answer(exchange, list(run), request.id, principal, agent))

    async def _answer(
        self, exchange: base.Exchange, run: list[events.RunEvent], id: str, principal: str, agent: str
    ) -> tuple[tuple[messages.Message, ...], bytes]:
        turn = None
        if exchange.thread is not None:
            turn = Turn(self.conversations, exchange, principal, agent, id, self.dialect.name)
            await turn.begin()
        asked: requests.RunRequest = exchange.request if turn is None else turn.request
        encoder, fold = exchange.encoder(agent), conversation.Fold()
        stream = encoder.feed(run) + encoder.close()
        fold.feed(run)
        if turn is not None:
            turn.encoder = encoder
            ending = base.outcome(run)
            assert ending is not None
            await turn.end(asked, fold.messages, ending)
        return asked.messages, stream


def finished(*parts: messages.AssistantPart, step: int = 1) -> list[events.RunEvent]:
    """A run of one step that says just this."""
    deltas = [events.TextDelta(part.text) for part in parts if isinstance(part, messages.TextPart)]
    message = messages.AssistantMessage(parts)
    return [
        events.RunStarted("run", "helper"),
        events.StepStarted(step),
        *deltas,
        events.StepFinished(step, message, "stop", events.Usage(), "m", 0.0),
        events.RunFinished("stop", events.Usage(), step),
    ]
