"""Who agrees to tool calls: the person at the terminal; and for which of them a server asks its users."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from turnstream.cli.text import printable

if TYPE_CHECKING:
    from turnstream import messages
    from turnstream.agent import Agent
    from turnstream.cli.printer import Printer


class Terminal:
    """Asks the person at the terminal, one question at a time; the event loop runs on meanwhile. The whole call is
    shown: what was cut could be what matters.
    """

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._lock = asyncio.Lock()

    async def __call__(self, call: messages.ToolCall) -> bool:
        from turnstream.cli.printer import spell

        line = await self.read(f"Call {printable(spell(call, most=None))}? [y/N] ")
        return line is not None and is_yes(line)

    def say(self, text: str) -> None:
        """Even if only the answers are shown otherwise."""
        self._printer.tell(text)

    async def read(self, question: str) -> str | None:
        """The line that is typed after the question. None for the end of the input (Ctrl-D)."""
        async with self._lock:
            _forget_what_was_typed()
            self._printer.ask(question)
            line = ""
            try:
                line = await _line()
            finally:
                self._printer.end_question(by_a_line=line.endswith("\n"))
            return line.strip() if line else None


def is_yes(line: str) -> bool:
    return line.lower() in ("y", "yes")


def _forget_what_was_typed() -> None:
    """An answer is to this question, which nobody has seen until now."""
    import termios

    termios.tcflush(sys.stdin, termios.TCIFLUSH)


async def _line() -> str:
    """A terminal becomes readable when a whole line was typed. A thread would go on to read after Ctrl-C."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return os.read(sys.stdin.fileno(), 4096).decode("utf-8", "replace")


def find_unanswered(agent: Agent) -> list[str]:
    """Patterns of calls that need approval and for which no function is named."""
    from turnstream.tools.wrap import approvals

    asking = [one for toolbox in agent.toolboxes for one in approvals(toolbox)]
    return sorted({pattern for one in asking if one.ask is None for pattern in one.calls})
