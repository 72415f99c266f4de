"""Every kind of secret is planted wherever one can be configured, everybody gives away all they were sent, and every
output is read: none has any of them, in any encoding."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.providers.upstream import says, upstream
from tests.server.serving import Served, serving
from tests.tools.web import serving as site
from turnstream import config, redaction
from turnstream.telemetry import logs
from turnstream.telemetry.traces import Traces

# each with characters that every encoding writes in another way
SECRETS = {
    name: f'{name}-7f/3+a"ö{name[::-1]}'
    for name in (
        *("model-key", "model-header", "bearer-token", "basic-password", "query-key", "url-query", "url-password"),
        *("body-password", "header-key", "mcp-env", "mcp-argument", "environment", "database"),
    )
}
SERVER_KEY = "the-server-s-own-key"

CONFIG = """
name: helper
model:
  name: "openai-compatible:m"
  base_url: "VENDOR"
  api_key: "${MODEL_KEY}"
  headers: {x-proxy-token: "${MODEL_HEADER}"}
tools:
  - rest:
      name: by_bearer
      url: "SITE/a?api_key=${URL_QUERY}"
      auth: {bearer: "${BEARER}"}
      headers: {x-own-key: "${HEADER}"}
      allow_private: [PORT]
  - rest:
      name: by_basic
      url: "SITE/fails"
      auth: {basic: {username: ann, password: "${BASIC}"}}
      allow_private: [PORT]
  - rest:
      name: by_query
      method: POST
      url: "SITE/b"
      auth: {api_key: {key: "${QUERY}", query: key}}
      body: {password: "${BODY}"}
      allow_private: [PORT]
  - rest: {name: by_moved, url: "SITE/moved?token=${URL_QUERY}", allow_private: [PORT]}
  - mcp:
      name: leaky
      command: "PYTHON"
      args: ["SCRIPT", "--token", "${ARGUMENT}"]
      env: {SERVICE_SECRET: "${MCP_ENV}"}
  - python: leaky_tool.py:raise_it
server: {keys: ["KEY"], metrics: true}
"""

MCP_SERVER = """
import os, sys
from mcp.server.mcpserver import MCPServer
server = MCPServer("leaky")
@server.tool()
def give_away() -> str:
    text = os.environ["SERVICE_SECRET"] + " " + sys.argv[-1]
    print(text, file=sys.stderr, flush=True)
    return text
server.run("stdio")
"""

PYTHON_TOOL = """
import logging, os
from turnstream.tools.python import tool
@tool
def raise_it() -> str:
    "Fails."
    logging.getLogger("some.library").debug("connecting to %s", os.environ["DATABASE_URL"])
    raise RuntimeError(f"cannot connect to {os.environ['DATABASE_URL']} with {os.environ['CACHE_PASSWORD']}")
"""
NAMES = ["by_bearer", "by_basic", "by_query", "by_moved", "give_away", "raise_it"]


def stream(*deltas: dict[str, Any], finish: str) -> bytes:
    parts = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    parts.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return "".join(f"data: {json.dumps(part)}\n\n" for part in parts).encode() + b"data: [DONE]\n\n"


CALLS = stream(
    {
        "tool_calls": [
            {"index": i, "id": f"c{i}", "function": {"name": n, "arguments": "{}"}} for i, n in enumerate(NAMES)
        ]
    },
    finish="tool_calls",
)


async def give_away(request: web.Request) -> web.Response:
    """All that it was sent, in every way to write it."""
    if request.path == "/moved":
        return web.Response(status=302, headers={"location": f"http://127.0.0.1:1/{request.path_qs}"})
    sent = f"{request.path_qs} {dict(request.query)} {dict(request.headers)} {await request.text()}"
    for value in SECRETS.values():
        if value in sent or quote(value, safe="") in sent or json.dumps(value)[1:-1] in sent:
            sent += f" {value}"
    text = base64.b64encode(sent.encode()).decode()
    status = 500 if request.path == "/fails" else 200
    return web.json_response({"a": sent, "b": text, "c": quote(sent), "d": json.dumps(sent)}, status=status)


@contextmanager
def everything_logged(secrets: frozenset[str]) -> Iterator[io.StringIO]:
    """At DEBUG, of every library, as the command line sets it up."""
    root, lines = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    quiet = {name: logging.getLogger(name).level for name in logs._QUIET}
    root.handlers = []
    try:
        logs.set_up("debug", "json", lines, secrets)
        yield lines
    finally:
        root.handlers = handlers
        root.setLevel(level)
        for name, before in quiet.items():
            logging.getLogger(name).setLevel(before)


def forms(secret: str) -> set[str]:
    """Written out here by itself, and not by what is tested."""
    raw = secret.encode()
    inner = {base64.b64encode(b"x" * shift + raw).decode()[4:-4] for shift in range(3)}
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        secret.split("-7f")[0] + "-7f",
        *inner,
    }


def assert_clean(output: str, name: str) -> None:
    for kind, secret in SECRETS.items():
        for form in forms(secret):
            assert form not in output, (
                f"{name} has {kind} as {form}: …{output[max(0, output.find(form) - 200) :][:400]}"
            )
    assert SERVER_KEY not in output, name


def write(folder: Path, vendor: str, site_url: str) -> dict[str, str]:
    """The configuration; what stands in its environment."""
    (folder / "leaky.py").write_text(MCP_SERVER)
    (folder / "leaky_tool.py").write_text(PYTHON_TOOL)
    text = CONFIG.replace("VENDOR", vendor).replace("SITE", site_url).replace("PORT", site_url.rpartition("/")[2])
    text = (
        text.replace("PYTHON", sys.executable)
        .replace("SCRIPT", str(folder / "leaky.py"))
        .replace('KEY"]', f'{SERVER_KEY}"]')
    )
    (folder / "agent.yaml").write_text(text)
    s = SECRETS
    return {
        "MODEL_KEY": s["model-key"].replace("ö", "o"),
        "MODEL_HEADER": s["model-header"].replace("ö", "o"),
        "BEARER": s["bearer-token"].replace("ö", "o"),
        "HEADER": s["header-key"].replace("ö", "o"),
        "URL_QUERY": quote(s["url-query"], safe=""),
        "BASIC": s["basic-password"],
        "QUERY": s["query-key"],
        "BODY": s["body-password"],
        "ARGUMENT": s["mcp-argument"],
        "MCP_ENV": s["mcp-env"],
        "CACHE_PASSWORD": s["environment"],
        "DATABASE_URL": f"postgres://ann:{quote(s['database'], safe='')}@db/x",
    }


async def ask(served: Served, path: str, body: dict[str, Any]) -> str:
    names = {"authorization": f"Bearer {SERVER_KEY}"}
    async with served.client.post(served.url + path, json=body, headers=names) as response:
        return f"{response.headers} {await response.text()}"


def read(folder: Path) -> str:
    return b"".join(file.read_bytes() for file in folder.glob("s.db*")).decode("utf-8", "replace")


async def test_no_output_has_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    done, fails = (
        says(stream({"content": "done"}, finish="stop")),
        says(b'{"error": {"message": "no"}}', status="401 No"),
    )
    async with upstream(says(CALLS), done, says(CALLS), done, fails) as vendor, site(give_away) as url:
        environ = write(tmp_path, vendor.base_url, url)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        service = config.load(tmp_path / "agent.yaml", environ)
        watches = (Traces(provider, content=True).watch,)
        with everything_logged(service.secrets) as lines:
            async with serving(
                *service.agents.values(),
                keys=(SERVER_KEY,),
                metrics=True,
                watches=watches,
                store=f"sqlite:{tmp_path}/s.db",
            ) as served:
                wanted: dict[str, Any] = {"model": "helper", "messages": [{"role": "user", "content": "hi"}]}
                streamed = await ask(served, "/v1/chat/completions", {**wanted, "stream": True})
                native = await ask(served, "/v1/runs", {"agent": "helper", "input": "hi", "keep": True})
                failed = await ask(served, "/v1/chat/completions", wanted)
                _, _, metrics = await served.get("/metrics", authorization=f"Bearer {SERVER_KEY}")
        spans = " ".join(span.to_json() for span in exporter.get_finished_spans())
        told = [request.partition(b"\r\n\r\n")[2].decode() for request in vendor.requests]
    stored = read(tmp_path)
    assert all(name in told[1] for name in NAMES)
    assert "***" in told[1]
    assert "done" in streamed
    assert "done" in native
    assert len(told) == 5
    assert "some.library" in lines.getvalue()
    for name, output in (
        *(("the stream", streamed), ("the native wire", native), ("an error", failed), ("the metrics", metrics)),
        *(("the spans", spans), ("the log", lines.getvalue()), ("the store", stored)),
        *((f"model call {number}", body) for number, body in enumerate(told)),
    ):
        assert_clean(output, name)


@pytest.mark.parametrize(
    "name",
    [
        "X-API-Key",
        "apiKey",
        "accessToken",
        "client_secret",
        "DB_PASSWORD",
        "authorization",
        "Cookie",
        "sig",
        "key",
        "tokens",
    ],
)
def test_a_secret_has_a_name_like_this(name: str) -> None:
    assert redaction.is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "max_tokens",
        "monkey",
        "Accept",
        "sort_key",
        "keyboard",
        "tokenizer",
        "Idempotency-Key",
        "author",
        "PWD",
        "OLDPWD",
    ],
)
def test_what_is_named_like_this_is_no_secret(name: str) -> None:
    assert not redaction.is_secret_name(name)


def test_an_address_s_password_and_keys_are_secrets() -> None:
    assert set(redaction.of_url("https://ann:p%40ss@host/x?token=abc&page=2")) >= {"p%40ss", "p@ss", "abc"}
    assert redaction.of_url("https://host/x?page=2") == []
    assert redaction.of_url("http://[") == []


def test_what_follows_an_option_that_is_named_like_a_secret_is_one() -> None:
    assert set(redaction.collect({"args": ["--port", "80", "--token", "t-1", "--api-key=k-1"]})) == {"t-1", "k-1"}
