"""Operations as a toolbox: arguments are checked, a request is sent, the answer goes to the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from turnstream import errors, messages, redaction, requests, toolspec, tracing
from turnstream.tools import answers, coercion, results, schema_check
from turnstream.tools.answers import Projection
from turnstream.tools.auth import Auth, Credentials, Fixed
from turnstream.tools.forwarding import Forwarding
from turnstream.tools.hooks import Hooks
from turnstream.tools.http_client import HttpClient, Response
from turnstream.tools.json_arguments import arguments_of
from turnstream.tools.operations import Operation

if TYPE_CHECKING:
    from typing import Self


class HttpTools:
    """A toolbox. It must be entered before it is used; ``client`` is entered with it."""

    def __init__(
        self,
        operations: Iterable[Operation],
        *,
        source: str,
        client: HttpClient | None = None,
        auth: Auth | None = None,
        forwarding: Forwarding | None = None,
        projection: Projection | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.source = source
        self.client = client or HttpClient()
        self._auth: Auth = auth or Fixed()
        self._forwarding = forwarding or Forwarding()
        self._projection = projection or Projection(None)
        self._hooks = hooks or Hooks()
        self._operations: dict[str, Operation] = {}
        self._validators: dict[str, Any] = {}
        self._specs: list[toolspec.ToolSpec] = []
        self.offer(operations)

    def offer(self, operations: Iterable[Operation]) -> None:
        """These from now on."""
        self._operations = {operation.name: operation for operation in operations}
        self._validators = {}
        self._specs = [
            toolspec.ToolSpec(
                one.name,
                one.description,
                dict(one.schema),
                effect=one.effect,
                source=self.source,
                declared=one.declared,
            )
            for one in self._operations.values()
        ]

    @property
    def known(self) -> tuple[toolspec.ToolSpec, ...]:
        """The tools, as far as they are known without asking anybody."""
        return tuple(self._specs)

    def parameters_to_fill(self) -> frozenset[tuple[str, str]]:
        """The places and names, in lower case, that are filled for each request: no model is asked for them."""
        own = self._auth.fills
        return frozenset({*own, *(("header", name.lower()) for name in self._forwarding.names)})

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)

    async def tools(self, context: requests.RunContext) -> list[toolspec.ToolSpec]:
        return self._specs

    async def call(self, call: messages.ToolCall, context: requests.RunContext) -> toolspec.ToolOutput:
        """Raises `ToolError` for bad arguments, and when there is no answer."""
        operation = self._operations.get(call.name)
        if operation is None:
            raise errors.ToolError(f"There is no tool named {call.name!r}.")
        arguments = coercion.coerce(arguments_of(call), operation.schema)
        self._check(operation, arguments)
        response, used, added = await self._send(operation, arguments, context)
        answer = await self._hooks.after(response, context)
        if not isinstance(answer, Response):
            return results.output(answer)
        secrets = [*used.secrets, *operation.secrets]
        secrets += [each for name, value in added.items() for each in redaction.of_header(name, value)]
        if not answer.ok:  # what a server says is wrong may quote whatever it was sent
            secrets += [*added.values(), *operation.perhaps_secrets]
        return answers.output(answer, operation.host, self._projection, secrets, self.client.options.max_bytes)

    async def _send(
        self, operation: Operation, arguments: Mapping[str, Any], context: requests.RunContext
    ) -> tuple[Response, Credentials, Mapping[str, str]]:
        """With what was sent to prove who asks, and which headers went along. With new credentials once more, if the
        server refuses the old: then it has done nothing yet."""
        added = {**self._forwarding.of(context), **tracing.headers(context.tool_call_id)}
        for left in (1, 0):
            own = await self._auth.credentials(self.client)
            used = replace(own, headers={**own.headers, **added})
            request = operation.request(arguments, used, context.idempotency_key)
            request = await self._hooks.before(request, context)
            response = await self.client.send(request, may_be_cut=True, persistent=True, within=context.time_left())
            if response.status != 401 or not left or not self._auth.discard(own):
                break
        return response, own, added

    def _check(self, operation: Operation, arguments: Mapping[str, Any]) -> None:
        if operation.name not in self._validators:
            self._validators[operation.name] = schema_check.validator(operation.schema)
        schema_check.check(self._validators[operation.name], arguments, operation.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"
