"""What newcomers get wrong, and what they are told: a row each."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from turnstream.cli import main

TOOLS = '''
from threading import Thread

def get_weather(city: str) -> str:
    """Get the weather."""
    return city

def any_number(*numbers: int) -> str:
    """Add."""
    return ""

def odd(thread: Thread) -> str:
    """Odd."""
    return ""

number = 7
'''
FLEXO = "name: flexo\nmax_streaming_iterations: 4\ndetection_mode: vendor\nmodels_config: {}\ntools_config: []\n"
ORCHESTRATE = "spec_version: v1\nkind: native\nname: a\nllm: watsonx/x\nstyle: default\ntools: [t]\n"

CHECKED: list[tuple[str, str, str]] = [
    # the model
    ("no key", "model: openai:gpt-5-mini", "1: model: The model openai:gpt-5-mini needs a key: set OPENAI_API_KEY."),
    ("a model without its provider", "model: gpt-5-mini", "1: model: A model is named provider:model, such as openai:"),
    ("a slash for the colon", "model: openai/gpt-5-mini", "1: model: A model is named provider:model"),
    ("a provider with a typo", "model: opnai:x", "1: model: Unknown model provider 'opnai'. Did you mean 'openai'?"),
    ("a provider that there is not", "model: foo:x", "`turnstream models` lists all"),
    ("flexo's vendor", "model: watsonx-llama:x", "Did you mean 'watsonx'?"),
    ("model.model", "model: {model: 'demo'}", "1: model.model: unknown key: it is name here"),
    ("vendor", "model: {name: demo, vendor: x}", "1: model.vendor: unknown key: it is provider here"),
    ("api_base", "model: {name: demo, api_base: x}", "1: model.api_base: unknown key: it is base_url here"),
    ("temperature in model", "model: {name: demo, temperature: 1}", "unknown key: it belongs under options"),
    ("no address", "model: openai-compatible:m", "needs an address: set base_url"),
    (
        "no template",
        "model: {name: 'openai-completions:m', base_url: 'http://h', template: no.jinja}",
        "there is no file",
    ),
    ("a format with a typo", "model: {name: 'vllm:m', tool_calls: {format: hermse}}", "did you mean 'hermes'"),
    ("a prompt without tools", "model: {name: 'vllm:m', tool_calls: {prompt: Hi}}", "prompt must have {tools}"),
    ("no model", "name: x", "1: model: is missing"),
    # keys in the wrong place, or of elsewhere
    ("port at the top", "model: demo\nport: 8080", "2: port: unknown key: it belongs under server"),
    ("keys at the top", "model: demo\nkeys: [a]", "2: keys: unknown key: it belongs under server"),
    ("temperature at the top", "model: demo\ntemperature: 1", "2: temperature: unknown key: it belongs under options"),
    ("base_url at the top", "model: demo\nbase_url: x", "2: base_url: unknown key: it belongs under model"),
    ("timeouts at the top", "model: demo\ntimeouts: {}", "2: timeouts: unknown key: it belongs under model"),
    ("max_streaming_iterations", "model: demo\nmax_streaming_iterations: 3", "unknown key: it is max_steps here"),
    ("max_iterations", "model: demo\nmax_iterations: 3", "2: max_iterations: unknown key: it is max_steps here"),
    ("system_message", "model: demo\nsystem_message: x", "2: system_message: unknown key: it is instructions here"),
    ("allowed_origins", "model: demo\nallowed_origins: []", "unknown key: it is server.cors_origins here"),
    ("mcpServers", "model: demo\nmcpServers: {}", "2: mcpServers: unknown key: each server is an entry of tools"),
    ("api_key of the server", "model: demo\nserver: {api_key: k}", "2: server.api_key: unknown key: it is keys here"),
    ("a typo", "model: demo\nmax_step: 3", "2: max_step: unknown key (did you mean 'max_steps'?)"),
    ("a key of nowhere", "model: demo\nzzz: 3", "2: zzz: unknown key; known are name, description, model"),
    ("flexo's file", FLEXO, "1: this is a configuration of Flexo; `turnstream import flexo FILE` translates it"),
    ("orchestrate's file", ORCHESTRATE, "1: this is an agent of watsonx Orchestrate"),
    # yaml
    ("a tab", "model: demo\n\tname: x", "2: not valid YAML: found character '\\t' that cannot start any token"),
    ("an unclosed bracket", "model: demo\ntools: [a", "not valid YAML: expected ',' or ']'"),
    ("wrong indentation", "model: demo\n  name: x", "2: not valid YAML: unexpected ':' (check the indentation"),
    ("a key given twice", "model: demo\nname: a\nname: b", "3: name: the key is given twice"),
    ("a variable in brackets", "model: demo\nserver: {keys: [${A}]}", "'${NAME}' needs quotes"),
    ("an unset variable", "model: ${A_MODEL}", "1: model: the environment variable A_MODEL is not set"),
    ("a number for a text", "model: demo\nname: 7", "2: name: must be a text (quote it if it looks like a number"),
    ("a text for a number", "model: demo\nmax_steps: many", "2: max_steps: must be a whole number"),
    ("nothing in it", "", ": the file is empty"),
    # tools
    ("no such file", "model: demo\ntools: [tolls.py:get_weather]", "2: tools[0]: there is no file {folder}/tolls.py"),
    ("no such name", "model: demo\ntools: [tools.py:get_wether]", "tools.py has no 'get_wether' (did you mean 'get_w"),
    ("a name alone", "model: demo\ntools: [get_weather]", "(did you mean 'tools.py:get_weather'?)"),
    ("a file alone", "model: demo\ntools: [tools.py]", "(did you mean 'tools.py:get_weather'?)"),
    ("a text for a list", "model: demo\ntools: tools.py:get_weather", "2: tools: must be a list"),
    ("not callable", "model: demo\ntools: [tools.py:number]", "expected a function, a toolbox, or a list of them"),
    ("*args", "model: demo\ntools: [tools.py:any_number]", "*numbers: int cannot be described to a model; name each"),
    ("a type of nothing", "model: demo\ntools: [tools.py:odd]", "argument thread: a model cannot write a value of Thr"),
    ("no valid Python", "model: demo\ntools: [syntax.py:x]", "syntax.py, line 2, is not valid Python"),
    (
        "a missing import",
        "model: demo\ntools: [needy.py:x]",
        "needy.py imports 'not_installed', which is not inst",
    ),
    ("an exception", "model: demo\ntools: [broken.py:x]", "broken.py cannot be imported: RuntimeError, line 1"),
    ("a name twice", "model: demo\ntools: [tools.py:get_weather, tools.py:get_weather]", "already a tool named get_w"),
    ("type for the kind", "model: demo\ntools: [{type: mcp, url: 'http://h'}]", "the kind is a key of its own"),
    ("no kind", "model: demo\ntools: [{prefix: a_}]", "give exactly one of: python, mcp, rest, openapi, ready"),
    ("mcp of nothing", "model: demo\ntools: [{mcp: {}}]", "2: tools[0].mcp: give command or url"),
    ("weather without a key", "model: demo\ntools: [{ready: {name: weather}}]", "api_key is required for weather"),
    ("a folder without index", "model: demo\ntools: [{retrieval: {source: docs}}]", "run 'turnstream index"),
    # the server
    ("a port that is none", "model: demo\nserver: {port: 70000}", "2: server.port: must be at most 65535"),
    ("a path in an origin", "model: demo\nserver: {cors_origins: ['http://h/app']}", "an origin is scheme://host:port"),
    ("a status that is none", "model: demo\nserver: {statuses: loud}", "must be 'extension', 'metadata' or 'off'"),
]


def turnstream(*words: str) -> int:
    with pytest.raises(SystemExit) as exited:
        main(words)
    return int(str(exited.value.code))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OPENAI_API_KEY", "OPENAI_COMPATIBLE_BASE_URL", "A_MODEL", "A"):
        monkeypatch.delenv(name, raising=False)
    files = {
        "tools.py": TOOLS,
        "syntax.py": "x = 1\ndef f(:\n",
        "needy.py": "import not_installed\n",
        "broken.py": "raise RuntimeError('secret')\n",
        "docs/a.md": "# A\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # a configuration's folder is added to it
    return tmp_path


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in CHECKED], ids=[row[0] for row in CHECKED])
def test_check_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    (folder / "agent.yaml").write_text(text)
    assert turnstream("check") == 1
    error = capsys.readouterr().err
    assert error.startswith("turnstream: agent.yaml")
    assert said.replace("{folder}", str(folder)) in error
    assert len(error) < 600
    assert "Traceback" not in error


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfmodel: demo\r\n", b"model: demo\r\nname: x\r\n"], ids=["BOM", "CRLF"])
def test_windows_files_are_good(folder: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "agent.yaml").write_bytes(data)
    assert turnstream("check") == 0


OTHERS: list[tuple[str, list[str], str]] = [
    ("no file", ["check", "nowhere.yaml"], "nowhere.yaml: not a file, a folder or a module:object reference"),
    ("a folder without agents", ["check", "docs"], "docs: the folder has no agent: no file that ends in .yaml or .yml"),
    ("no configuration", ["serve"], "there is no agent.yaml and no agents/ here"),
    ("a python name with a typo", ["check", "tools.py:agnet"], "tools.py has no 'agnet'"),
    ("a python object that is no agent", ["check", "tools.py:number"], "expected an Agent, a list of agents"),
    ("no server", ["chat", "--url", "http://127.0.0.1:9", "--message", "x"], "no server answers at http://127.0.0.1:9"),
    ("doctor of nothing", ["doctor", "http://127.0.0.1:9/v1"], "127.0.0.1:9"),
    ("a format that there is not", ["parse", "--format", "hermse", "docs/a.md"], "did you mean 'hermes'"),
    ("init over files", ["init", "."], "tools.py already exists; nothing was written"),
]


@pytest.mark.parametrize(("words", "said"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_other_commands_say_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert turnstream(*words) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_port_above_all_ports_is_a_wrong_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert turnstream("dev", "--port", "70000") == 2
    assert "less than or equal to 65535" in capsys.readouterr().err


def test_a_port_in_use_is_told_with_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "agent.yaml").write_text("model: demo")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert turnstream("serve", "--port", str(port)) == 1
    error = f"turnstream: Cannot listen on 127.0.0.1:{port}: Address already in use (--port 0 takes a free one).\n"
    assert capsys.readouterr().err == error


def test_an_open_server_without_keys_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "agent.yaml").write_text("model: demo")
    assert turnstream("serve", "--host", "0.0.0.0", "--port", "0") == 1
    assert "without any API key: set keys" in capsys.readouterr().err


def test_keys_beside_the_configuration_are_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "agent.yaml").write_text("model: openai:gpt-5-mini\nserver: {keys: ['${SERVER_KEY}']}")
    (folder / ".env").write_text("OPENAI_API_KEY=k\nSERVER_KEY=s\n")
    assert turnstream("check") == 0
    assert "1 API key, statuses" in capsys.readouterr().out


class Vendor(HTTPServer):
    """Says to every request what it is told to say."""

    answer: tuple[int, bytes] = (404, b'{"detail": "Not Found"}')

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Vendor

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, body = self.server.answer
        if self.path == "/v1/chat/completions" and status == 404:
            chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
            status, body = 200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join(10)


def ask(folder: Path, base_url: str) -> tuple[str, str]:
    model = f"{{name: 'openai-compatible:m', base_url: '{base_url}', api_key: k, retries: 0}}"
    (folder / "agent.yaml").write_text(f"model: {model}\n")
    command = [sys.executable, "-m", "turnstream", "chat", "--message", "hi"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout, done.stderr


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat/completions"])
def test_an_address_may_end_in_several_ways(folder: Path, vendor: Vendor, path: str) -> None:
    assert ask(folder, vendor.url + path)[0] == "Hi\n"


def test_an_address_without_v1_gets_a_hint(folder: Path, vendor: Vendor) -> None:
    _, err = ask(folder, vendor.url)
    assert f"({vendor.url} answered 404; OpenAI-compatible servers usually want /v1 at the end of base_url)" in err


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b'{"error": {"message": "bad key"}}', "bad key"),
        (429, b'{"error": {"message": "quota is used up", "code": "insufficient_quota"}}', "quota is used up"),
        (400, b'{"error": {"message": "maximum context length is 10", "code": "context_length_exceeded"}}', "context"),
        (400, b'{"error": {"message": "tools are not supported"}}', "tools are not supported"),
        (404, b'{"error": {"message": "no model m"}}', "no model m"),
        (502, b"<html><h1>Bad gateway</h1></html>", "Bad gateway"),
    ],
    ids=["key", "quota", "context", "tools", "model", "page"],
)
def test_a_vendors_own_words_are_shown_once(folder: Path, vendor: Vendor, status: int, body: bytes, said: str) -> None:
    vendor.answer = status, body
    out, err = ask(folder, vendor.url + ("/other" if status == 404 else "/v1"))
    lines = err.splitlines()
    assert out == ""
    assert said in err
    (sentence,) = [line.removeprefix("✗ ") for line in lines if line.startswith("✗ ")]
    assert sum(sentence in line for line in lines) == 1


def test_a_server_that_is_not_there_is_named(folder: Path) -> None:
    _, err = ask(folder, "http://127.0.0.1:9/v1")
    assert "http://127.0.0.1:9/v1 does not answer. Is it running?" in err
    assert len(re.findall("cannot be reached", err)) == 1
