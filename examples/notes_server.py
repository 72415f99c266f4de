"""A small MCP server over stdio, by the official SDK."""

from mcp.server.mcpserver import MCPServer

server = MCPServer("notes")
_NOTES: list[str] = []


@server.tool()
def add_note(text: str) -> str:
    """Keep a note.

    Args:
        text: What to remember.
    """
    _NOTES.append(text)
    return f"note {len(_NOTES)} is kept"


@server.tool()
def list_notes() -> list[str]:
    """All notes that were kept so far."""
    return _NOTES


if __name__ == "__main__":
    server.run("stdio")
