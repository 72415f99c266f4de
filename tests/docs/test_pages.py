"""What the pages show is what happens: their Python blocks are run, and so are the tests in them."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from turnstream.agent import Agent
from turnstream.events import ToolMessage
from turnstream.testing import ScriptedModel, call

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def run(page: str) -> dict[str, Any]:
    """The names that a page's Python blocks define, one block after the other."""
    module = ModuleType(page)
    sys.modules[page] = module
    try:
        for block in blocks(page, "python"):
            exec(compile(block, page, "exec"), module.__dict__)
    finally:
        del sys.modules[page]
    return module.__dict__


TESTS = {name: value for name, value in run("testing.md").items() if name.startswith("test_")}


@pytest.mark.parametrize("name", TESTS)
def test_the_tests_on_the_page_about_testing_pass(name: str) -> None:
    result = TESTS[name]()
    if inspect.iscoroutine(result):
        asyncio.run(asyncio.wait_for(result, 20))


def test_the_page_about_testing_has_tests() -> None:
    assert len(TESTS) == 5


async def test_the_page_about_tools_shows_what_the_model_is_told() -> None:
    names = run("tools.md")
    model = ScriptedModel([call("book_table", {"guests": "two", "dy": "today"}), "Sorry."])
    async with Agent(model, [names["book_table"], names["my_orders"]]).run("a table for two") as running:
        async for _ in running:
            pass
    (told,) = [message for message in model.requests[1].messages if isinstance(message, ToolMessage)]
    assert [told.content] == [block.strip() for block in blocks("tools.md", "text")]
    assert json.dumps(names["book_table"](2)) == '{"booking": "B-17", "day": "today"}'
