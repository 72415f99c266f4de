"""A model behind HTTP, and one answer of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import msgspec

from turnstream import errors, events, offload, protocols, redaction, requests, resources, text
from turnstream.providers import base, prices
from turnstream.providers.decode import failures
from turnstream.providers.encode import history
from turnstream.providers.transport import answers, attempts, authorization, connections

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

_OLLAMA_PORT = 11434
_NO_RUN = requests.RunContext()

AnyAnswer: TypeAlias = answers.Answer | answers.Slip
_Encoded: TypeAlias = tuple[requests.ModelRequest, history.Names, base.HttpRequest]


class HttpModel:
    """A model behind HTTP, spoken to in the protocol of ``provider``.

    ``max_retries`` counts the tries after the first; there are none once something of the answer was seen. Proxies are
    taken from the environment (``https_proxy``, ``no_proxy``, …). Without a ``client`` the model uses the process's.
    ``priced`` says that it is at its vendor's own address, so that the vendor's prices hold.
    """

    def __init__(
        self,
        name: str,
        provider: base.Provider,
        settings: base.Settings,
        *,
        client: connections.Client | None = None,
        timeouts: base.Timeouts | None = None,
        max_retries: int = 2,
        priced: bool = False,
    ) -> None:
        self.name = name
        self.provider = provider
        self.settings = settings
        self.client = client or connections.SHARED
        self.timeouts = timeouts or base.Timeouts()
        self.max_retries = max_retries
        self.priced = priced and prices.is_listed(name)
        self.authorization = authorization.Authorization(provider, settings)
        self._noted: set[str] = set()

    @property
    def continues(self) -> bool:
        """Whether it goes on with an answer that the conversation ends with."""
        return self.provider.continues or bool(self.settings.quirks.get("continues"))

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    def stream(
        self, request: requests.ModelRequest, context: requests.RunContext | None = None
    ) -> AbstractAsyncContextManager[Stream]:
        if len(request.messages) >= offload.MANY:
            return self._stream_long(request, context)
        return self._stream(self._encode(request), request, context)

    @asynccontextmanager
    async def _stream_long(
        self, request: requests.ModelRequest, context: requests.RunContext | None
    ) -> AsyncIterator[Stream]:
        encoded = await offload.run(self._encode, request)
        async with self._stream(encoded, request, context) as stream:
            yield stream

    def _stream(self, encoded: _Encoded, request: requests.ModelRequest, context: requests.RunContext | None) -> Stream:
        adapted, names, http_request = encoded
        self.tell(http_request.notes)
        return Stream(self, adapted, http_request, names if request.tools else None, context or _NO_RUN)

    def preview(self, request: requests.ModelRequest) -> str:
        """The body that the vendor would be sent: JSON text."""
        return self._encode(request)[2].body.decode("utf-8", "replace")

    def _encode(self, request: requests.ModelRequest) -> _Encoded:
        rules = self.provider.history
        if "late_system" in self.settings.quirks:
            rules = msgspec.structs.replace(rules, late_system=bool(self.settings.quirks["late_system"]))
        adapted, names = history.adapt(request, self.settings.model, rules)
        return adapted, names, self.provider.request(self.settings, adapted)

    def tell(self, notes: Iterable[str]) -> None:
        """Each sentence is logged once."""
        for note in set(notes) - self._noted:
            self._noted.add(note)
            log.warning("%s: %s", self.name, note)

    def label(self, error: errors.ProviderError) -> errors.ProviderError:
        """Says which model it was, and keeps the keys out of what the log will read."""
        if not error.provider or ":" not in error.provider:
            error.provider = self.name
        error.detail = f"{error.detail} {_advise(error, self.settings.base_url)}".strip()
        redactor = text.Redactor([*_secrets(self.settings), *self.authorization.secrets])
        error.detail, error.body = redactor.redact(error.detail), redactor.redact(error.body)
        return error

    def __repr__(self) -> str:
        return f"HttpModel({self.name!r})"


def _advise(error: errors.ProviderError, base_url: str) -> str:
    """What an operator who reads the log may have to change. The address is shown without what may be secret in it."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        return ""
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if error.code == "provider_unreachable":
        start = " (ollama serve)" if port == _OLLAMA_PORT else ""
        return f"{address} does not answer. Is it running?{start}"
    if error.provider_status == 404 and parts.path in ("", "/"):
        return f"({address} answered 404; OpenAI-compatible servers usually want /v1 at the end of base_url)"
    return ""


def _secrets(settings: base.Settings) -> list[str]:
    """The key, what the address carries, and each header that by its name may hold one."""
    headers = (each for name, value in settings.headers.items() for each in redaction.of_header(name, value))
    return [settings.api_key or "", *redaction.of_url(settings.base_url), *headers]


class Stream:
    """One answer, as `turnstream.protocols.ModelStream`: ``async with`` it, then iterate batches of events.

    Entering sends the request and returns when the answer has begun. Leaving gives the connection back to the pool if
    the answer was read to its end, and otherwise closes it at once.

    Vendors do say 200 and then that they are overloaded. So what nobody sees before the end (usage, the finish reason)
    is held until there is something that can be seen, or the end. An error that comes before is treated as if
    the request had been refused: within the same number of tries it is sent again.
    """

    __slots__ = ("_answer", "_asked_at", "_attempts", "_model", "_names", "_pool")

    def __init__(
        self,
        model: HttpModel,
        asked: requests.ModelRequest,
        request: base.HttpRequest,
        names: history.Names | None,
        context: requests.RunContext,
    ) -> None:
        self._model = model
        self._names = names  # None where there are no tools to be called
        self._asked_at = asked.time
        # None once something was seen: what was asked may be long, and is asked no more.
        self._attempts: attempts.Attempts | None = attempts.Attempts(model, asked, request, context)
        self._answer: AnyAnswer | None = None
        self._pool: resources.Shared[connections.Pool]  # while it is entered

    async def __aenter__(self) -> Self:
        self._pool = self._model.client.pool()
        pool = await self._pool.__aenter__()
        if self._model.priced and not prices.is_loaded():  # while the vendor thinks
            asyncio.get_running_loop().run_in_executor(None, prices.find, self._model.name)
        try:
            if self._attempts is not None:
                self._answer = await self._attempts.open(pool)
        except BaseException as error:
            await self._pool.__aexit__(None, None, None)
            if isinstance(error, errors.ProviderError):
                raise self._model.label(error) from error.__cause__
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._answer is not None:
            self._answer.leave()
        await self._pool.__aexit__(kind, error, trace)

    @property
    def ended(self) -> bool:
        return self._answer is not None and self._answer.ended

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[None, None, list[events.ModelEvent]]:
        """The events of one read. Raises `ProviderError`."""
        return self._next(None)

    def relay(self, take: protocols.Take) -> Coroutine[None, None, list[events.ModelEvent]]:
        """As `turnstream.protocols.RelayStream` has it."""
        return self._next(take)

    async def _next(self, take: protocols.Take | None) -> list[events.ModelEvent]:
        answer = self._answer
        if answer is None:
            raise RuntimeError("enter the stream before you iterate it")
        try:
            if self._attempts is not None:
                batch = self._complete(await self._begin(answer, self._attempts))
                if take is None or not batch or not take(batch):
                    return _some(batch)
                answer = self._answer or answer
            batch = await (answer.read() if take is None else answer.relay(take))
            return _some(self._complete(batch))
        except errors.ProviderError as error:
            raise self._model.label(error) from error.__cause__

    def _complete(self, batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
        """With what the decoder cannot know: the tools' own names, and what the call cost."""
        if self._names is not None and events.ToolCallStart in map(type, batch):
            _restore(batch, self._names)
        return prices.add_costs(self._model.name, batch, self._asked_at) if self._model.priced else batch

    async def _begin(self, answer: AnyAnswer, tries: attempts.Attempts) -> list[events.ModelEvent]:
        """What was held, up to the first that can be seen, or the end; of the first try that says something."""
        while True:
            held: list[events.ModelEvent] = []
            failure: errors.ProviderError | None = None
            try:
                while batch := await answer.read():
                    held += batch
                    if not events.UNSEEN.issuperset(map(type, batch)):
                        self._attempts = None
                        return held
            except errors.ProviderError as error:
                failure = error
            again = failures.blank() if failure is None and answer.blank else failure
            if again is None or not await tries.wait(again):
                self._attempts = None
                if failure is not None:
                    answer.fail(failure)  # after what was held
                return held or await answer.read()
            answer.leave()
            answer = self._answer = await tries.open(self._pool.resource)


def _some(batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
    """A stream's next batch; none is its end."""
    if not batch:
        raise StopAsyncIteration
    return batch


def _restore(batch: list[events.ModelEvent], names: history.Names) -> None:
    """Calls under the names that their tools have here."""
    for at, event in enumerate(batch):
        if event.__class__ is events.ToolCallStart and (own := names.own(event.name)) != event.name:
            batch[at] = msgspec.structs.replace(event, name=own)
