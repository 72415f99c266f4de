"""What one request asks of the mock upstream, and the tokens by which its answer is known again.

The plan travels as the text of the last user message, so every server under test passes it on as it is. Each token
carries its stream's name, its position and the time at which it was sent: an answer that was mixed up, cut or
reordered shows in its text, and the latency of every token can be read off at the other end.
"""

from __future__ import annotations

import re
import time
from typing import Literal

from msgspec import Struct, json

Mode = Literal["burst", "paced", "tool"]
TOKEN = re.compile(r" ([\w-]+)\.(\d+)\.(\d+);")


class Plan(Struct, frozen=True):
    """``rate`` is in tokens per second, for a paced answer. A tool plan first calls `TOOL`, then answers in a burst."""

    mode: Mode
    stream: str
    tokens: int
    rate: float = 0.0

    def encode(self) -> str:
        return json.encode(self).decode()


TOOL = "look_up"
PLAIN, MANY_TOOLS, KEPT = "bench", "many-tools", "kept"
"""The agents of a server under test, which a request names as its model. Only Turnstream has all of them."""


def tool_answer(key: str) -> str:
    """What the local tool says: the upstream refuses a second call that does not bring this back."""
    return f"the value of {key} is {key[::-1]}"


def decode(text: str) -> Plan:
    return json.decode(text, type=Plan)


def now() -> int:
    """Microseconds of a clock that all processes of the machine share."""
    return time.monotonic_ns() // 1000


def token(stream: str, index: int, sent: int) -> str:
    return f" {stream}.{index}.{sent};"
