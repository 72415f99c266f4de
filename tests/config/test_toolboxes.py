"""Entries of ``tools`` that are not Python: from the file to toolboxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnstream.config import load
from turnstream.events import ConfigurationError, RunContext, ToolSpec
from turnstream.tools.mcp import McpServer


def errors(folder: Path, entry: str) -> str:
    file = folder / "agent.yaml"
    file.write_text(f"model: demo\ntools:\n- {entry}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"KEY": "sk-secret-1"})
    return caught.value.message.removeprefix(f"{folder}/")


async def specs(folder: Path, entry: str) -> list[ToolSpec]:
    file = folder / "agent.yaml"
    file.write_text(f"model: demo\ntools:\n- {entry}\n")
    (agent,) = load(file, {"KEY": "sk-secret-1"}).agents.values()
    return list(await agent.toolboxes[0].tools(RunContext()))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("mcp: {}", "tools[0].mcp: give command or url"),
        ("mcp: {command: a, url: https://b}", "tools[0].mcp: give command or url"),
        ("mcp: {command: a, forward_headers: [x]}", "tools[0].mcp: forward_headers cannot be combined with command"),
        ("mcp: {url: https://b, args: [x]}", "tools[0].mcp: args cannot be combined with url"),
        ("mcp: {command: a, cwd: gone}", "tools[0]: there is no folder {folder}/gone"),
        ("mcp: {url: b}", "tools[0]: url must begin with http:// or https:// and name a host"),
        ("mcp: {url: https://b, ca: no.pem}", "tools[0]: there is no file {folder}/no.pem"),
        ("rest: {name: x, url: 'https://{h}/'}", "tools[0]: {parameters} are allowed only in the path of the url"),
        ("rest: {name: x, url: 'https://a', auth: {}}", "tools[0].rest.auth: give exactly one of bearer, api_key"),
        (
            "rest: {name: x, url: 'https://a', allow_private: [a/b]}",
            "tools[0]: 'a/b' is not a host, an address or a network",
        ),
        ("openapi: {spec: no.yaml}", "tools[0]: there is no file {folder}/no.yaml"),
        (
            "ready: {name: weather}",
            "tools[0].ready: api_key is required for weather, and otherwise allowed only for web_search",
        ),
        ("{python: 'a:b', mcp: {url: https://b}}", "tools[0]: give exactly one of: python, mcp, rest"),
        ("{ready: {name: wikipedia}, prefix: 'a b'}", "tools[0].prefix: must be of letters, digits"),
        ("{ready: {name: wikipedia}, cache: 0}", "tools[0].cache: must be more than 0"),
        ("{ready: {name: wikipedia}, approve: []}", "tools[0].approve: must not be empty"),
        ("{ready: {name: wikipedia}, approve: {ask: 'a:b'}}", "tools[0].approve.calls: is missing"),
        ("{ready: {name: wikipedia}, approve: {calls: [a], ask: b}}", "tools[0].approve.ask: must be 'package.module"),
        (
            "{ready: {name: wikipedia}, approve: {calls: [a], ask: 'os:getpid'}}",
            "tools[0]: approve.ask must name a function of the call and the run's context",
        ),
        (
            "{ready: {name: wikipedia}, approve: {calls: [a], by: {scope: aprove}}}",
            "tools[0].approve.by.scope: must be 'runs', 'approve', 'metrics' or 'admin'",
        ),
        ("mcp: {command: a, auth: {bearer: b}}", "tools[0].mcp: auth cannot be combined with command"),
        ("mcp: {url: https://b, auth: {api_key: {key: k, query: q}}}", "an MCP server takes its key in a header"),
        (
            "mcp: {url: https://b, auth: {api_key: {key: k, header: 'a b'}}}",
            "tools[0]: a tool may not send the header 'a b'",
        ),
        ('mcp: {url: https://b, auth: {bearer: "a\\tb"}}', "tools[0]: the value of the header Authorization has"),
        ("mcp: {url: https://b, headers: {X: 'ü'}}", "tools[0]: the value of the header X has"),
        (
            "mcp: {url: https://b, auth: {oauth2: {token_url: c, client_id: i, client_secret: s}}}",
            "tools[0]: the url must begin with http:// or https:// and name a host",
        ),
    ],
)
def test_what_cannot_work_is_said_with_its_line(tmp_path: Path, entry: str, message: str) -> None:
    said = errors(tmp_path, entry)
    assert said.startswith("agent.yaml:3: ")
    assert message.replace("{folder}", str(tmp_path)) in said


async def test_wrappers_stand_around_any_kind(tmp_path: Path) -> None:
    entry = (
        "{ready: {name: weather, api_key: '${KEY}'}, prefix: my_, timeout: 5, cache: 60, rate_limit: {calls: 2}, "
        "allow: ['w*']}"
    )
    (spec,) = await specs(tmp_path, entry)
    assert (spec.name, spec.timeout, spec.source) == ("my_weather", 5, "rest:api.openweathermap.org")
    assert await specs(tmp_path, "{ready: {name: duckduckgo}, deny: [duck*]}") == []


async def test_approval_knows_the_tools_own_names_and_asks_after_everything_else(tmp_path: Path) -> None:
    (tmp_path / "asking.py").write_text("def ask(call, context): return call.name == 'weather'")
    entry = (
        "{ready: {name: weather, api_key: '${KEY}'}, prefix: my_, timeout: 5, "
        "approve: {calls: [weather], ask: 'asking.py:ask'}}"
    )
    (spec,) = await specs(tmp_path, entry)
    assert (spec.name, spec.approval, spec.timeout) == ("my_weather", True, 5)
    (spec,) = await specs(tmp_path, "{ready: {name: weather, api_key: '${KEY}'}, approve: [other]}")
    assert not spec.approval


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("mcp: {command: npx, args: [-y, '@scope/server-files', .]}", "server-files"),
        ("mcp: {command: python3, args: [server.py]}", "server"),
        ("mcp: {command: /opt/bin/tool-server}", "tool-server"),
        ("mcp: {command: node, args: [node_modules/@scope/server-files/dist/index.js, .]}", "server-files"),
        ("mcp: {command: node, args: [index.js]}", "index"),
        ("mcp: {url: 'https://tools.example.com/mcp'}", "tools.example.com"),
        ("mcp: {url: 'https://tools.example.com/mcp', name: crm}", "crm"),
    ],
)
def test_a_server_is_named_after_what_it_is(tmp_path: Path, entry: str, name: str) -> None:
    (tmp_path / "agent.yaml").write_text(f"model: demo\ntools:\n- {entry}\n")
    (agent,) = load(tmp_path / "agent.yaml", {}).agents.values()
    (box,) = agent.toolboxes
    assert isinstance(box, McpServer)
    assert box.name == name
