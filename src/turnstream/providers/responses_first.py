"""A call that goes to another address of its vendor: the Responses API, for models that refuse tools elsewhere.

Where a server has no such address (a gateway in front of the vendor), the same call goes to chat completions after all,
without the thinking that is refused there.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from turnstream import requests
from turnstream.providers import base
from turnstream.providers.decode import responses_stream
from turnstream.providers.encode import responses_body, translate

_NOTE = "reasoning_effort is sent as none: this model refuses tools with it, and the server has no /responses."


def request(
    settings: base.Settings,
    asked: requests.ModelRequest,
    url: str,
    chat: Callable[[requests.ModelRequest], base.HttpRequest],
) -> base.HttpRequest:
    """``chat`` makes the request to chat completions. Raises `RequestError` for what the other API does not take."""
    notes: list[str] = []
    body = translate.encode(responses_body.body(settings, asked, notes))
    calm = msgspec.structs.replace(asked.options, reasoning_effort="none")
    plain = chat(msgspec.structs.replace(asked, options=calm))
    plain = msgspec.structs.replace(plain, notes=(*plain.notes, _NOTE))
    return base.HttpRequest("POST", url, plain.headers, body, tuple(notes), responses_stream.Decoder, plain)
