"""The page about tool calls as text names every format."""

from __future__ import annotations

import re
from pathlib import Path

from turnstream.parsing.text_calls import FORMATS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "tool-calls-as-text.md").read_text("utf-8")
TABLE = PAGE.partition("| what | formats |\n")[2].partition("\n\n")[0]


def test_every_format_is_in_the_table_once() -> None:
    named = re.findall(r"`(\w+)`", TABLE)
    assert sorted([*named, "auto"]) == sorted(FORMATS)
