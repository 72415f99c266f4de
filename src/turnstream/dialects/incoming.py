"""What every dialect reads alike: names of threads and users, the history that counts, the client's tools, the parts of
a message, housekeeping. One rule each, so that the same words mean the same on every wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from turnstream import errors, jsontext, messages, requests, toolspec
from turnstream.dialects import body, housekeeping

THREAD_HEADERS = ("x-ibm-thread-id", "x-thread-id", "x-openwebui-chat-id")
USER_HEADER = "x-openwebui-user-id"
HISTORY_HEADER = "x-thread-history"
MAX_NAME = 512  # characters of the name of a thread, a user or a run


def name(value: Any, path: str) -> str | None:
    """The name that a client gives to a thread, a user or a run; only text names anything. It is never cut: two names
    would become one. Raises `RequestError`."""
    if not isinstance(value, str) or not value:
        return None
    if len(value) > MAX_NAME:
        raise errors.RequestError(f"{path}: longer than {MAX_NAME} characters.", param=path, code="invalid_value")
    if any(character < " " or character == "\x7f" for character in value):
        raise errors.RequestError(f"{path}: must not have control characters.", param=path, code="invalid_value")
    return value


def first_name(*candidates: tuple[str, Any]) -> str | None:
    """The first of these that is a name, each with its path. The rest is not looked at."""
    for path, value in candidates:
        if value is not None and (found := name(value, path)):
            return found
    return None


def thread_id(headers: Mapping[str, str], *candidates: tuple[str, Any]) -> str | None:
    """The thread that a header names, else the first of the body's candidates."""
    for header in THREAD_HEADERS:
        if (value := headers.get(header)) is not None and (found := name(value, header)):
            return found
    return first_name(*candidates)


def user(headers: Mapping[str, str], *candidates: tuple[str, Any]) -> str | None:
    """The user whom the body names, else Open WebUI's header."""
    return first_name(*candidates, (USER_HEADER, headers.get(USER_HEADER)))


def thread_ref(
    request: requests.RunRequest, headers: Mapping[str, str], metadata: Mapping[str, Any] | None = None
) -> requests.ThreadRef | None:
    """The kept conversation of a protocol whose clients send the whole history: the named thread, and whether, by the
    request's own word, the thread's history counts instead."""
    path, word = HISTORY_HEADER, headers.get(HISTORY_HEADER, "").strip().lower() or None
    if word is None and metadata and metadata.get("history") is not None:
        path, word = "metadata.history", metadata["history"]
    history = _history(word, path)
    if history == "server" and request.thread_id is None:
        text = f"{path}: 'server' needs a thread: name one, for instance in the header X-Thread-Id."
        raise errors.RequestError(text, param=path, code="invalid_value")
    if request.thread_id is None or request.housekeeping:
        return None
    return requests.ThreadRef(request.thread_id, history)


def _history(word: Any, path: str) -> Literal["client", "server"] | None:
    match word:
        case None | "client" | "server":
            return word
        case _:
            text = f"{path}: unknown value; expected 'client' or 'server'."
            raise errors.RequestError(text, param=path, code="invalid_value")


def mark_housekeeping(request: requests.RunRequest) -> requests.RunRequest:
    """The request, with `RunRequest.housekeeping` set if a front end asks for itself."""
    if housekeeping.is_housekeeping(request.messages):
        return msgspec.structs.replace(request, housekeeping=True)
    return request


def values(metadata: Mapping[str, Any] | None, path: str = "metadata") -> dict[str, Any]:
    """What the client sends beside its messages, for tools (`RunContext.values`)."""
    return dict(body.check_depth(metadata, path)) if metadata else {}


def client_tool(
    name: str, description: str | None, parameters: dict[str, Any] | None, path: str, strict: bool | None = None
) -> toolspec.ToolSpec:
    """A tool that the client runs itself; ``path`` is that of its schema."""
    if not name:
        where = f"{path.rpartition('.')[0]}.name"
        raise errors.RequestError(f"{where}: must not be empty.", param=where, code="invalid_value")
    schema = body.check_depth(parameters, path) or {"type": "object", "properties": {}}
    return toolspec.ToolSpec(name, description or "", schema, strict, source="client")


def read_integer(value: float | None, path: str, least: int | None = None) -> int | None:
    """An integer, which JSON may write as 100.0. What is below ``least`` means no limit, as with llama.cpp: None."""
    if value is None:
        return None
    if value != int(value):
        raise errors.RequestError(f"{path}: must be an integer.", param=path, code="invalid_type")
    return None if least is not None and value < least else int(value)


def stops(value: str | Sequence[str | None] | None) -> tuple[str, ...] | None:
    """Stop sequences; every vendor refuses empty ones, which stop nothing."""
    given = (value,) if isinstance(value, str) else value or ()
    return tuple(stop for stop in given if stop) or None


def allow_tools(tools: tuple[toolspec.ToolSpec, ...], names: Sequence[Any], path: str) -> tuple[toolspec.ToolSpec, ...]:
    """Those of the client's tools that the client's ``allowed_tools`` name. The agent's own are not the client's to
    forbid, so a name that the client has not declared is refused: it would not be obeyed."""
    declared = {tool.name for tool in tools}
    for at, name in enumerate(names):
        if name not in declared:
            text = f"{path}[{at}]: the request declares no tool named {str(name)[:100]!r}."
            raise errors.RequestError(text, param=path, code="invalid_value")
    return tuple(tool for tool in tools if tool.name in names)


def arguments(value: Any, path: str) -> str:
    """The arguments of a call in a history, however its client wrote them: an object, its JSON text, or nothing."""
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return "{}" if value is None else jsontext.encode(body.check_depth(value, path)).decode()


def content(parts: Sequence[messages.ContentPart]) -> messages.Content:
    """The parts as a message's content: plain text, if they are nothing else."""
    texts = [part.text for part in parts if type(part) is messages.TextPart]
    return "".join(texts) if len(texts) == len(parts) else tuple(parts)


def media(mime: str, url: str, filename: str | None = None) -> messages.ContentPart:
    """A file that a client sends, by what it says that it is. Models take sound only in the request itself."""
    head, _, data = url.partition(";base64,")
    if mime.startswith("image"):
        return messages.ImagePart(url)
    if mime.startswith("audio/") and data and head.startswith("data:"):
        return messages.AudioPart(
            data, mime.removeprefix("audio/").removeprefix("x-").partition(";")[0].replace("mpeg", "mp3")
        )
    return messages.FilePart(url=url, filename=filename)


def file_url(data: str | None) -> str | None:
    """The data of a file as a ``data:`` URL, where a client left its head out: most such files are PDF."""
    if not data or data.startswith(("data:", "http://", "https://", "gs://", "s3://")):
        return data
    return f"data:application/pdf;base64,{data}"


class Drawn:
    """Images that the assistant has made. Models take none in an answer of theirs, so the next message of the user
    shows them: else a model could not change what it has drawn."""

    def __init__(self) -> None:
        self.images: list[messages.ContentPart] = []

    def add(self, images: Iterable[messages.ContentPart]) -> None:
        self.images += images

    def show(self, content: messages.Content) -> messages.Content:
        """The content of the user's next message, behind them."""
        if not self.images:
            return content
        shown, self.images = (messages.TextPart("The assistant's images:"), *self.images), []
        return (*shown, messages.TextPart(content)) if isinstance(content, str) else (*shown, *content)


def require_messages(given: Sequence[object] | None) -> None:
    if not given:
        text = "messages: there must be at least one message."
        raise errors.RequestError(text, param="messages", code="invalid_value")


def unknown_role(role: str, path: str, expected: str) -> errors.RequestError:
    text = f"{path}: unknown role '{role[:50]}'; expected {expected}."
    return errors.RequestError(text, param=path, code="invalid_value")


def unsupported_part(kind: str, path: str, expected: str) -> errors.RequestError:
    text = f"{path}: unsupported content part '{kind[:50]}'; expected {expected}, each with its content."
    return errors.RequestError(text, param=path, code="invalid_value")
