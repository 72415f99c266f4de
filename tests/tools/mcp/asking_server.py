"""An MCP server whose tools ask the user, in either version of the protocol: ``python -m … new|old``."""

from __future__ import annotations

import json
import sys
from typing import Any

from mcp import types
from mcp.server.mcpserver import Context, MCPServer

SCHEMA = {
    "type": "object",
    "properties": {"agreed": {"type": "boolean"}, "most": {"type": "integer"}},
    "required": ["agreed"],
}


def new() -> None:
    """Since 2026-07-28 a call is answered with what it needs, and made again."""
    server = MCPServer("shop")

    @server.tool()
    async def buy(what: str, context: Context) -> types.InputRequiredResult | str:
        """Buy something."""
        if not context.input_responses:
            params = types.ElicitRequestFormParams(message=f"Confirm the price of {what}.", requested_schema=SCHEMA)
            wanted: Any = {"price": types.ElicitRequest(params=params)}
            return types.InputRequiredResult(input_requests=wanted)
        return show(context.input_responses["price"].model_dump())

    @server.tool()
    async def log_in(context: Context) -> types.InputRequiredResult | str:
        """Log the user in."""
        if not context.input_responses:
            params = types.ElicitRequestURLParams(message="Log in.", url="https://example.com/login")
            wanted: Any = {"login": types.ElicitRequest(params=params)}
            return types.InputRequiredResult(input_requests=wanted)
        return show(context.input_responses["login"].model_dump())

    server.run()


def show(result: dict[str, Any]) -> str:
    content = result.get("content")
    return f"{result['action']}: {json.dumps(content)}" if content else str(result["action"])


def old() -> None:
    """Before that the server asks in the middle of a call, one line of JSON each."""
    waiting: dict[int, Any] = {}
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("buy", "log_in")]
    for line in sys.stdin:
        message = json.loads(line)
        id, params = message.get("id"), message.get("params", {})
        match message.get("method"):
            case "initialize":
                about = {"protocolVersion": "2025-11-25", "serverInfo": {"name": "shop", "version": "1"}}
                send(id=id, result={**about, "capabilities": {"tools": {}}})
            case "tools/list":
                send(id=id, result={"tools": tools})
            case "tools/call":
                waiting[1000 + len(waiting)] = id
                asked = {
                    "message": f"Confirm the price of {params['arguments'].get('what')}.",
                    "requestedSchema": SCHEMA,
                }
                if params["name"] == "log_in":
                    asked = {"message": "Log in.", "mode": "url", "url": "https://example.com/login"}
                    asked["elicitationId"] = "1"
                send(id=999 + len(waiting), method="elicitation/create", params=asked)
            case None if id in waiting:
                text = show(message["result"])
                send(id=waiting.pop(id), result={"content": [{"type": "text", "text": text}]})
            case None | "notifications/initialized":
                pass
            case _:
                send(id=id, error={"code": -32601, "message": "no such method"})


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    {"new": new, "old": old}[sys.argv[1]]()
