"""Turnstream as the bench runs it: one agent with one local tool, a vendor over HTTP, statuses in the stream.

The server is the product's own, with its own settings. ``python -m bench.rig.product URL``.
"""

from __future__ import annotations

import logging
import sys

from bench.rig.plan import TOOL, tool_answer
from bench.rig.process import announce, raise_file_limit
from turnstream.agent import Agent
from turnstream.providers import openai
from turnstream.providers.base import Settings
from turnstream.providers.transport.http import HttpModel
from turnstream.server.run import listen, server
from turnstream.service import ServerSettings, Service
from turnstream.tools.python import tool


@tool(name=TOOL)
async def look_up(key: str) -> str:
    """The value of a key.

    Args:
        key: the key to look up
    """
    return tool_answer(key)


def main(upstream: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    raise_file_limit()
    model = HttpModel("bench", openai.PROVIDER, Settings(model="bench", base_url=f"{upstream}/v1", api_key="bench"))
    agent = Agent(model, name="bench", instructions="Answer in tokens.", tools=[look_up])
    settings = ServerSettings(port=0)
    listener = listen(settings)
    announce(listener.getsockname()[1])
    server(Service({"bench": agent}, settings)).run_on(listener)


if __name__ == "__main__":
    main(sys.argv[1])
