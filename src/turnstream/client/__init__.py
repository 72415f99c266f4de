"""A small client of the native wire (docs/runs.md). Streams of kept runs resume by themselves.

::

    async with Client("http://127.0.0.1:8000") as client:
        run = await client.start("Write a report.", thread="reports")
        async for seq, event in client.events(run.id):
            …
"""

from turnstream.client.client import Client, KeptRun, RefusedError

__all__ = ["Client", "KeptRun", "RefusedError"]
