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
from turnstream.parsing.text_calls import Decoder, Parsed
from turnstream.parsing.text_calls.decoder import gathered

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
        return bool(self.data.get("reasoning_prefilled")) or _thinks(self.data.get("init"))

    def read(self, *cuts: int) -> Parsed:
        """Our reading, with the text cut at these positions."""
        decoder = Decoder(self.format, self.tools, reasoning_open=self.reasoning_open)
        events = []
        for start, end in zip((0, *cuts), (*cuts, len(self.text)), strict=True):
            events += decoder.feed(self.text[start:end])
        if self.data["complete"] is not False:
            events += decoder.close()
        return gathered(events)

    def differences(self, ours: Parsed) -> list[str]:
        """Where our reading is not what the case asserts."""
        return list(_differences(self.data, ours))


def _thinks(init: object) -> bool:
    return isinstance(init, str) and "think=true" in init.lower()


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
    return {case: f"{group['kind']}: {group['why']}" for group in table["differs"] for case in group["cases"]}


def _differences(data: dict[str, Any], ours: Parsed) -> Iterator[str]:
    pinned = data["pinned"]
    for key, mode, text in (
        ("expected_content", pinned.get("content"), ours.text),
        ("expected_reasoning", pinned.get("reasoning"), ours.reasoning),
    ):
        wanted = data[key]
        if wanted is None or mode in (None, "no"):
            continue
        if not _same_text(wanted, text, mode):
            yield f"{key}: wanted {wanted!r}, got {text!r}"
    calls = data["expected_tool_calls"]
    if calls is None:
        return
    partial = data["complete"] is False
    found: list[Any] = list(ours.tool_calls)
    if partial:
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
