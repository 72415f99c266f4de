"""The recorded cases of other servers' test suites: what each really asserts, compared with what we say."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.corpus import TOOLCALLS
from turnstream.parsing.text_calls import FORMATS, Decoder, Parsed
from turnstream.parsing.text_calls.decoder import gather

EXCEPTIONS = Path(__file__).with_name("exceptions.toml")


@dataclass(frozen=True)
class Case:
    id: str
    format: str
    text: str
    tools: list[dict[str, Any]] | None
    data: dict[str, Any]

    @property
    def reasoning_open(self) -> bool:
        """Whether the prompt of the case ended within the reasoning, as far as the case lets us know."""
        data = self.data
        if data.get("reasoning_prefilled"):
            return True
        prompt = data.get("generation_prompt") or ""
        if any(prompt.rfind(opens) > prompt.rfind(closes) for opens, closes in FORMATS[self.format].thinks):
            return True
        reasoning = (data["expected_reasoning"] or "").strip()
        if data["peer"] == "ollama" and reasoning and self.text.lstrip().startswith(reasoning):
            return True
        content = data["expected_content"]
        if content is None or data["expected_tool_calls"]:
            return False
        # What stands before a lone closer, or the whole of a plain text, is no content: it was reasoning.
        thinks = FORMATS[self.format].thinks
        before = next((self.text.partition(close)[0] for _, close in thinks if close in self.text), self.text)
        lone = before and before not in content and not any(opens in before for opens, _ in thinks)
        return bool(lone) and not any(marker in before for marker in FORMATS[self.format].opens) and "<" not in before

    def read(self, *cuts: int, ended: bool = True) -> Parsed:
        """Our reading, with the text cut at these positions."""
        decoder = Decoder(self.format, self.tools, reasoning_open=self.reasoning_open)
        events = []
        for start, end in zip((0, *cuts), (*cuts, len(self.text)), strict=True):
            events += decoder.feed(self.text[start:end])
        if ended:
            events += decoder.close()
        return gather(events)

    def misread(self) -> list[str]:
        """Where our reading of the whole text is not what the case asserts.

        Where the peer's test neither ends the stream nor says that it goes on, either state may be meant.
        """
        ends = {True: (True,), False: (False,), None: (True, False)}[self.data["complete"]]
        tries = [list(_differences(self.data, self.read(ended=ended))) for ended in ends]
        return min(tries, key=len)


@cache
def load() -> tuple[Case, ...]:
    cases = []
    for path in sorted(TOOLCALLS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            cases.append(Case(data["id"], data["format"], data["text"], data["tools"], data))
    return tuple(cases)


@cache
def exceptions() -> dict[str, str]:
    """Case id → why ours differs."""
    table = tomllib.loads(EXCEPTIONS.read_text(encoding="utf-8"))
    return {case: group["why"] for group in table["differs"] for case in group["cases"]}


def _differences(data: dict[str, Any], ours: Parsed) -> Iterator[str]:
    pinned = data["pinned"]
    for key, mode, text in (
        ("expected_content", pinned.get("content"), ours.text),
        ("expected_reasoning", pinned.get("reasoning"), ours.reasoning),
    ):
        wanted = data[key]
        if wanted is None or mode in (None, "no"):
            continue
        if _unsplit(data, ours) or (key == "expected_reasoning" and "think=false" in (data.get("init") or "")):
            continue
        if not (_same_text(wanted, text, mode) or _continues(data, wanted, text) or _joined(data, wanted, text)):
            yield f"{key}: wanted {wanted!r}, got {text!r}"
    calls = data["expected_tool_calls"]
    if calls is None:
        return
    found: list[Any] = list(ours.tool_calls)
    if data.get("lexer_level"):  # it counts blocks, whatever is in them
        if pinned.get("count") and len(calls) != len(found) + len(ours.malformed):
            yield f"blocks: wanted {len(calls)}, got {ours}"
        return
    if data["complete"] is False:
        found += [call for call in ours.malformed if call.name]
    if pinned.get("count") and len(calls) != len(found):
        yield f"count: wanted {len(calls)}, got {found}, malformed {ours.malformed}"
        return
    for wanted, got in zip(calls, found, strict=False):
        if wanted["name"] is not None and pinned.get("names") is not False and wanted["name"] != got.name:
            yield f"name: wanted {wanted['name']!r}, got {got.name!r}"
        asserted = wanted["arguments"] is not None and pinned.get("args") in ("exact", "subset")
        if asserted and not _same_arguments(wanted["arguments"], got, pinned["args"]):
            yield f"arguments: wanted {wanted['arguments']!r}, got {got!r}"


def _same_text(wanted: str, text: str, mode: str) -> bool:
    """White space at the ends of a text is a matter of policy and compared nowhere."""
    if mode == "loose":
        return wanted.strip() in text or " ".join(wanted.split()) == " ".join(text.split())
    return wanted.strip() == text.strip()


def _unsplit(data: dict[str, Any], ours: Parsed) -> bool:
    """Tool parsers that are given reasoning as text, and tests that ask for it to be left there."""
    left = "reasoning_format=none" in data["notes"] or bool(data.get("tag"))
    if not left and (data["peer"] not in ("vllm", "sglang") or data["expected_reasoning"]):
        return False
    wanted = data["expected_content"] or ""
    for opens, closes in FORMATS[data["format"]].thinks:
        wanted = wanted.replace(opens, "").replace(closes, "")
    whole = ours.reasoning + ours.text
    return bool(ours.reasoning) and "".join(wanted.split()) == "".join(whole.split())


def _joined(data: dict[str, Any], wanted: str, text: str) -> bool:
    """White space where something stood between two texts is a matter of policy too."""
    return wanted.strip() not in data["text"] and "".join(wanted.split()) == "".join(text.split())


def _continues(data: dict[str, Any], wanted: str, text: str) -> bool:
    """A case that continues a message expects what its prompt already held as well."""
    prompt = data.get("generation_prompt") or ""
    wanted, text = wanted.strip(), text.strip()
    return wanted.endswith(text) and wanted[: len(wanted) - len(text)].strip() in prompt and "continue" in data["notes"]


def _same_arguments(wanted: Any, got: Any, mode: str) -> bool:
    try:
        value = json.loads(got.arguments)
    except ValueError:
        return isinstance(wanted, str) and wanted.rstrip().startswith(got.arguments.rstrip())
    if isinstance(wanted, str):
        return wanted == got.arguments or (wanted.rstrip().startswith(got.arguments.rstrip()))
    if mode == "subset":
        return all(key in value and _subset(wanted[key], value[key]) for key in wanted)
    return _strictly_equal(wanted, value)


def _subset(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(got, dict):
        return all(key in got and _subset(wanted[key], got[key]) for key in wanted)
    return _strictly_equal(wanted, got)


def _strictly_equal(a: Any, b: Any) -> bool:
    """Equal, and 1 is not true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_strictly_equal(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_strictly_equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)
