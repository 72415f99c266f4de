"""Milvus for tests: Lite, filled as docs/milvus.md says; a proxy before it; and a server that asks for a token."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.docs.test_pages import run
from tests.tools.retrieval.handbook import DIMENSIONS, documents


@contextmanager
def filled(file: Path, metric: str = "COSINE") -> Iterator[str]:
    """The address of Lite's server over the file, which has the collection ``handbook`` of a thousand documents."""
    from milvus_lite.server_manager import server_manager_instance
    from pymilvus import MilvusClient

    client = MilvusClient(str(file))
    try:
        run("milvus.md")["make_handbook"](client, DIMENSIONS, metric)
        client.insert("handbook", documents())
        yield server_manager_instance.start_and_get_uri(str(file)) or ""
    finally:
        client.close()
        server_manager_instance.release_server(str(file))


@asynccontextmanager
async def proxy(url: str, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[str]:
    """The server at ``url`` under another address, until the block is left."""
    target = urlsplit(url)
    if tls is not None:
        tls.set_alpn_protocols(["h2"])
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        there, back = await asyncio.open_connection(target.hostname, target.port)
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        except asyncio.CancelledError:
            pass
        finally:
            back.transport.abort()
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass
    finally:
        target.transport.abort()


@asynccontextmanager
async def guarded(token: str) -> AsyncIterator[str]:
    """Lets in who has the token, and then never answers."""
    import grpc

    async def refuse(request: bytes, context: Any) -> bytes:
        sent = dict(context.invocation_metadata()).get("authorization")
        if sent != b64encode(token.encode()).decode():
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"auth check failure, {sent}")
        await asyncio.Event().wait()
        return b""

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # the package has no types
        def service(self, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.aio.server(handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(0)
