"""Turnstream as its users run it: the command ``turnstream serve`` on a folder of agents, with a tool in Python.

The agents differ in what a phase wants to know: one with a single tool, one with two hundred, one whose runs are kept.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.rig.plan import KEPT, MANY_TOOLS, PLAIN, TOOL
from bench.rig.process import ROOT, Process, commanded, environment

TOOLS = 200
_MODEL = """\
name: {name}
model: {{provider: openai-compatible, name: bench, base_url: "{upstream}/v1", api_key: bench}}
instructions: Answer in tokens.
"""
_LOOK_UP = f"""\
from bench.rig.plan import tool_answer


async def {TOOL}(key: str) -> str:
    \"\"\"The value of a key.

    Args:
        key: the key to look up
    \"\"\"
    return tool_answer(key)
"""
_OTHER = '''

async def find_{n}(place: str, most: int = {n}, exact: bool = False) -> str:
    """What is found at place number {n}.

    Args:
        place: where to look
        most: how much
        exact: whether only what is called exactly so
    """
    return place
'''


def write(folder: Path, upstream: str, several: bool) -> Path:
    """The folder of agents, for that upstream: the plain one, or all."""
    agents = folder / "agents"
    agents.mkdir()
    (agents / "tools.py").write_text(_LOOK_UP + "".join(_OTHER.format(n=n) for n in range(1, TOOLS)))
    one = f"tools:\n  - tools.py:{TOOL}\n"
    many = "".join(f"  - tools.py:find_{n}\n" for n in range(1, TOOLS))
    described = {PLAIN: one, MANY_TOOLS: one + many, KEPT: f"{one}on_disconnect: go_on\n"}
    for name, rest in described.items() if several else [(PLAIN, one)]:
        (agents / f"{name}.yaml").write_text(_MODEL.format(name=name, upstream=upstream) + rest)
    return agents


@contextlib.contextmanager
def serving(upstream: str, on: Iterable[int], *, several: bool = False) -> Iterator[Process]:
    """With the settings that nobody has changed: conversations and runs are stored in SQLite beside the agents. Its
    modules are compiled once, as an installation does it, and not at each start."""
    with tempfile.TemporaryDirectory(prefix="turnstream-bench-") as name:
        agents = write(Path(name), upstream, several)
        command = [sys.executable, "-m", "turnstream", "serve", str(agents), "--port", "0", "--log-format", "text"]
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")])
        with (
            environment(PYTHONPATH=path, PYTHONDONTWRITEBYTECODE=""),
            commanded(command, Path(name), r"listening on http://\S+:(\d+)", on) as run,
        ):
            yield run
