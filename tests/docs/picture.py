"""The picture in the README, drawn from a real run: ``python -m tests.docs.picture > docs/images/chat.svg``."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from turnstream.cli.printer import Printer
from turnstream.config import load

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "What is the weather in Paris?"
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)


def draw() -> str:
    console = Console(record=True, width=108, force_terminal=True, file=io.StringIO(), highlight=False, soft_wrap=True)
    console.print("$ turnstream chat examples/agent.yaml\n", style="dim")
    console.print(f"> {QUESTION}", style="bold", markup=False)
    asyncio.run(_ask(Printer(output=console, notes=console)))
    format = _FONTS.sub("", CONSOLE_SVG_FORMAT)  # the picture fetches nothing
    return console.export_svg(title="turnstream chat", unique_id="turnstream", code_format=format)


async def _ask(printer: Printer) -> None:
    agent = load(ROOT / "examples" / "agent.yaml", {}).agents["assistant"]
    async with agent, agent.run(QUESTION) as run:
        async for batch in run.batches():
            printer.show(batch)
    printer.end()


if __name__ == "__main__":
    print(draw(), end="")
