"""An HTTP response, as a tool's output."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from turnstream.events import ConfigurationError, FilePart, ImagePart, ToolOutput
from turnstream.tools.http_client import Response

_MOST_EXCERPT = 1000
_SHORTEST_SECRET = 6


class Projection:
    """A JMESPath expression: what of a JSON answer goes to the model. None is all of it."""

    def __init__(self, expression: str | None) -> None:
        self._compiled: Any = None
        if expression is not None:
            try:
                import jmespath
            except ModuleNotFoundError:
                raise ConfigurationError("'jmespath' needs the extra: pip install 'turnstream[jmespath]'") from None
            try:
                self._compiled = jmespath.compile(expression)
            except jmespath.exceptions.JMESPathError:
                raise ConfigurationError(f"{expression!r} is no JMESPath expression") from None

    def of(self, value: Any) -> Any:
        """What cannot be projected, because it is made otherwise than the expression thinks, stays as it is."""
        if self._compiled is None:
            return value
        from jmespath.exceptions import JMESPathError

        try:
            return self._compiled.search(value)
        except JMESPathError:
            return value


def output(response: Response, host: str, projection: Projection, secrets: Iterable[str] = ()) -> ToolOutput:
    """Every 2xx is success. A failure tells the model what the server said of it, without ``secrets``; clients see the
    status alone."""
    if not response.ok:
        bare = f"{host} answered with status {response.status}"
        said = _excerpt(response, secrets)
        return ToolOutput(f"{bare}: {said}" if said else f"{bare}.", is_error=True, shown=f"{bare}.")
    if not response.body:
        return ToolOutput(f"Done (status {response.status}, no content).")
    kind = response.content_type
    if _is_json(kind):
        return _json(response, projection)
    if kind.startswith("image/"):
        return ToolOutput((ImagePart(_data_url(response)),))
    if kind.startswith("text/") or kind in ("", "application/xml") or kind.endswith("+xml"):
        return _json(response, projection) if kind == "" else ToolOutput(_text(response))
    return ToolOutput((FilePart(_data_url(response)),))


def _is_json(kind: str) -> bool:
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def _json(response: Response, projection: Projection) -> ToolOutput:
    try:
        value = projection.of(json.loads(response.body))
    except (ValueError, RecursionError):
        return ToolOutput(_text(response))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return ToolOutput(text, data=value)


def _text(response: Response) -> str:
    _, _, charset = response.headers.get("content-type", "").partition("charset=")
    try:
        return response.body.decode(charset.partition(";")[0].strip(" \"'") or "utf-8", "replace")
    except LookupError:
        return response.body.decode("utf-8", "replace")


def _data_url(response: Response) -> str:
    return f"data:{response.content_type};base64,{b64encode(response.body).decode()}"


def _excerpt(response: Response, secrets: Iterable[str]) -> str:
    if not (_is_json(response.content_type) or response.content_type == "text/plain"):
        return ""  # a page for people
    text = " ".join(_text(response).split())
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text if len(text) <= _MOST_EXCERPT else f"{text[:_MOST_EXCERPT]}…"
