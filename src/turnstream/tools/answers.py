"""An HTTP response, as a tool's output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from turnstream import errors, messages, text as texts, toolspec
from turnstream.parsing import media
from turnstream.tools import bounds, fitting
from turnstream.tools.http_client import Response

_MOST_EXCERPT = 1000
# What is called a script may be JSON too; otherwise it is text.
_SCRIPTS = ("text/javascript", "application/javascript", "application/x-javascript")
_UNNAMED = ("", "application/octet-stream", "binary/octet-stream")
_PAGES = ("<!doctype html", "<html")


class Projection:
    """What of a JSON answer goes to the model: a JMESPath expression, or a function of it. None is all of it."""

    def __init__(self, expression: str | Callable[[Any], Any] | None) -> None:
        self._function: Callable[[Any], Any] | None = None
        if isinstance(expression, str):
            self._function = self._compile(expression)
        elif expression is not None:
            self._function = expression

    def _compile(self, expression: str) -> Callable[[Any], Any]:
        try:
            import jmespath
        except ModuleNotFoundError:
            raise errors.ConfigurationError("'jmespath' needs the extra: pip install 'turnstream[jmespath]'") from None
        try:
            compiled = jmespath.compile(expression)
        except jmespath.exceptions.JMESPathError:
            raise errors.ConfigurationError(f"{expression!r} is not a valid JMESPath expression") from None

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


def output(
    response: Response,
    host: str,
    projection: Projection,
    secrets: Iterable[str] = (),
    most_bytes: int = bounds.ANSWER_BYTES,
) -> toolspec.ToolOutput:
    """Every 2xx is success. A failure tells the model what the server said of it; clients see the status alone. Nobody
    sees the ``secrets``, which some servers give back."""
    if not response.ok:
        bare = f"{host} answered with status {response.status}"
        said = _excerpt(response, secrets)
        return toolspec.ToolOutput(f"{bare}: {said}" if said else f"{bare}.", is_error=True, shown=f"{bare}.")
    if not response.body:
        return toolspec.ToolOutput(f"Done (status {response.status}, no content).")
    redactor = texts.Redactor(secrets)
    content = _content(response, projection)
    return fitting.fit(toolspec.redact(content, redactor.redact) if redactor else content, most_bytes)


def _content(response: Response, projection: Projection) -> toolspec.ToolOutput:
    kind = response.content_type
    if media.is_json(kind) or kind in _SCRIPTS:
        return _json(response, projection)
    if response.is_cut and not media.is_text(kind):
        return toolspec.ToolOutput(f"{media.describe(kind, response.size, response.filename)}: it is too large")
    made = media.part(response.body, kind, response.filename, response.charset)
    match made:
        case messages.TextPart(text=text):
            is_text = kind in _UNNAMED and media.plain_text(response.body) is not None
            return _json(response, projection) if is_text else toolspec.ToolOutput(_whole(text, response))
        case _:
            return toolspec.ToolOutput((made,))


def _json(response: Response, projection: Projection) -> toolspec.ToolOutput:
    text = media.decode(response.body, response.charset)
    try:
        value = projection.of(json.loads(text))
    except (ValueError, RecursionError):
        return toolspec.ToolOutput(_whole(text, response))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return toolspec.ToolOutput(text, data=value)


def _whole(text: str, response: Response) -> str:
    return f"{text}… the answer goes on: it is longer than {len(response.body):,} bytes" if response.is_cut else text


def _excerpt(response: Response, secrets: Iterable[str]) -> str:
    """What a server says is wrong: JSON whatever it is called, and other texts, but no page for people."""
    kind, body = response.content_type, response.body
    text = media.decode(body, response.charset) if media.is_text(kind) else media.plain_text(body) or ""
    if not _is_json(text) and ("html" in kind or text.lstrip()[:15].lower().startswith(_PAGES)):
        return ""
    return texts.excerpt(texts.Redactor(secrets).redact(" ".join(text.split())), _MOST_EXCERPT)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
