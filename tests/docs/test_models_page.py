"""The page about models agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

from turnstream.providers import catalogue
from turnstream.providers.transport.http import HttpModel

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text()


def rows(heading: str) -> dict[str, str]:
    section = PAGE.partition(f"# {heading}\n")[2].partition("\n## ")[0]
    return {name: line for line in section.split("\n") for name in re.findall(r"^\| `([^`]+)`", line)}


def test_every_provider_has_its_row_with_its_key_and_its_address() -> None:
    listed = rows("Providers")
    assert set(listed) == catalogue.PROVIDERS.keys()
    for name, row in catalogue.PROVIDERS.items():
        for word in (*row.keys, *row.urls, row.base_url):
            assert word in listed[name]


def test_every_quirk_of_a_vendor_is_explained() -> None:
    assert {quirk for row in catalogue.PROVIDERS.values() for quirk in row.quirks} <= set(rows("Quirks"))


def test_the_python_on_the_page_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "models.md", "exec"), names)
    assert isinstance(names["local"], HttpModel)
    assert names["local"].timeouts.first_token == 300
