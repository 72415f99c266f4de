"""An MCP server written by hand, to say what no SDK lets one say: ``raw_server.py WHAT``. Lists of tools are counted in
the description of the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from typing import Any

GARBAGE = b'Server running on stdio\n\xff\xfe\x00\n{"jsonrpc": 5}\n[]\n\n'
OBJECT: dict[str, Any] = {"type": "object"}
BAD: list[Any] = [
    {"name": "nonsense", "inputSchema": {"type": "object", "properties": {"a": {"type": "nmuber"}}}},
    {"name": "text", "inputSchema": {"type": "string"}},
    {"name": "nowhere", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}}},
    {"name": "without"},
    {"inputSchema": OBJECT},
    {"name": 5, "inputSchema": OBJECT},
    "none",
]
GOOD: list[Any] = [
    {"name": "tool", "inputSchema": OBJECT},
    {"name": "untyped", "inputSchema": {"properties": {"a": {"$ref": "#/$defs/a%7E1b"}}, "$defs": {"a/b": {}}}},
    {"name": "recursive", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#"}}}},
]
lists = count(1)


def listed(what: str, cursor: str | None) -> dict[str, Any]:
    page = int(cursor or 0)
    if what == "cursor":
        return {"tools": GOOD, "nextCursor": "0"}
    if what == "pages":
        tools = [{"name": f"t{page}_{number}", "inputSchema": OBJECT} for number in range(50)]
        return {"tools": tools, **({"nextCursor": str(page + 1)} if page < 9 else {})}
    return {"tools": [{**GOOD[0], "description": f"list {next(lists)}"}, *GOOD[1:], *BAD]}


def content(what: str) -> list[dict[str, Any]]:
    match what:
        case "long":
            return [{"type": "text", "text": "x" * 10_000_000}]
        case "image":
            return [{"type": "image", "mimeType": "image/png", "data": "A" * 21_000_000}]
        case _:
            return [{"type": "text", "text": "ok"}]


ERRORS: dict[str, Any] = {
    "text code": {"code": "E42", "message": "no stock"},
    "data": {"code": -32602, "message": "Invalid params", "data": {"reason": "qty must be > 0"}},
    "elicit": {
        "code": -32042,
        "message": "Log in first.",
        "data": {"elicitations": [{"mode": "url", "url": "https://example.com/login", "elicitationId": "1"}]},
    },
}


def started(what: str, version: str) -> dict[str, Any]:
    server: dict[str, Any] = {"name": "raw", "version": "1"}
    capabilities: Any = {"resources": {}} if what == "resources" else {"tools": {}}
    match what:
        case "nameless":
            return {"protocolVersion": version, "capabilities": capabilities}
        case "old":
            version = "1999-01-01"
        case "sloppy":
            return {"protocolVersion": version, "capabilities": None, "serverInfo": {"name": "raw"}}
    return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": server}


def written(what: str, answer: dict[str, Any], method: str) -> str:
    text = json.dumps(answer)
    if what == "no version":
        return json.dumps({key: value for key, value in answer.items() if key != "jsonrpc"})
    if what == "bom" and method == "initialize":
        return "\ufeff" + text
    if method != "tools/call":
        return text
    match what:
        case "half":
            return text.replace('"ok"', '"caf\\ud83d"')
        case "cut":
            return text[:-8]
        case "spread":
            return json.dumps(answer, indent=2)
        case "array":
            return json.dumps([answer])
        case _:
            return text


def main(what: str) -> None:
    if what == "fails":
        print("starting\nERROR: API_KEY missing", file=sys.stderr, flush=True)
        sys.exit(3)
    if what.startswith("child "):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], stdin=subprocess.DEVNULL)
        with open(what.removeprefix("child "), "w") as file:
            file.write(str(child.pid))
    if what == "garbage":
        sys.stdout.buffer.write(GARBAGE)
        sys.stdout.buffer.flush()
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for line in sys.stdin:
        message = json.loads(line)
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message.get("id")}
        match message["method"]:
            case "initialize":
                answer["result"] = started(what, message["params"]["protocolVersion"])
            case "tools/list":
                answer["result"] = listed(what, (message.get("params") or {}).get("cursor"))
            case "tools/call" if what in ERRORS:
                answer["error"] = ERRORS[what]
            case "tools/call":
                answer["result"] = {"content": content(what)}
            case _:
                answer["error"] = {"code": -32601, "message": "no such method"}
        if "id" in message:
            print(written(what, answer, message["method"]), flush=True)
    if what.startswith("child "):
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
