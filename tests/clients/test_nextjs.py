"""The chat in Next.js of examples/nextjs: its types, its build, and a question by way of its route. ``make nextjs``
installs it (400 MB) and sets NEXTJS."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cli.test_serve import ROOT, running

CHAT = ROOT / "examples/nextjs"
QUESTION = (
    b'{"id": "c", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "What is 12*7?"}]}]}'
)
JSON = {"content-type": "application/json"}

pytestmark = [
    pytest.mark.skipif("NEXTJS" not in os.environ, reason="its packages are not installed: make nextjs"),
    pytest.mark.timeout(300),
]


def npm(*words: str) -> None:
    environ = {**os.environ, "NEXT_TELEMETRY_DISABLED": "1"}
    done = subprocess.run(["npm", *words], cwd=CHAT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def next_server(agent: str) -> Iterator[str]:
    """Ends with its own process: what ``npx`` starts would outlive it."""
    command = ["node", str(Path("node_modules/next/dist/bin/next")), "start", "--hostname", "127.0.0.1", "--port", "0"]
    environ = {**os.environ, "TURNSTREAM_AGENT": agent, "NEXT_TELEMETRY_DISABLED": "1"}
    with subprocess.Popen(command, cwd=CHAT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield next(line for line in process.stdout if "http://" in line).split()[-1]
        finally:
            process.terminate()


def test_it_is_right_by_its_types_is_built_and_shows_what_the_agent_does() -> None:
    npm("run", "check")
    npm("run", "build")
    with (
        running("serve", "examples/agent.yaml", "--port", "0") as (_, address),
        next_server(f"{address}/vercel/assistant") as url,
        closing(urlopen(url, timeout=30)) as page,
        closing(urlopen(Request(f"{url}/api/chat", QUESTION, JSON), timeout=30)) as answer,
    ):
        assert b"What is 12*7?" in page.read()
        assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
        stream = answer.read()
    assert b'"type":"tool-output-available"' in stream
    assert stream.endswith(b"data: [DONE]\n\n")
