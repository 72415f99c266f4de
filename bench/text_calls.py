"""What reading tool calls out of text costs: ``python -m bench.text_calls``.

The peers' figures were measured on a noisy two-core machine, as ours are; they are good for ratios.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.parsing.text_calls.render import RENDERERS, Tool
from turnstream.events import ReasoningDelta, TextDelta, ToolCallDelta
from turnstream.parsing.text_calls import FORMATS, Decoder

PEERS = """peers, one call, 32 KB string, 4-character deltas:
  SGLang hermes 59 s, qwen25/mistral/llama3 41-58 s, deepseekv32 33 s, pythonic 24 s, glm47 7.1 s, kimi_k2 0.20 s,
  qwen3_coder 0.21 s (3 fragments)
  vLLM llama3_json 48 s, pythonic 30 s, hermes 0.57 s, deepseek_v31 0.65 s, engine qwen3_coder 0.23 s, minimax_m2 0.20 s
  llama.cpp (16 KB) Qwen2.5 JSON 0.36 s, Qwen3-Coder 1.2 s
wrong calls over the corpus: vLLM 15 %, SGLang 27 % (33 % when cut at any character)
markup in content: vLLM 1.7 %, SGLang 6.5 % (14 %); nobody publishes text delay or leak rate"""

TOOL = Tool("write_file", {"content": "string"})
TOOLS = [TOOL.spec()]


def _timed(work: Callable[[], Any], repeat: int = 3) -> float:
    """Seconds of this process, the best of some."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def _fed(name: str, text: str, size: int, tools: list[dict[str, Any]] | None = TOOLS) -> list[Any]:
    decoder = Decoder(name, tools)
    events: list[Any] = []
    for start in range(0, len(text), size):
        events += decoder.feed(text[start : start + size])
    return events + decoder.close()


def _body(kilobytes: int) -> str:
    line = "if a < b and x[0] > 1: print(f'{a}')  # ünïcode, a comma, done\n"
    return (line * (kilobytes * 1024 // len(line) + 1))[: kilobytes * 1024]


def long_arguments() -> None:
    print(f"{'format':24} {'32 KB ms':>9} {'fragments':>9} {'64/16 KB':>8}")
    for name in sorted(RENDERERS):
        texts = {kb: RENDERERS[name]([(TOOL, {"content": _body(kb)})]) for kb in (16, 32, 64)}
        took = {kb: _timed(partial(_fed, name, text, 4)) for kb, text in texts.items()}
        fragments = sum(isinstance(event, ToolCallDelta) for event in _fed(name, texts[32], 4))
        flag = "" if took[32] <= 0.080 and took[64] / took[16] < 5 else "  <-- over"
        print(f"{name:24} {took[32] * 1e3:9.1f} {fragments:9} {took[64] / took[16]:8.2f}{flag}")


def plain_text() -> None:
    text = "The quick brown fox jumps over the lazy dog, and then it writes a < b. " * 60000
    for name in (
        "hermes",
        "qwen3_coder_xml",
        "llama3_json",
        "mistral_v11",
        "pythonic",
        "deepseek_v31",
        "harmony",
        "auto",
    ):
        if name not in FORMATS:
            continue
        seconds = _timed(partial(_fed, name, text, 4096))
        tokens = [" word"] * 100_000
        decoder = Decoder(name, TOOLS)

        def all_tokens(decoder: Decoder = decoder, tokens: list[str] = tokens) -> None:
            for token in tokens:
                decoder.feed(token)

        per_token = _timed(all_tokens) / len(tokens)
        one = _timed(partial(_fed, name, "word, " * 16_667, 1), 1)
        print(
            f"{name:24} {len(text) / seconds / 1e6:7.0f} MB/s {per_token * 1e6:6.2f} us/token {one:6.2f} s/100k chars"
        )


def floods() -> None:
    print("floods of openers, us per character at 20 KB and at 80 KB (the same if linear)")
    worst = []
    for name in sorted(FORMATS):
        form = FORMATS[name]
        openers = [*form.opens, *(tag for pair in form.thinks for tag in pair), "{", "[", "<", '{"name": "']
        for opener in openers:
            floods = {n: opener * (n // len(opener)) for n in (20_000, 80_000)}
            took = [_timed(partial(_fed, name, text, 64), 2) / n for n, text in floods.items()]
            worst.append((took[1] / took[0], took[1] * 1e6, name, opener))
    for ratio, cost, name, opener in sorted(worst, reverse=True)[:8]:
        print(f"  {name:24} {opener!r:40} {cost:7.3f} us ratio {ratio:5.2f}")


def delay_and_leaks() -> None:
    """Text delay: characters fed and not yet given while the answer is plain text. Leaks: markers in the text."""
    prose = (
        json.dumps({"a": 1}) + " is JSON, <b>bold</b> is HTML, f(x) [1, 2] < 3 | x [link](y) `code` and `<tool` too. "
    )
    total = held_sum = worst = leaks = calls = 0
    for name in sorted(RENDERERS):
        decoder, given = Decoder(name, TOOLS), 0
        for fed, char in enumerate("So: " + prose * 20, 1):
            given += sum(
                len(event.text) for event in decoder.feed(char) if isinstance(event, TextDelta | ReasoningDelta)
            )
            total, held_sum, worst = total + 1, held_sum + fed - given, max(worst, fed - given)
        text = "Before.\n" + RENDERERS[name]([(TOOL, {"content": "x"})])
        for size in (1, 2, 3, 7, 29):
            calls += 1
            said = (event for event in _fed(name, text, size) if isinstance(event, TextDelta | ReasoningDelta))
            shown = "".join(event.text for event in said)
            leaks += shown.strip() != "Before."
    print(f"text delay: mean {held_sum / total:.2f}, worst {worst} characters; leak rate {leaks}/{calls}")


def main() -> None:
    print(PEERS, "\n")
    long_arguments()
    print()
    plain_text()
    print()
    floods()
    print()
    delay_and_leaks()


if __name__ == "__main__":
    main()
