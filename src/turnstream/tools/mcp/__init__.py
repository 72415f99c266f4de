"""Tools of MCP servers, over stdio, streamable HTTP or SSE, by the official SDK (the extra ``mcp``).

`McpServer` is the toolbox of one server. Nothing here imports the SDK before a server is used.
"""

from turnstream.tools.mcp.toolbox import McpServer as McpServer
from turnstream.tools.mcp.transports import Http as Http, Stdio as Stdio
