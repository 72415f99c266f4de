"""The stream of chat completions, as everybody who speaks them sends it: read leniently, from each vendor alike."""

from __future__ import annotations

from typing import Any

import msgspec

from turnstream import errors, events, jsontext, messages, toolspec
from turnstream.parsing import repeated_text
from turnstream.parsing.sse import Event
from turnstream.parsing.tool_call_deltas import Assembler
from turnstream.providers.decode import chat_chunks, chat_parts, chat_reasoning, chat_usage, failures, frames, template

_REASONS: dict[str, events.FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "max_output_tokens": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "refusal": "content_filter",
    "model_context_window_exceeded": "length",
}
_MOST_ODD = 8
_MOST_ODD_BEFORE = 1  # events that may stand before the text of an answer that comes in one read
_LESSONS = 4
_FEW = 6  # events of one read, which are not worth looking for a template: a whole answer of one text is five
_FAILED = ("error", "network_error", "server_error", "insufficient_system_resource")
_UNREADABLE = ("function_call_filter", "malformed_function_call")  # Gemini could not read its model's call


class Decoder(frames.SseDecoder):
    """Chunks in, model events out. Only choice 0 is read.

    Reasoning is taken from the fields that hold it as a string, once. What repeats it in pieces with signatures is for
    the history: one `ItemAdded` at the end, see `turnstream.providers.decode.chat_reasoning`. ``show_details`` says
    that such pieces are shown where no field has their text, which OpenAI's own client does not: recorded streams are
    compared with that.
    """

    provider = "openai"

    def __init__(self, *, show_details: bool = False) -> None:
        super().__init__()
        self._show_details = show_details
        self._calls: Assembler | None = None  # from the first call on
        self._finish: str | None = None
        self._usage: dict[str, Any] | None = None
        self._reasoning: chat_reasoning.Kept | None = None  # from the first of it on
        self._sources: set[str] | None = None  # whose ids were told
        self._last_sources: tuple[bytes, bytes] = (b"", b"")
        self._settled = False
        self._first: str | None = ""  # the first text, until the next one tells whether texts repeat what was said
        self._texts: repeated_text.Texts | None = None  # while they do, or may
        self._by_messages = False  # texts come as messages, each without a delta
        # Reads in a row that did not begin with plain text.
        self._odd = 0 if type(self).take is Decoder.take else _MOST_ODD
        self._template: template.Template | None = None
        self._lessons = _LESSONS + 1
        self._between = False  # the last read ended with an event, and began with plain text

    def feed(self, piece: bytes) -> list[events.ModelEvent]:
        """Nearly all reads are chunks that say text and nothing else, whole but for the first and the last."""
        # The loop below, written out for one token: there it costs a third more.
        if self._between and (known := self._template) is not None and (deltas := known.deltas(piece)) is not None:
            return deltas
        if piece.count(b"\n\n") <= _FEW:
            return self._read(piece)
        out: list[events.ModelEvent] = []
        start, end = 0, piece.rfind(b"\n\n") + 2
        try:
            for _ in range(_LESSONS + 2):  # read at their full price until the rest may be known by its template
                first = piece.find(b"\n\n", start) + 2
                if first >= end:
                    break
                out += self._read(piece[start:first])
                start = first
                if self._odd > _MOST_ODD_BEFORE:
                    break
                if self._between and (known := self._template) is not None:
                    last = known.find_end(piece, start, end)  # what follows says something else: that it is the end
                    deltas = known.deltas(piece[start:last])
                    if deltas is not None:
                        out += deltas
                        start = last
                        break
            if start < len(piece) or not piece:
                out += self._read(piece[start:])
        except errors.ProviderError:  # the next call raises it again
            if not out:
                raise
        return out

    def _read(self, piece: bytes) -> list[events.ModelEvent]:
        """Any piece, at its full price."""
        self._between = False
        out = super().feed(piece)
        self._between = not (self._odd or self.done or self.failed) and self._answer.is_between()
        return out

    def take_all(self, frames: list[Event], out: list[events.ModelEvent]) -> None:
        """The first of them say text and nothing else, which is nearly always all: each is decoded as just that."""
        if self._odd < _MOST_ODD and not self.done:
            self._odd += 1
            before = 0
            try:
                for frame in frames:
                    if frame.event:
                        break
                    text = self._template.text(frame.data) if self._template is not None else None
                    if text is None:
                        text = chat_chunks.read_text(frame.data)
                        if self._first is not None and text and self._may_repeat(text):
                            break
                        self._learn(frame.data, text)
                    if text:
                        out.append(events.TextDelta(text))
                    before += 1
            except jsontext.UNDECODABLE:
                pass
            if before:
                self._odd = 0
                if before == len(frames):
                    return
                frames = frames[before:]
        super().take_all(frames, out)

    def _may_repeat(self, text: str) -> bool:
        """Whether the second text begins with the first; then they come through `_choice`, as long as that holds."""
        first = self._first
        if not first:
            self._first = text
            return False
        self._first = None
        if not repeated_text.may_repeat(first, text):
            return False
        self._texts, self._odd = repeated_text.Texts(first), _MOST_ODD
        return True

    def _new_of(self, text: str, texts: repeated_text.Texts) -> str:
        new = texts.feed(text)
        if texts.over:
            self._texts, self._odd = None, 0 if type(self).take is Decoder.take else _MOST_ODD
        return new

    def _release_text(self, out: list[events.ModelEvent]) -> None:
        if self._texts is not None and (rest := self._texts.close()):
            out.append(events.TextDelta(rest))

    def _learn(self, data: bytes, text: str) -> None:
        """From the second text on: many an answer has but one. A stream whose chunks have something new each time soon
        teaches that there is nothing to learn."""
        if not text or not self._lessons:
            return
        self._lessons -= 1
        if self._lessons < _LESSONS:
            self._template = template.learn(data, text, chat_chunks.read_text) or self._template

    def take(self, event: Event, out: list[events.ModelEvent]) -> None:
        if event.data == b"[DONE]":
            self._end(out)
            return
        try:
            chunk = chat_chunks.strict(event.data)
        except jsontext.UNDECODABLE:
            odd = self._read_odd(event, out)
            if odd is None:
                return
            chunk = odd
        if chunk.choices:
            for choice in chunk.choices:
                if not choice.index:
                    self._choice(choice, out)
        elif chunk.choices is None:
            self._without_choices(chunk, event.data)
        if chunk.usage:
            self._usage = chunk.usage
        if (
            chunk.x_groq is not None
            or chunk.search_results is not chat_chunks.ABSENT
            or chunk.citations is not chat_chunks.ABSENT
        ):
            self._extras(chunk, out)
        if chunk.error:
            raise failures.from_status(self.provider, None, chunk.error)
        if event.event:
            self._take_named(event, out)

    def _read_odd(self, event: Event, out: list[events.ModelEvent]) -> chat_chunks.Chunk | None:
        """What is not JSON as it should be: the end, nothing, several events in one, or JSON that can be mended."""
        rest = event.data.strip()
        if rest.lower() in frames.DONE:
            self._end(out)
        elif frames.says_nothing(rest):
            return None
        elif len(lines := _separate_lines(rest)) > 1:
            for line in lines:
                if not self.done:
                    self.take(Event(line, event.event), out)
        elif event.event == "error" and rest[:1] != b"{":
            raise failures.from_status(self.provider, None, failures.parse(rest))
        else:
            return self._read_leniently(rest.removeprefix(b"data:"))
        return None

    def _read_leniently(self, data: bytes) -> chat_chunks.Chunk | None:
        try:
            return chat_chunks.read_leniently(self.surrogates.join(data))
        except errors.ProtocolError:
            if not self.finished:
                raise
            return None  # the answer is whole: what follows it does not count

    def _without_choices(self, chunk: chat_chunks.Chunk, data: bytes) -> None:
        if chat_chunks.is_failure(chunk):
            raise failures.from_status(self.provider, None, failures.parse(data))
        if b'"detail"' in data or b'"status"' in data:
            value = failures.parse(data)  # FastAPI's, and those of servers that say no more than this
            if isinstance(value, dict) and (value.get("detail") or value.get("status") in ("error", "failed")):
                raise failures.from_status(self.provider, None, value)

    def _take_named(self, event: Event, out: list[events.ModelEvent]) -> None:
        """An event with a name, after its chunk was read."""
        if event.event == "error":
            raise failures.from_status(self.provider, None, failures.parse(event.data))

    def _choice(self, choice: chat_chunks.Choice, out: list[events.ModelEvent]) -> None:
        delta = choice.delta
        if choice.message is not chat_chunks.ABSENT and (delta is None or choice.finish_reason):
            delta = self._message(choice)
        if delta is not None:
            if (
                delta.reasoning_details
                or delta.thinking
                or delta.thought
                or delta.extra_content
                or delta.thinking_blocks
                or (self._reasoning is not None and self._reasoning.marked)
            ):
                self._sort_reasoning(self._kept(), delta, out)
            reasoning = delta.reasoning_content or delta.reasoning or delta.reasoning_text
            if reasoning:
                kept = self._kept()
                kept.plain = True
                if delta.reasoning:
                    kept.field = "reasoning"
                if kept.last is not None:
                    reasoning = kept.new_of(reasoning, kept.last)
                if reasoning:
                    out.append(events.ReasoningDelta(reasoning))
            elif delta.reasoning_content is not None:
                self._kept().empty = True
            content = delta.content
            if content:
                if content.__class__ is str:
                    if self._first is not None:
                        self._may_repeat(content)
                    if self._texts is not None:
                        content = self._new_of(content, self._texts)
                    if content:
                        out.append(events.TextDelta(content))
                else:
                    self._first = None
                    chat_parts.add_parts(content, out)
            if delta.tool_calls:
                self._release_text(out)
                self._fragments(delta, out)
            if (
                delta.refusal
                or delta.annotations
                or delta.reasoning_details
                or delta.thinking_blocks
                or delta.reasoning_opaque
                or delta.images
                or delta.executed_tools
                or delta.audio
                or delta.function_call is not None
            ):
                self._rare(delta, out)
        elif choice.text:  # of text completions, which some servers send here too
            out.append(events.TextDelta(choice.text))
        if choice.usage:
            self._usage = choice.usage
        if choice.error:
            raise failures.from_status(self.provider, None, choice.error)
        if choice.finish_reason:
            self._finish = choice.finish_reason
            self.finished = True

    def _message(self, choice: chat_chunks.Choice) -> chat_chunks.Delta | None:
        """The delta of a choice with a message: where that ends a stream of deltas it says all of it once more
        (MiniMax), and only what they did not say is new. A message in place of each delta is read as one."""
        delta, message = choice.delta, chat_chunks.message_delta(choice)
        if delta is None and (self._by_messages or self._first == "") and self._reasoning is None:
            self._by_messages = True
            return message
        if message is None:
            return delta
        delta = delta or chat_chunks.Delta()
        if self._first == "" and not delta.content:
            delta.content = message.content
        if self._calls is None and not delta.tool_calls:
            delta.tool_calls = message.tool_calls
        return delta

    def _kept(self) -> chat_reasoning.Kept:
        if self._reasoning is None:
            self._reasoning = chat_reasoning.Kept()
        return self._reasoning

    def _sort_reasoning(
        self, kept: chat_reasoning.Kept, delta: chat_chunks.Delta, out: list[events.ModelEvent]
    ) -> None:
        before = kept.marked
        if (said := kept.sort(delta)) and self._show_details:
            out.append(events.ReasoningDelta(said))
        if kept.marked != before:  # what follows is content like any other, and must come through here
            self._odd = _MOST_ODD if kept.marked or type(self).take is not Decoder.take else 0

    def _rare(self, delta: chat_chunks.Delta, out: list[events.ModelEvent]) -> None:
        if delta.reasoning_details or delta.thinking_blocks or delta.reasoning_opaque:
            self.hold(self._kept().add(delta))
        if delta.refusal:
            out.append(events.RefusalDelta(delta.refusal))
        if delta.function_call is not None:
            self._assembler().feed(0, None, delta.function_call.name, _arguments(delta.function_call), out)
        if delta.annotations:
            self._add_sources(chat_parts.annotation_sources(delta.annotations), out)
        if delta.executed_tools:
            chat_parts.add_hosted(delta.executed_tools, out)
        if delta.images:
            out.extend(frames.picture(url) for image in delta.images if (url := chat_parts.image_url(image)))
        if delta.audio and isinstance(words := delta.audio.get("transcript"), str) and words:
            out.append(events.TextDelta(words))

    def _assembler(self) -> Assembler:
        if self._calls is None:
            self._calls = Assembler()
        return self._calls

    def _fragments(self, delta: chat_chunks.Delta, out: list[events.ModelEvent]) -> None:
        calls = self._assembler()
        for call in delta.tool_calls or ():
            function = call.function
            extra = call.extra_content or None
            arguments = _arguments(call if function is None else function)
            if arguments:
                self.hold(len(arguments))
            name = call.name if function is None else function.name or call.name
            calls.feed(call.index, call.id, name, arguments, out, extra)

    def _extras(self, chunk: chat_chunks.Chunk, out: list[events.ModelEvent]) -> None:
        """Groq's own member, and the sources that Perplexity repeats in every chunk."""
        groq = chunk.x_groq or {}
        if isinstance(groq.get("usage"), dict):
            self._usage = groq["usage"]
        sources = bytes(chunk.search_results), bytes(chunk.citations)
        if sources != self._last_sources:
            self._last_sources = sources
            for raw in sources:
                listed = msgspec.json.decode(raw or b"null")
                self._add_sources([chat_parts.source(item) for item in listed] if isinstance(listed, list) else [], out)
        if groq.get("error"):
            raise failures.from_status(self.provider, None, groq["error"])

    def _add_sources(self, sources: list[toolspec.Source | None], out: list[events.ModelEvent]) -> None:
        told = self._sources = set() if self._sources is None else self._sources
        for source in sources:
            if source is not None and source.id not in told:
                told.add(source.id)
                out.append(events.SourceFound(source))

    def document(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """One JSON document instead of a stream: an error, or a whole answer of a server that does not stream."""
        value = failures.parse(body)
        if isinstance(value, list) and value and all(isinstance(each, dict) and "choices" in each for each in value):
            self._take_list(body, out)
            return
        if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
            raise failures.from_status(self.provider, None, value)
        chunk = chat_chunks.decode(body)
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, out)
        self._usage = chunk.usage
        if chunk.error:
            raise failures.from_status(self.provider, None, chunk.error)
        self._end(out)

    def _take_list(self, body: bytes, out: list[events.ModelEvent]) -> None:
        """The chunks of a stream as one JSON list."""
        for chunk in jsontext.decode(body, list[msgspec.Raw]):
            self.take(Event(bytes(chunk)), out)

    def end(self, out: list[events.ModelEvent]) -> None:
        if self._finish is None:
            super().end(out)
        self._end(out)

    def _end(self, out: list[events.ModelEvent]) -> None:
        """Raises if the finish reason is that the vendor failed."""
        called = self._calls is not None and self._calls.started
        self.settle(out)
        self.done = True
        if self._finish is None:
            out.append(events.Finish("tool_calls" if called else "unknown"))
        elif self._finish.lower() in _FAILED:
            failure = failures.from_status(self.provider, None, None, f"finish reason {self._finish}")
            failure.retryable = True
            raise failure

    def settle(self, out: list[events.ModelEvent]) -> None:
        """What is known at the end, be it good or bad; once."""
        if self._settled:
            return
        self._settled = True
        self._release_text(out)
        reasoning, called = self._reasoning, False
        if reasoning is not None and (tail := reasoning.close()):
            out.append(events.TextDelta(tail))
        if self._calls is not None:
            called = self._calls.started
            self._calls.close(out)
        if reasoning is not None and (kept := reasoning.members(called=called)):
            out.append(events.ItemAdded(messages.ProviderItem("openai", kept)))
        if self._usage is not None:
            out.append(events.UsageReport(chat_usage.read(self._usage)))
        if self._finish is not None:
            reason = _reason(self._finish)
            if not called and self._finish.lower().startswith(_UNREADABLE):
                out.append(events.ToolCallMalformed(0, "it could not be read"))
                called = True
            if called and reason in ("stop", "unknown"):
                reason = "tool_calls"
            out.append(events.Finish(reason, self._finish))


def _reason(finish: str) -> events.FinishReason:
    """Gemini's own word may stand behind the usual one: ``content_filter: SAFETY``."""
    return _REASONS.get(finish.lower().partition(":")[0], "unknown")


def _separate_lines(data: bytes) -> list[bytes]:
    """The lines of one event's data, if each is JSON of its own: some servers end an event with one line feed."""
    lines = [line.strip() for line in data.split(b"\n") if line.strip()] if b"\n" in data else []
    return lines if all(line == b"[DONE]" or _is_object(line) for line in lines) else []


def _is_object(data: bytes) -> bool:
    try:
        jsontext.decode(data, dict[str, msgspec.Raw])
    except ValueError:
        return False
    return True


def _arguments(holder: chat_chunks.Function | chat_chunks.ToolCallFragment) -> str | None:
    arguments = holder.arguments
    if arguments is None and isinstance(holder, chat_chunks.Function):
        arguments = holder.parameters
    return msgspec.json.encode(arguments).decode() if isinstance(arguments, dict) else arguments
