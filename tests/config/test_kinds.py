"""A new kind of tools is one file and one row."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path

import jsonschema
import pytest

from turnstream.config import tools
from turnstream.config.context import ConfigContext
from turnstream.config.sections import NonEmpty, Section
from turnstream.config.tools import entry, python
from turnstream.config.tools.kind import Kind
from turnstream.protocols import Toolbox
from turnstream.providers.http import Client

DOCS = Path(__file__).resolve().parents[2] / "docs"


class EchoSection(Section):
    word: NonEmpty


def build_echo(section: EchoSection, where: ConfigContext) -> Iterable[Toolbox]:
    from turnstream.tools.python import tool

    def echo() -> str:
        """Say the word."""
        return f"{section.word} in {where.folder.name}"

    yield tool(echo)


ECHO = Kind("echo", EchoSection, build_echo, "Says a word.")


async def test_one_file_and_one_row_make_a_kind_with_its_section_its_schema_and_its_wrappers(tmp_path: Path) -> None:
    section = entry.make_section((*entry.kinds(), ECHO))
    jsonschema.validate({"echo": {"word": "hi"}, "prefix": "my_"}, section.model_json_schema())
    read = section.model_validate({"echo": {"word": "hi"}, "prefix": "my_"})
    (box,) = entry.build(read, ConfigContext(tmp_path, {}, Client()))
    from turnstream.events import RunContext

    assert [spec.name for spec in await box.tools(RunContext())] == ["my_echo"]
    with pytest.raises(ValueError, match=rf"give exactly one of: {', '.join((*entry.KINDS, 'echo'))}"):
        section.model_validate({})


def test_every_file_with_a_kind_has_its_row_and_every_row_its_place_on_the_page() -> None:
    modules = [
        importlib.import_module(f"{tools.__name__}.{found.name}") for found in pkgutil.iter_modules(tools.__path__)
    ]
    kinds = [module.KIND for module in modules if hasattr(module, "KIND")]
    assert sorted(kind.name for kind in kinds) == sorted(kind.name for kind in entry.kinds())
    page = (DOCS / "configuration.md").read_text()
    assert all(f"| `{kind.name}: " in page for kind in entry.kinds())
    assert python.KIND in entry.kinds()
