"""A server that can be killed: ``python -m tests.server.approving STORE FILE [PLACE]``. Its one tool writes a line to
FILE, and must not happen twice. It ends itself at PLACE: ``answer`` (before it is stored), ``answered`` (after it),
``intent`` (stored, before the effect), ``effect`` (after it)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.agent.scripted import Scripted, calls, says
from turnstream import Agent, tool
from turnstream.runs import postgres, sqlite
from turnstream.server import run
from turnstream.service import ServerSettings, Service
from turnstream.tools import wrap


def die(here: str, place: str) -> None:
    if here == place:
        os.kill(os.getpid(), signal.SIGKILL)


def write(file: str, line: str) -> None:
    with Path(file).open("a") as written:
        written.write(line)


def main(store: str, file: str, place: str = "") -> None:
    async def pay(amount: int) -> str:
        """Pay."""
        die("intent", place)
        write(file, f"{amount}\n")
        die("effect", place)
        return "paid"

    kind: Any = postgres.Runs if store.startswith("postgres") else sqlite.Runs
    given = kind.answer

    async def answer(self: Any, *arguments: Any) -> bool:
        die("answer", place)
        accepted: bool = await given(self, *arguments)
        die("answered", place)
        return accepted

    kind.answer = answer
    # A process that goes on with the run gets the last step, one that begins it the first.
    asked = Path(f"{file}.asked")
    model = (
        Scripted(says("It is paid."))
        if asked.exists()
        else Scripted(calls(("pay", '{"amount": 5}')), says("It is paid."))
    )
    asked.touch()
    agent = Agent(model, [wrap.Approved(tool(effect="once")(pay))], name="helper")
    server = run.server(Service({"helper": agent}, ServerSettings(port=0, store=store)))
    with run.listen(ServerSettings(port=0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main(*sys.argv[1:])
