"""An HTTP response, as a tool's output."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

from turnstream.events import ConfigurationError, FilePart, ImagePart, ToolOutput
from turnstream.tools.http_client import Response

_MOST_EXCERPT = 1000
_SHORTEST_SECRET = 6
# What is called a script may be JSON too; if it is none it is text.
_JSON = ("application/json", "text/json", "text/javascript", "application/javascript", "application/x-javascript")


class Projection:
    """What of a JSON answer goes to the model: a JMESPath expression, or a function of it. None is all of it."""

    def __init__(self, expression: str | Callable[[Any], Any] | None) -> None:
        self._function: Callable[[Any], Any] | None = None
        if isinstance(expression, str):
            self._function = self._compiled(expression)
        elif expression is not None:
            self._function = expression

    def _compiled(self, expression: str) -> Callable[[Any], Any]:
        try:
            import jmespath
        except ModuleNotFoundError:
            raise ConfigurationError("'jmespath' needs the extra: pip install 'turnstream[jmespath]'") from None
        try:
            compiled = jmespath.compile(expression)
        except jmespath.exceptions.JMESPathError:
            raise ConfigurationError(f"{expression!r} is no JMESPath expression") from None

        def search(value: Any) -> Any:
            try:
                return compiled.search(value)
            except jmespath.exceptions.JMESPathError:
                return value

        return search

    def of(self, value: Any) -> Any:
        """What cannot be projected, because it is made otherwise than the expression thinks, stays as it is."""
        if self._function is None:
            return value
        try:
            return self._function(value)
        except (LookupError, TypeError, AttributeError, ValueError):
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
    return kind in _JSON or kind.endswith("+json")


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
