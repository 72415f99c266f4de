"""An OpenAPI document as a toolbox. A file is read when the toolbox is made, a URL when its tools are first needed."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from turnstream import errors, messages, requests, toolspec
from turnstream.tools.answers import Projection
from turnstream.tools.auth import Auth
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.hooks import Hooks
from turnstream.tools.http_client import HttpClient, HttpOptions, Request
from turnstream.tools.http_tools import HttpTools
from turnstream.tools.openapi.budget import Budget
from turnstream.tools.openapi.document import Document, base_url, parse
from turnstream.tools.openapi.operations import Choice, Fixed, operations

log = logging.getLogger("turnstream.tools.openapi")

_LARGEST = 20_000_000
_MOST_DOCUMENTS = 50
_PAUSE = 30.0  # seconds after a document that could not be loaded


class OpenApi(HttpTools):
    """``spec`` is a file or a URL. Credentials go to the server alone,
    not to where the document is. Raises `ConfigurationError` for a file that is not an OpenAPI document.
    """

    def __init__(
        self,
        spec: str | Path,
        *,
        choice: Choice | None = None,
        fixed: Fixed | None = None,
        auth: Auth | None = None,
        forwarding: Forwarding | None = None,
        projection: Projection | None = None,
        hooks: Hooks | None = None,
        options: HttpOptions | None = None,
    ) -> None:
        options = options or HttpOptions()
        is_url = str(spec).startswith(("http://", "https://"))
        name = urlsplit(str(spec)).hostname if is_url else Path(spec).name
        super().__init__(
            [],
            source=f"openapi:{name}",
            client=HttpClient(options),
            auth=auth,
            forwarding=forwarding,
            projection=projection,
            hooks=hooks,
        )
        self._choice = choice or Choice()
        self._fixed = replace(fixed or Fixed(), filled=self.parameters_to_fill())
        self._fetching = HttpClient(replace(options, max_bytes=_LARGEST))
        self._loading = asyncio.Lock()
        self._not_before = 0.0
        self._url = str(spec)
        if not is_url:
            self._read(Path(spec))

    def _read(self, path: Path) -> None:
        try:
            text = path.read_bytes()
        except OSError:
            raise errors.ConfigurationError(f"there is no file {path}") from None
        self._offer(Document(path.resolve().as_uri(), parse(text, path.name)))

    def _offer(self, document: Document) -> None:
        found = operations(document, base_url(document, self._fixed.base_url), self._choice, self._fixed)
        if not found and not document.missing:
            raise errors.ConfigurationError("none of the document's operations is offered")
        self.offer(found)

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        """Raises `ToolError` while the document cannot be loaded."""
        await self._load()
        return await super().tools(context)

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        await self._load()
        return await super().call(call, context)

    def _has_operations(self) -> bool:
        return bool(self._operations)

    async def _load(self) -> None:
        if self._has_operations():
            return
        async with self._loading:
            if self._has_operations():
                return
            if time.monotonic() < self._not_before:
                raise errors.ToolError(f"Could not load {self.source}; will retry.")
            try:
                async with self._fetching:
                    await self._fetch(self._url)
            except (errors.ToolError, errors.ConfigurationError) as error:
                self._not_before = time.monotonic() + _PAUSE
                raise errors.ToolError(f"Could not load {self.source}: {error.message}") from error

    async def _fetch(self, url: str) -> None:
        """Documents that it refers to are fetched as they are found. Large ones take seconds: they are read in a
        thread, which stops when the request that waits for them is left."""
        budget = Budget()
        try:
            others: dict[str, object] = {}
            root = await self._document(url, budget)
            for _ in range(_MOST_DOCUMENTS):
                document = Document(url, root, others, budget)
                await asyncio.to_thread(self._offer, document)
                if not document.missing:
                    return
                for uri in document.missing:
                    others[uri] = await self._document(uri, budget)
            raise errors.ConfigurationError("it refers to too many other documents")
        finally:
            budget.stop()

    async def _document(self, url: str, budget: Budget) -> dict[str, object]:
        response = await self._fetching.send(Request("GET", url, {"Accept": "application/json, */*"}, repeatable=True))
        if not response.ok:
            raise errors.ToolError(f"{urlsplit(url).hostname} answered with status {response.status}.")
        return await asyncio.to_thread(parse, response.body, url.partition("?")[0], budget, aliases=False)
