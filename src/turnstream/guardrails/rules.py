"""What a guardrail is made of besides patterns: a length, and those who judge an answer as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from turnstream import requests
from turnstream.guardrails import texts
from turnstream.guardrails.review import Reviewer


class LengthRule(Struct, frozen=True):
    """Ends an answer after so many characters."""

    name: str
    most: int

    def open(self) -> LengthStream:
        return LengthStream(self)

    def apply(self, text: str) -> str:
        if len(text) > self.most:
            raise texts.StoppedError(self.name, text[: self.most], "length")
        return text


class LengthStream:
    def __init__(self, rule: LengthRule) -> None:
        self._rule = rule
        self._room = rule.most

    def feed(self, text: str) -> str:
        if len(text) > self._room:
            raise texts.StoppedError(self._rule.name, text[: self._room], "length")
        self._room -= len(text)
        return text

    def close(self) -> str:
        return ""


Ask: TypeAlias = Callable[[str, requests.RunContext], Awaitable[bool]]


class Judge(Struct, frozen=True):
    """Is asked whether a text may be shown, outside of the machines: it may do I/O.

    It is shown the answer so far every ``every`` characters, and whole at the end; None asks at the end only, so that
    nothing is shown before. ``replacement`` stands for an answer that may not be shown, which then must not have been
    shown in part; None stops it. With a ``reviewer`` a person has the last word instead. ``on_error`` says what an
    answer is that nobody could judge in ``timeout`` seconds.
    """

    name: str
    ask: Ask
    replacement: str | None = None
    every: int | None = None
    on_error: Literal["stop", "pass"] = "stop"
    timeout: float = 30.0
    reviewer: Reviewer | None = None
