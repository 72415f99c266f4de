"""How long and how much several kinds of tools take, unless they are told otherwise."""

from __future__ import annotations

REQUEST_SECONDS = 30.0
"""Of an HTTP request, its repetitions included."""
RETRIES = 2
"""After the first try, of requests that may be repeated."""
START_SECONDS = 30.0
"""Until an MCP server must have answered for the first time."""
ANSWER_BYTES = 256 * 1024
SNIPPET = 300
"""Characters of a source's text that a citation shows."""
