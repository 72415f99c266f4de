"""Other servers: those that are installed here (``make bench-peers``), and what was measured once of more of them,
elsewhere, on a slower machine.

Of the latter compare within this table only; the column that carries over to another machine is the one in units of
the floor. Differences under a fifth are noise.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from bench.rig.process import ROOT, Process, commanded, environment, started

DATE = "November 2026"


class Peer(Struct, frozen=True):
    """CPU milliseconds per 1,000 tokens (burst, paced at 100 streams) and per tool round; p99 in ms; RSS in MiB.

    None is "not measured"; a saturated server has no latency worth a number.
    """

    name: str
    burst: float
    paced: float
    p99: float | None
    tool: float | None
    rss: float


FLOOR = Peer("floor: aiohttp byte pass-through on uvicorn", 5.1, 108, 1.2, None, 44)
PEERS = (
    Peer("LiteLLM proxy 1.106", 1304, 2350, None, None, 409),
    Peer("pydantic-ai 2.68 + ASGI", 835, 1288, None, 106, 114),
    Peer("LangGraph 1.2 + FastAPI", 679, 1015, None, 103, 133),
    Peer("IBM/flexo 0.2.2", 598, 1105, None, 79, 236),
    Peer("OpenAI Agents SDK 0.24 + FastAPI", 494, 1115, None, 73, 129),
    Peer("OpenAI SDK + FastAPI, hand-written", 342, 810, None, None, 76),
    Peer("httpx byte pass-through", 50, 408, 5.6, None, 47),
    FLOOR,
    Peer("nginx byte pass-through", 0.7, 28, 0.4, None, 16),
)


class Installed(Struct, frozen=True):
    """A peer in an environment of its own: ``.venv-peer-NAME``. ``server`` is our module that serves it; None for one
    that is a server itself."""

    name: str
    python: Path
    server: str | None

    @property
    def is_agent(self) -> bool:
        """Whether it runs tools; a gateway only passes their calls on."""
        return self.server is not None

    @contextlib.contextmanager
    def serving(self, upstream: str, on: Iterable[int]) -> Iterator[Process]:
        with environment(PYTHONPATH=""):  # it has one of its own
            yield from self._start(upstream, on)

    def _start(self, upstream: str, on: Iterable[int]) -> Iterator[Process]:
        if self.server is not None:
            with started(self.server, upstream, on=on, python=str(self.python)) as process:
                yield process
            return
        with tempfile.TemporaryDirectory(prefix="bench-peer-") as name:
            folder = Path(name)
            (folder / "config.yaml").write_text(_LITELLM.format(upstream=upstream))
            command = [str(self.python.parent / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1"]
            command += ["--port", str(_free_port()), "--num_workers", "1"]
            with commanded(command, folder, r"Uvicorn running on http://[^:]+:(\d+)", on) as process:
                yield process


_LITELLM = """\
model_list:
  - model_name: bench
    litellm_params: {{model: openai/bench, api_base: "{upstream}/v1", api_key: bench}}
litellm_settings: {{telemetry: false}}
general_settings: {{dangerously_permit_weak_or_unset_master_key: true}}
"""
_PEERS = (
    ("openai-agents", "OpenAI Agents SDK", "bench.peers.openai_agents", "openai-agents"),
    ("pydantic-ai", "pydantic-ai", "bench.peers.pydantic_ai", "pydantic-ai-slim"),
    ("litellm", "LiteLLM proxy", None, "litellm"),
)


def available() -> list[Installed]:
    """Those that are installed, with the versions that they have."""
    return [
        Installed(f"{title} {_version(python, package)}", python, server)
        for name, title, server, package in _PEERS
        if (python := ROOT / f".venv-peer-{name}" / "bin" / "python").exists()
    ]


def _version(python: Path, package: str) -> str:
    script = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
