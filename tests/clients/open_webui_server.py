"""A real Open WebUI, a process of its own: an empty folder of data, one user, nothing that would leave this machine.

It has two connections to our server: chat completions, and Responses, where the agents are called ``responses.…``.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clients import processes
from tests.clients.server import KEY

START = 90.0  # seconds: it imports for ten, and makes its database
USER = {"name": "Ada", "email": "ada@example.org", "password": "Lovelace-1815"}


@contextmanager
def serve(python: str, agents: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Its base URL, and the token of its only user, who is its administrator."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [python, "-c", "from open_webui import app; app()", "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(agents, url, folder), stdout=output, stderr=output
        )
        try:
            _wait(process, url, log)
            yield url, _post(f"{url}/api/v1/auths/signup", USER)["token"]
        finally:
            processes.end(process)


def _environment(agents: str, url: str, folder: Path) -> dict[str, str]:
    nowhere = "http://127.0.0.1:9"
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "DATA_DIR": str(folder),
        "WEBUI_SECRET_KEY": "not a secret",
        "CORS_ALLOW_ORIGIN": url,
        "OPENAI_API_BASE_URLS": f"{agents};{agents}",
        "OPENAI_API_KEYS": f"{KEY};{KEY}",
        "OPENAI_API_CONFIGS": json.dumps({"1": {"api_type": "responses", "prefix_id": "responses"}}),
        "ENABLE_FORWARD_USER_INFO_HEADERS": "true",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_PERSISTENT_CONFIG": "false",
        "ENABLE_AUTOCOMPLETE_GENERATION": "true",
        "ENABLE_CONTEXT_COMPACTION": "true",
        "ENABLE_MEMORY_BACKGROUND_REVIEW": "true",
        "MEMORIES_REVIEW_INTERVAL_TURNS": "1",
        "USE_SLIM_DOCKER": "true",  # without what runs models on this machine
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENABLE_VERSION_UPDATE_CHECK": "false",
        "RAG_EMBEDDING_ENGINE": "openai",
        "RAG_OPENAI_API_BASE_URL": nowhere,
        "DO_NOT_TRACK": "true",
        "ANONYMIZED_TELEMETRY": "false",
        "no_proxy": "127.0.0.1",
    }


def _free_port() -> int:
    """It takes no port 0, so the system is asked for one before."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until it answers: it says nothing that one could wait for."""
    until = time.monotonic() + START
    while time.monotonic() < until:
        assert process.poll() is None, f"Open WebUI did not start:\n{log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"Open WebUI did not start within {START} seconds:\n{log.read_text()[-2000:]}")


def _post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)
