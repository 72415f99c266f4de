"""OpenAI Responses, streamed and not (openai-openapi, "Responses", streaming events; Open Responses).

Frames are ``event:`` and ``data:`` lines; every event has a dense ``sequence_number``; the stream ends with
``response.completed``, ``.incomplete`` or ``.failed``, and ``[DONE]``. A ``function_call`` is for the client to run.
What the server ran is an ``mcp_call`` item, which has its result in it; Open WebUI, whose page needs it, gets a
``function_call`` with its ``function_call_output`` for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from turnstream import errors, events, protocols, requests
from turnstream.api import responses as api
from turnstream.dialects import (
    base,
    body as bodies,
    openai_chat,
    openai_responses_request,
    openai_responses_tools as tools,
    responses_kept,
    statuses,
)
from turnstream.dialects.openai_responses_encoder import Encoder, ServerCalls


class Responses:
    name: ClassVar[str] = "openai_responses"
    routes: ClassVar[Sequence[base.Route]] = (
        base.Route(
            "POST", "/v1/responses", summary="Ask an agent; the answer is a response.", request=api.ResponsesRequest
        ),
    )

    def decode(self, request: base.ClientRequest) -> base.Decoded:
        body = bodies.decode(request.body, api.ResponsesRequest)

        def go_on(found: Mapping[str, protocols.RunState]) -> Exchange:
            body.input = responses_kept.resolve(body.input, found)
            declared = tools.read(body.tools or ())
            asked = openai_responses_request.run_request(body, request.headers, declared)
            asked = msgspec.structs.replace(asked, follows=responses_kept.previous_run(body))
            thread = responses_kept.thread_ref(body, request, asked, found)
            client = responses_kept.name_response(request, asked.follows, found)
            return Exchange(body, client, asked, thread, declared)

        named = responses_kept.find_named_runs(body)
        return base.Lookup(body.model or None, named, go_on) if named else go_on({})

    def error(self, error: errors.TurnstreamError, id: str) -> base.Reply:
        return openai_chat.refusal(error)


class Exchange:
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        body: api.ResponsesRequest,
        client: base.ClientRequest,
        request: requests.RunRequest,
        thread: requests.ThreadRef,
        declared: tools.Tools,
    ) -> None:
        self.request, self.thread = request, thread
        self.stream = bool(body.stream)
        self._forms, self._server_calls = declared.forms, _server_calls(client)
        self._kept = client.kept or bool(body.background)
        self._shell = _shell(body, client, request, declared)

    def encoder(self, agent: str) -> Encoder:
        shell = {**self._shell, "model": self._shell["model"] or agent}
        return Encoder(shell, self._forms, self._server_calls, agent, kept=self._kept)

    def reply(self, agent: str, batch: Sequence[events.RunEvent]) -> base.Reply:
        encoder = self.encoder(agent)
        encoder.feed(batch)
        return base.Reply(200, encoder.snapshot())

    def refuse(self, error: errors.TurnstreamError, request_id: str) -> base.Reply:
        return openai_chat.refusal(error)


def _server_calls(client: base.ClientRequest) -> ServerCalls:
    if not statuses.are_wanted(client):
        return "off"
    return "function" if any(name.startswith("x-openwebui-") for name in client.headers) else "mcp"


def _shell(
    body: api.ResponsesRequest, client: base.ClientRequest, request: requests.RunRequest, declared: tools.Tools
) -> dict[str, Any]:
    """The response object but for its output. Members that are not null in the protocol have its defaults."""
    offered = {spec.name for spec in request.tools}
    return {
        "id": f"{responses_kept.PREFIX}{client.id}",
        "object": "response",
        "created_at": int(client.time),
        "completed_at": None,
        "model": body.model,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "metadata": {key: str(value) for key, value in (body.metadata or {}).items()},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        **({"conversation": {"id": named}} if (named := openai_responses_request.conversation(body)) else {}),
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "presence_penalty": body.presence_penalty or 0.0,
        "frequency_penalty": body.frequency_penalty or 0.0,
        "top_logprobs": 0,
        "max_output_tokens": request.options.max_completion_tokens,
        "max_tool_calls": request.max_tool_calls,
        "tool_choice": body.tool_choice or "auto",
        "tools": [tools.show(spec, declared.forms[spec.name]) for spec in declared.specs if spec.name in offered],
        "truncation": body.truncation or "disabled",
        "text": {"format": {"type": "text"}, **(body.text or {})},
        "reasoning": body.reasoning,
        "store": body.store is not False and client.stores,
        "background": bool(body.background),
        "service_tier": body.service_tier or "default",
        "safety_identifier": body.safety_identifier,
        "prompt_cache_key": body.prompt_cache_key,
    }
