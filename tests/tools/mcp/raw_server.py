"""An MCP server written by hand, to say what no SDK lets one say: ``raw_server.py WHAT``. Lists of tools are counted in
the description of the first.
"""

from __future__ import annotations

import json
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


def main(what: str) -> None:
    if what == "garbage":
        sys.stdout.buffer.write(GARBAGE)
        sys.stdout.buffer.flush()
    for line in sys.stdin:
        message = json.loads(line)
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message.get("id")}
        match message["method"]:
            case "initialize":
                version = message["params"]["protocolVersion"]
                server = {"name": "raw", "version": "1"}
                answer["result"] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
            case "tools/list":
                answer["result"] = listed(what, (message.get("params") or {}).get("cursor"))
            case "tools/call":
                answer["result"] = {"content": content(what)}
            case _:
                answer["error"] = {"code": -32601, "message": "no such method"}
        if "id" in message:
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
