"""A server of the official SDK, as a process: ``real_server.py stdio FOLDER``, ``real_server.py http|sse FOLDER PORT``.

Over HTTP it prints its port when it listens. What happens to calls is told in files of FOLDER.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.types import EmbeddedResource, ResourceLink, TextResourceContents, ToolAnnotations
from pydantic import BaseModel, Field

FOLDER = Path(sys.argv[2])
server = MCPServer("real", log_level="WARNING")


class Leaf(BaseModel):
    name: str
    leaves: list[Leaf] = []


class Total(BaseModel):
    total: int


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def echo(text: Annotated[str, Field(description="What to say.")]) -> str:
    """Say it again."""
    return text


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
def add(a: int, b: int) -> Total:
    return Total(total=a + b)


@server.tool()
def tree(root: Leaf) -> str:
    return root.name


@server.tool(structured_output=False)
def things() -> list[Any]:
    page = TextResourceContents(uri="note://1", text="a note", mime_type="text/plain")
    link = ResourceLink(uri="https://example.com/a", name="a", title="A page", description="worth reading")
    return ["text", Image(data=b"png", format="png"), EmbeddedResource(resource=page), link]


@server.tool()
def fail() -> str:
    raise ValueError("no such thing")


@server.tool()
async def slow(mark: str, seconds: float = 60.0) -> str:
    (FOLDER / f"{mark}.started").touch()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        (FOLDER / f"{mark}.cancelled").touch()
        raise
    return "done"


@server.tool()
async def count(context: Context[Any]) -> str:
    for number in (1, 2):
        await context.report_progress(number, 2, f"step {number}")
    return "counted"


@server.tool()
async def grow(context: Context[Any]) -> str:
    """Get one tool more."""

    def grown() -> str:
        return "new"

    server.add_tool(grown, name="grown")
    await context.notify_tools_changed()
    await context.session.send_tool_list_changed()
    return "grown"


@server.tool()
def caller(context: Context[Any]) -> dict[str, str]:
    return {name: value for name, value in dict(context.headers or {}).items() if name.startswith("x-")}


@server.tool()
def die() -> str:
    os._exit(3)


@server.tool()
def process() -> int:
    return os.getpid()


def serve(kind: str, port: int) -> None:
    listening = socket.create_server(("127.0.0.1", port))
    print(listening.getsockname()[1], flush=True)
    app = server.sse_app() if kind == "sse" else server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listening])


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        serve(sys.argv[1], int(sys.argv[3]))
