"""Round trips: random calls, written as each family writes them, cut at random, are read back as they were; and
damaged, they are read alike however they are cut.

``python -m tests.fuzz_text_calls --runs 10000 --floods 20000`` (`make fuzz`); the tests run a few of them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping
from typing import Any

from tests.flood_text_calls import slow
from tests.parsing.text_calls.render import RENDERERS, Tool
from turnstream.events import ModelEvent
from turnstream.parsing.text_calls import FORMATS, Decoder
from turnstream.parsing.text_calls.decoder import gather

MARKERS = sorted({marker for row in FORMATS.values() for marker in (*row.opens, *row.closes, *row.noise)})
WORDS = (
    *("a", "Paris", "null", "true", "123", "-0.5", "{", "}", "[1, 2]", '{"a": 1}', '"', "'", "\\", "\\n", "\n", "\r\n"),
    *(
        "\t",
        "  ",
        "🎉",
        "日本",
        "\u2028",
        "\u00a0",
        "</div>",
        "<b>",
        "a < b && c > d",
        "```",
        "```json\n",
        "C:\\new\\table",
    ),
    *(
        "it's",
        'say "hi"',
        "f(x=1)",
        ";",
        ",",
        ":",
        "=",
        "<|",
        "</",
        "<think>",
        "</think>",
        "call:",
        ">>>",
        "# no comment",
    ),
    *("/* x */", "\x00", "é́", "%s", "${x}", "&amp;", "]]", "[TOOL", "<tool", "functools[", "Observation:", "to=x"),
)

# Where a value is raw text, it cannot hold what ends it: no escape exists for that in the family's grammar.
_XML = (
    "</parameter>",
    "<parameter",
    "</function>",
    "<function=",
    "tool_call>",
    "</invoke>",
    "<invoke",
    "function_call>",
)
_PAIRS = (
    "</arg_value>",
    "<arg_",
    "tool_call>",
    "tool_calls>",
    "</param_value>",
    "<param_key>",
    "longcat_",
    "<ifm|",
    "</ifm|",
)
RAW: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("qwen3_coder_xml", "seed_oss_xml", "mimo_xml", "minimax_m2", "dots_xml"), _XML),
    "anthropic_xml": (*_XML, "function_calls>", "invoke "),
    "iquest": ("</arg_value>", "<arg_", "tool_call>"),
    "solar_open2": ("<|tool_arg:", "<|tool_call:"),
    "gigachat35_gcml": ("｜GCML｜", "DSML"),
    **dict.fromkeys(
        ("glm45", "glm47", "glm47_loose", "poolside_v1", "telechat4", "hy_v3", "hy_v4", "longcat", "k2_horizon"), _PAIRS
    ),
    **dict.fromkeys(("deepseek_v32_dsml", "deepseek_v4_dsml", "deepseek_v41_dsml"), ("｜DSML｜",)),
    "step3": ("steptml:", "<｜tool_call"),
    "minicpm5_xml": ("]]>", "<![CDATA[", "</param", "<param", "<function", "</function>"),
    "minimax_m3": ("]<]minimax[>[",),
    "muse_atem": ("atem:", "<|eom|>", "<|eot|>"),
    "beam": ("rfl:", "<|call|>", "<|end|>", "<|return|>"),
    "kimi_k3": ("<|close|>argument",),
    "gemma4": ('<|"|>', "<|tool_call>"),
    "functiongemma": ("<escape>", "<start_function_call>"),
}
_BARE_KEYS = ("gemma4", "functiongemma", "minimax_m3")
_ONE_CALL = ("react",)
_NO_TEXT_BEFORE = ("harmony", "beam", "muse_atem", "functionary_v32", "olmo3_think", "inkling", "kimi_k3")
KINDS = ("string", "string", "string", "integer", "number", "boolean", "object", "array")


class Maker:
    """Makes random calls for one format."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.chance = chance

    def text(self) -> str:
        chance = self.chance
        size = chance.choice((0, 1, 1, 2, 3, 5, 8)) if chance.random() > 0.002 else 20_000
        text = "".join(chance.choice(WORDS if chance.random() < 0.8 else MARKERS) for _ in range(size))
        while forbidden := next((ending for ending in RAW.get(self.name, ()) if ending in text), ""):
            text = text.replace(forbidden, "")
        return text

    def key(self) -> str:
        bare = self.name in _BARE_KEYS
        return (
            self.chance.choice(("a", "b_2", "cityName", "x1"))
            if bare or self.chance.random() < 0.7
            else self.text() or "k"
        )

    def value(self, kind: str, depth: int = 0) -> Any:
        chance = self.chance
        match kind:
            case "string":
                return self.text()
            case "integer":
                return chance.choice((0, 1, -7, 42, 10**15))
            case "number":
                return chance.choice((0.5, -1.25, 1e-05, 3.0, 1e300, 7))
            case "boolean":
                return chance.random() < 0.5
            case "object":
                return {self.key(): self.inner(depth) for _ in range(chance.randrange(4))}
            case _:
                return [self.inner(depth) for _ in range(chance.randrange(4))]

    def inner(self, depth: int) -> Any:
        if self.name == "minimax_m3":  # without a schema only these can be told apart
            return self.chance.choice(("Paris", "two words", 7, True))
        kind = self.chance.choice((*KINDS, "null") if depth < 3 else ("string", "integer"))
        return None if kind == "null" else self.value(kind, depth + 1)

    def calls(self) -> list[tuple[Tool, dict[str, Any]]]:
        chance = self.chance
        tools = [
            Tool(
                f"{word}_{i}", {f"{chance.choice('abc')}_{k}": chance.choice(KINDS) for k in range(chance.randrange(5))}
            )
            for i, word in enumerate(chance.sample(("get", "write_file", "x", "Search"), chance.randint(1, 3)))
        ]
        count = 1 if self.name in _ONE_CALL else chance.choice((1, 1, 2, 3))
        chosen = [chance.choice(tools) for _ in range(count)]
        return [(tool, {key: self.value(kind) for key, kind in tool.parameters.items()}) for tool in chosen]


def pieces(text: str, chance: random.Random) -> list[str]:
    """The text in pieces: many small ones, a few, or one."""
    many = chance.choice((0, 1, 3, 20, len(text)))
    at = sorted({chance.randrange(len(text) + 1) for _ in range(min(many, 400))})
    return [text[start:end] for start, end in zip((0, *at), (*at, len(text)), strict=True)]


def failure(name: str, seed: int) -> str | None:
    """What went wrong in this round trip, None if nothing did."""
    chance = random.Random(f"{name} {seed}")
    calls = Maker(name, chance).calls()
    before = "" if name in _NO_TEXT_BEFORE or chance.random() < 0.5 else "Let me see, 1 < 2.\n"
    text = before + RENDERERS[name](calls)
    tools = list({tool.name: tool.spec() for tool, _ in calls}.values())
    decoder = Decoder(name, tools)
    events: list[ModelEvent] = []
    for piece in pieces(text, chance):
        events += decoder.feed(piece)
    found = gather(events + decoder.close())
    wanted = [(tool.name, args) for tool, args in calls]
    try:
        got = [(call.name, json.loads(call.arguments)) for call in found.tool_calls]
    except ValueError:
        got = []
    if got == wanted and found.text.strip() == before.strip() and not found.malformed:
        return None
    return f"{name} {seed}: {text[:600]!r}\n  wanted {str(wanted)[:600]}\n  got {str(found)[:900]}"


def damaged(text: str, chance: random.Random) -> str:
    """Something lost, doubled or put in: a sign, a marker, or the rest."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice((1, 1, 2, 5, 12, 40, 10_000)))
        inner = chance.choice(("", "", text[start:end] * 2, chance.choice(WORDS), chance.choice(MARKERS)))
        text = text[:start] + inner + text[end:]
    return chance.choice(("", "", "<think>")) + text


def disagreement(name: str, seed: int) -> str | None:
    """How a damaged text is read otherwise when it is cut, or with arguments that are not JSON; None if it is not."""
    chance = random.Random(f"damaged {name} {seed}")
    calls = Maker(name, chance).calls()
    text = damaged("So.\n" * chance.randrange(2) + RENDERERS[name](calls), chance)[:4000]
    tools = list({tool.name: tool.spec() for tool, _ in calls}.values()) if chance.random() < 0.9 else None
    chosen = name if chance.random() < 0.7 else "auto"
    whole, *others = (_outcome(chosen, tools, cut) for cut in ([text], list(text), pieces(text, chance)))
    if all(other == whole for other in others) and all(_is_json(call.arguments) for call in whole[2]):
        return None
    return (
        f"{chosen} {seed}: {text[:600]!r}\n  whole {str(whole)[:600]}\n  cut {[str(other)[:600] for other in others]}"
    )


def _outcome(name: str, tools: list[Any] | None, cut: list[str]) -> tuple[Any, ...]:
    decoder = Decoder(name, tools)
    events = [event for piece in cut for event in decoder.feed(piece)] + decoder.close()
    found = gather(events)
    return found.text, found.reasoning, found.tool_calls, [(one.name, one.reason) for one in found.malformed]


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--floods", type=int, default=2000, help="how many floods of characters are timed, too")
    parser.add_argument("--format", choices=sorted(RENDERERS), action="append")
    options = parser.parse_args(arguments)
    failed = 0
    for name in options.format or sorted(RENDERERS):
        wrong = [text for seed in range(options.runs) if (text := failure(name, seed)) is not None]
        wrong += [text for seed in range(options.runs) if (text := disagreement(name, seed)) is not None]
        failed += len(wrong)
        print(f"{name:24} {options.runs} runs, whole and damaged, {len(wrong)} wrong")
        for text in wrong[:2]:
            print(text)
    late = [text for seed in range(options.floods) if (text := slow(seed)) is not None]
    print(f"{options.floods} floods of 64 kB, {len(late)} with a piece of more than 50 ms", *late[:20], sep="\n")
    failed += len(late)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
