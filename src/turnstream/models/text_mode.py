"""Tool calls in a model's text: a wrapper for any model whose server does not read them itself.

``text``: the tools are described in the system message, and the calls are read from the answer. ``auto``: the tools are
offered natively, and calls that still leak into the text are caught. What a native server reads passes unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any

import msgspec

from turnstream import events, protocols, requests
from turnstream.parsing import text_calls
from turnstream.prompts.chat_template import tool_object
from turnstream.prompts.system_message import PROMPT, describe_tools

_NO_RUN = requests.RunContext()
SLICE = 4096
"""Characters that are read in one stretch of the loop. As many of the worst kind take 20 ms."""


class TextCalls:
    """Model events in, model events out: text is read for calls, everything else passes. No I/O.

    Calls of both kinds are renumbered, in the order in which they begin. An answer that ended with a call ends with
    the finish reason ``tool_calls``; it is given last, after the rest of the text.
    """

    def __init__(self, format: str, tools: Sequence[dict[str, Any]] | None, *, reasoning_open: bool = False) -> None:
        self._decoder = text_calls.Decoder(format, tools, reasoning_open=reasoning_open)
        self._numbers: dict[tuple[bool, int], int] = {}
        self._called = False
        self._finish: events.Finish | None = None

    def feed(self, batch: Sequence[events.ModelEvent]) -> list[events.ModelEvent]:
        given: list[events.ModelEvent] = []
        for event in batch:
            if isinstance(event, events.TextDelta):
                self._read(self._decoder.feed(event.text), given)
            elif isinstance(event, events.Finish):
                self._finish = event
            elif isinstance(event, events.ToolCallStart | events.ToolCallDelta | events.ToolCallMalformed):
                given.append(self._renumber(event, native=True))
            else:
                given.append(event)
        return given

    def close(self) -> list[events.ModelEvent]:
        given: list[events.ModelEvent] = []
        rest = self._decoder.close()
        if self._finish is not None and self._finish.reason == "length":
            rest += _cut_off(rest)
        self._read(rest, given)
        if self._finish is not None:
            ended = self._called and self._finish.reason in ("stop", "unknown")
            given.append(events.Finish("tool_calls", self._finish.raw) if ended else self._finish)
        return given

    def _read(self, batch: Sequence[events.ModelEvent], given: list[events.ModelEvent]) -> None:
        for event in batch:
            if isinstance(event, events.ToolCallStart | events.ToolCallDelta | events.ToolCallMalformed):
                self._called = True
                event = self._renumber(event, native=False)
            given.append(event)

    def _renumber(
        self, event: events.ToolCallStart | events.ToolCallDelta | events.ToolCallMalformed, *, native: bool
    ) -> events.ModelEvent:
        number = self._numbers.setdefault((native, event.index), len(self._numbers))
        return event if number == event.index else msgspec.structs.replace(event, index=number)


def _cut_off(rest: Sequence[events.ModelEvent]) -> list[events.ModelEvent]:
    """The calls that only the end of the answer ended, which was not the model's own: nobody knows what was to come."""
    broken = {event.index for event in rest if isinstance(event, events.ToolCallMalformed)}
    parts = (event for event in rest if isinstance(event, events.ToolCallStart | events.ToolCallDelta))
    open_calls = dict.fromkeys(event.index for event in parts if event.index not in broken)
    return [events.ToolCallMalformed(index, text_calls.CUT_OFF, "") for index in open_calls]


class TextMode:
    """``model`` with its tool calls read from its text. ``format`` is a name of `text_calls.FORMATS`.

    With ``describe`` the tools are described in the system message, in the words of ``prompt``
    (`turnstream.prompts.system_message.PROMPT`), and not offered natively.
    """

    def __init__(
        self,
        model: protocols.AnyModel,
        format: str,
        *,
        describe: bool = True,
        prompt: str = PROMPT,
        reasoning_open: bool = False,
    ) -> None:
        self._model = model
        self._open = protocols.opener(model)
        self._format = format
        self._describe = describe
        self._prompt = prompt
        self._reasoning_open = reasoning_open

    @property
    def name(self) -> str:
        return self._model.name

    def preview(self, request: requests.ModelRequest) -> str | None:
        """What the model's vendor would be sent, with the tools in words; None where the model cannot tell."""
        inner = getattr(self._model, "preview", None)
        return None if inner is None else inner(self._add_tools(request))

    def _add_tools(self, request: requests.ModelRequest) -> requests.ModelRequest:
        return describe_tools(request, self._format, self._prompt) if self._describe else request

    @asynccontextmanager
    async def stream(
        self, request: requests.ModelRequest, context: requests.RunContext = _NO_RUN
    ) -> AsyncIterator[protocols.ModelStream]:
        async with self._open(self._add_tools(request), context) as stream:
            if not request.tools and not self._reasoning_open:
                yield stream  # no tools, no calls: text that looks like one is text
                return
            tools = [tool_object(tool) for tool in request.tools]
            yield _Reading(stream, TextCalls(self._format, tools, reasoning_open=self._reasoning_open))

    async def __aenter__(self) -> TextMode:
        if isinstance(self._model, AbstractAsyncContextManager):
            await self._model.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._model, AbstractAsyncContextManager):
            await self._model.__aexit__(kind, error, trace)


class _Reading:
    """Text that comes in one read is read for calls in slices, between which others have their turn: it costs some
    microseconds a character where it is made to, and a read may be 256 kB."""

    def __init__(self, stream: protocols.ModelStream, calls: TextCalls) -> None:
        self._stream, self._calls = stream, calls
        self._closed = False

    def __aiter__(self) -> _Reading:
        return self

    async def __anext__(self) -> list[events.ModelEvent]:
        if self._closed:
            raise StopAsyncIteration
        try:
            return await self._read(await self._stream.__anext__())
        except StopAsyncIteration:
            return self._close()

    async def relay(self, take: protocols.Take) -> list[events.ModelEvent]:
        """As `turnstream.protocols.RelayStream` has it. What is large is never offered from within its network read."""
        inner = protocols.relay_of(self._stream)
        if self._closed or inner is None:
            return await self.__anext__()
        refused: list[events.ModelEvent] = []

        def offer(batch: list[events.ModelEvent]) -> bool:
            nonlocal refused
            if _length(batch) > SLICE:
                return False
            refused = self._calls.feed(batch)
            if refused and not take(refused):
                return False
            refused = []
            return True

        try:
            batch = await inner(offer)
        except StopAsyncIteration:
            return self._close()
        return refused or await self._read(batch if _length(batch) > SLICE else [])

    async def _read(self, batch: list[events.ModelEvent]) -> list[events.ModelEvent]:
        if _length(batch) <= SLICE:
            return self._calls.feed(batch)
        given: list[events.ModelEvent] = []
        for piece in _slices(batch):
            given += self._calls.feed(piece)
            await asyncio.sleep(0)
        return given

    def _close(self) -> list[events.ModelEvent]:
        self._closed = True
        return self._calls.close()


def _length(batch: Sequence[events.ModelEvent]) -> int:
    return sum(len(event.text) for event in batch if isinstance(event, events.TextDelta))


def _slices(batch: Sequence[events.ModelEvent]) -> Iterator[list[events.ModelEvent]]:
    for event in batch:
        if isinstance(event, events.TextDelta):
            for start in range(0, len(event.text), SLICE):
                yield [events.TextDelta(event.text[start : start + SLICE])]
        else:
            yield [event]
