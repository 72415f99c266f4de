"""The page about models agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

from turnstream import providers
from turnstream.providers import compatible
from turnstream.providers.http import HttpModel

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text()


def rows(heading: str) -> dict[str, str]:
    section = PAGE.partition(f"# {heading}\n")[2].partition("\n## ")[0]
    return {name: line for line in section.split("\n") for name in re.findall(r"^\| `([^`]+)`", line)}


def test_every_provider_has_its_row_with_its_key_and_its_address() -> None:
    listed = rows("Providers")
    assert set(listed) == {*compatible.VENDORS, *providers.PROTOCOLS, "demo"}
    for name, vendor in compatible.VENDORS.items():
        for word in (*vendor.keys, *vendor.urls, vendor.base_url):
            assert word in listed[name]


def test_every_quirk_of_a_vendor_is_explained() -> None:
    assert {quirk for vendor in compatible.VENDORS.values() for quirk in vendor.quirks} <= set(rows("Quirks"))


def test_the_python_on_the_page_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, "models.md", "exec"), names)
    assert isinstance(names["local"], HttpModel)
    assert names["local"].timeouts.first_token == 300
