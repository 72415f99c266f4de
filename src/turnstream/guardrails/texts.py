"""Rules for a text, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnstream import events


class StoppedError(Exception):
    """The rule ends the text. ``before`` is what may be shown of it yet, ``reason`` what a client is told."""

    def __init__(self, rule: str, before: str = "", reason: events.FinishReason = "content_filter") -> None:
        super().__init__(rule)
        self.rule = rule
        self.before = before
        self.reason = reason

    def with_before(self, before: str) -> StoppedError:
        return StoppedError(self.rule, before, self.reason)


class Stream(Protocol):
    """A text in pieces. Both raise `StoppedError`, and after that neither is called again."""

    def feed(self, text: str) -> str: ...

    def close(self) -> str: ...


class Rule(Protocol):
    """Holds no state of any text. ``apply`` is for a text that is whole; it raises `StoppedError`."""

    @property
    def name(self) -> str: ...

    def open(self) -> Stream: ...

    def apply(self, text: str) -> str: ...


class Chain:
    """A text through several rules: each sees what the one before it gives."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._streams = [rule.open() for rule in rules]

    def feed(self, text: str) -> str:
        for at, stream in enumerate(self._streams):
            if not text:
                break
            try:
                text = stream.feed(text)
            except StoppedError as stopped:
                raise stopped.with_before(self._end(at + 1, stopped.before)) from None
        return text

    def close(self) -> str:
        text = ""
        for at, stream in enumerate(self._streams):
            try:
                text = (stream.feed(text) if text else "") + stream.close()
            except StoppedError as stopped:
                raise stopped.with_before(self._end(at + 1, stopped.before)) from None
        return text

    def _end(self, start: int, text: str) -> str:
        """The last of the text, through the rules from ``start`` on; another one may end it earlier."""
        for stream in self._streams[start:]:
            try:
                text = (stream.feed(text) if text else "") + stream.close()
            except StoppedError as stopped:
                text = stopped.before
        return text


def withheld(rule: str) -> str:
    return f"Withheld by the guardrail {rule!r}."


def apply(rules: Sequence[Rule], text: str) -> str:
    """To a text that is whole. Raises `StoppedError`."""
    for rule in rules:
        text = rule.apply(text)
    return text
