from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from turnstream.cli import main

SERVER = Path(__file__).parents[1] / "tools" / "mcp" / "real_server.py"


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as exited:
        main(["tools", *arguments])
    out, err = capsys.readouterr()
    return int(str(exited.value.code)), out + err


def test_every_tool_is_listed_with_its_source_and_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = listed(capsys, "tests/cli/agents.py:agents")
    assert code == 0
    assert said.splitlines() == [
        "agent doubler",
        "  python",
        "    double(number: integer)",
        "        Twice a number.",
        "agent other: no tools",
    ]


def test_servers_are_asked_and_those_that_are_down_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "agent.yaml").write_text(
        f"""
model: demo
tools:
  - mcp: {{name: real, command: {sys.executable}, args: [{SERVER}, stdio, {tmp_path}]}}
    prefix: r_
    allow: [add]
    approve: [add]
  - mcp: {{name: gone, url: "http://127.0.0.1:9/mcp"}}
  - rest:
      name: ip
      description: My address.
      url: "https://api.example.com/{{v}}"
      parameters: {{v: {{enum: [4, 6]}}}}
"""
    )
    code, said = listed(capsys, str(tmp_path / "agent.yaml"))
    assert said.splitlines() == [
        "agent agent",
        "  mcp:real",
        "    r_add(a: integer, b: integer) [idempotent, approval]",
        "        warning: tool r_add has no description: it tells the model when to use it",
        "  mcp:gone: DOWN: The MCP server gone is not available: it cannot be reached.",
        "  rest:api.example.com",
        "    ip(v: 4 | 6)",
        "        My address.",
        "--debug shows the log of what is down.",
    ]
    assert code == 1


def test_with_debug_what_a_process_wrote_is_shown(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no key is configured')"
    (tmp_path / "agent.yaml").write_text(
        f'model: demo\ntools: [{{mcp: {{name: ends, command: {sys.executable}, args: ["-c", "{code}"]}}}}]'
    )
    command = [sys.executable, "-m", "turnstream", "tools", str(tmp_path / "agent.yaml")]
    quiet = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "no key is configured" not in quiet.stderr
    loud = subprocess.run([*command, "--debug"], capture_output=True, text=True, check=False, timeout=60)
    assert "turnstream.tools.mcp: ends: no key is configured" in loud.stderr
    assert (quiet.returncode, loud.returncode) == (1, 1)


def test_a_tool_whose_name_is_taken_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ready = "{ready: {name: duckduckgo}}"
    (tmp_path / "agent.yaml").write_text(f"model: demo\ntools: [{ready}, {ready}]")
    code, said = listed(capsys, str(tmp_path / "agent.yaml"))
    assert said.count("duckduckgo(query: string)\n") == 1
    assert said.count("duckduckgo(query: string) [hidden: another tool has the name]\n") == 1
    assert code == 0


def test_as_json_each_line_has_the_whole_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = listed(capsys, "--json", "tests/cli/agents.py")
    assert code == 0
    line = json.loads(said)
    assert [line[key] for key in ("agent", "source", "name", "effect")] == ["doubler", "python", "double", "none"]
    assert line["parameters"]["required"] == ["number"]


def down(tmp_path: Path, capsys: pytest.CaptureFixture[str], store: str) -> list[str]:
    (tmp_path / "agent.yaml").write_text(f"model: demo\ntools: [{{retrieval: {{{store}}}, timeout: 20}}]\n")
    code, said = listed(capsys, str(tmp_path / "agent.yaml"))
    assert code == 1
    return said.splitlines()


def test_a_search_that_its_store_refuses_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = down(tmp_path, capsys, 'elasticsearch: {url: "http://127.0.0.1:9", index: docs}')
    assert lines[1].startswith("  retrieval:search_documents: DOWN: http://127.0.0.1:9: it gives no answer: ")
    assert len(lines) == 3


def test_a_search_in_a_milvus_that_does_not_answer_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pymilvus")
    lines = down(tmp_path, capsys, 'milvus: {uri: "http://127.0.0.1:9", collection: docs, fields: {sparse: words}}')
    assert lines[1].startswith(
        "  retrieval:search_documents: DOWN: Milvus, docs: Fail connecting to server on 127.0.0.1:9"
    )
    assert len(lines) == 3
