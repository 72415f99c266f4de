"""Floods: pairs of structural characters, repeated, behind every marker. No piece of them may hold the process.

``python -m tests.fuzz_text_calls --floods 20000`` runs many; the tests run a few of them.
"""

from __future__ import annotations

import random
import time
from typing import Any

from turnstream.parsing.text_calls import FORMATS, Decoder

SIZE = 64_000
PIECE = 4_096
LIMIT = 0.05
"""So many seconds of the thread's own time may one piece take, or the end of the stream."""

TOOL: dict[str, Any] = {
    "name": "echo",
    "parameters": {"properties": {"x": {"type": "string"}, "n": {"type": "integer"}, "o": {"type": "object"}}},
}
SIGNS = (
    *"{}[]()<>\"'`\\/:,;=|\n #-*a0.",
    *("</", "<|", "```", '"a"', '\\"', "//", "/*", "**", "<think>", "</think>", "null", "call:", '{"', '"}', ": "),
)
BEGUN = (
    *("", '{"name": "echo", "arguments": {"x": ', '[{"name": "echo", "arguments": {x ', "[echo(x=", "call:echo{x:"),
    *("echo\n<arg_key>x</arg_key><arg_value>", "<function=echo><parameter=x>", 'echo{"x": ', "<x>", '"'),
    'functions.echo:0<|tool_call_argument_begin|>{"x": ',
)
ENDS = ("", "}", '"}}', "</think>", "</tool_call>")


def flood(seed: int) -> tuple[str, str]:
    """A format and a text."""
    chance = random.Random(seed)
    name = chance.choice(sorted(FORMATS))
    opener = chance.choice(("", *sorted(FORMATS[name].opens)))
    head = chance.choice(("", "<think>")) + opener + chance.choice(BEGUN)
    unit = chance.choice(SIGNS) + chance.choice(SIGNS)
    return name, head + unit * (SIZE // len(unit)) + chance.choice(ENDS)


def slowest(seed: int, piece: int = PIECE) -> float:
    """The seconds that the slowest piece took: the better of two runs, if the first was slow."""
    name, text = flood(seed)
    took = _run(name, text, piece)
    return took if took < LIMIT else min(took, _run(name, text, piece))


def _run(name: str, text: str, piece: int) -> float:
    decoder, worst = Decoder(name, [TOOL]), 0.0
    for start in range(0, len(text), piece):
        began = time.thread_time()
        decoder.feed(text[start : start + piece])
        worst = max(worst, time.thread_time() - began)
    began = time.thread_time()
    decoder.close()
    return max(worst, time.thread_time() - began)


def slow(seed: int, piece: int = PIECE) -> str | None:
    """What is too slow, None if nothing is."""
    took = slowest(seed, piece)
    name, text = flood(seed)
    return None if took < LIMIT else f"{seed}: {took * 1e3:.0f} ms, {name}, {text[:100]!r}…"
