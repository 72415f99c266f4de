"""What servers send, as the JSON-RPC messages that they mean. No I/O.

The SDK throws away what it cannot parse, and then a call waits for its time-out though the server has answered. So each
text is read here first: half an emoji becomes U+FFFD, a byte order mark and what stands between messages is skipped, a
message may be spread over lines or be one of an array, and small breaches of JSON-RPC are forgiven. An answer that is
not JSON at all, but names the id of its request, becomes an error of that request: nobody waits for it any longer.
"""

from __future__ import annotations

import json
import re
from typing import Any

from turnstream.tools.mcp import listing, results

PARSE_ERROR = -32700
NOT_JSON = "its answer is not valid JSON"
"""The message of the error that stands for an answer that cannot be read."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_ID = re.compile(r'"id"\s*:\s*(-?\d{1,18}|"[^"\\]{1,100}")(?=\s*[,}])')
_ANSWER = re.compile(r'"(?:result|error)"\s*:')
_DEEPEST = 150  # the SDK's own parser gives up at 200
_MOST_MESSAGES = 1_000
_MOST_HELD = 32 * 1024 * 1024

Message = dict[str, Any]

# ------------------------------------------------------------------------------------------------ is a session unknown

_SUBJECT = r"(?:(?:mcp|http|server|client)[ -])*(?:session|transport|server)(?:[ -]?ids?)?"
_FORGOTTEN = re.compile(
    rf"""(?:(?:bad\ request|not\ found|error|invalid\ request)\s*[:.-]\s*)*(?:the\ |your\ |this\ )?
    (?: {_SUBJECT}(?:\ ?[:'"(]?[\w-]{{1,80}}['")]?)?\s*:?\s*(?:is\ |was\ |has\ |has\ been\ |does\ |could\ )?
        (?:not\ (?:be\ )?(?:found|initiali[sz]ed|valid|exist|active|recogni[sz]ed)|unknown|invalid|expired|terminated
           |closed|no\ longer\ (?:exists|valid|active)|missing)
      | (?:no|invalid|unknown|expired|missing|could\ not\ find|cannot\ find|no\ valid|no\ active|invalid\ or\ missing
           |invalid\ or\ expired|unknown\ or\ expired|no\ transport\ found\ for|no\ such)\s+{_SUBJECT}
    )\b.{{0,60}}""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_SESSION_NOT_FOUND = -32001


def says_session_is_unknown(message: Any, *, status: int = 200) -> bool:
    """Whether an error of JSON-RPC, of any id, says that the server does not know the session; then it has not executed
    the request. One word in a message says nothing: an argument may be called ``session_name``.
    """
    error = message.get("error") if isinstance(message, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return False
    whole = _FORGOTTEN.fullmatch(error["message"].strip()) is not None
    return whole and (status >= 400 or error.get("code") in (_SESSION_NOT_FOUND, str(_SESSION_NOT_FOUND)))


def text_says_session_is_unknown(text: str) -> bool:
    return _FORGOTTEN.fullmatch(" ".join(text.split())[:300]) is not None


# ----------------------------------------------------------------------------------------------------------- messages


def read(text: str) -> list[Message]:
    """The messages of a text: one, or those of an array; [] if there are none."""
    text = text.lstrip("\ufeff \t\r\n")
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _unreadable(text)
    if _is_deeper(value, _DEEPEST):
        return _unreadable(text)
    values = value if isinstance(value, list) else [value]
    return [message for one in values[:_MOST_MESSAGES] if (message := _message(one)) is not None]


def _unreadable(text: str) -> list[Message]:
    """An error for the request that it answers."""
    found = _ID.search(text)
    if found is None or not _ANSWER.search(text):
        return []
    id: int | str = json.loads(found[1])
    return [failure(id, NOT_JSON)]


def failure(id: Any, reason: str) -> Message:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": PARSE_ERROR, "message": reason}}


def is_answer(message: Message) -> bool:
    return "method" not in message


def answer(messages: list[Message], id: Any) -> Message | None:
    """That to the request ``id`` of what a server gave as the whole response to it: what is an answer at all is the
    answer to that, also with no id or another."""
    answers = [message for message in messages if is_answer(message)]
    same = [message for message in answers if message.get("id") == id]
    found = next(iter(same or answers), None)
    return None if found is None else {**found, "id": id}


def encode(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _message(value: Any) -> Message | None:
    """None for what is not a message."""
    if not isinstance(value, dict) or not ({"method", "result", "error"} & value.keys()):
        return None
    message: Message = {**_whole_text(value), "jsonrpc": "2.0"}
    if isinstance(message.get("id"), float):
        message["id"] = int(message["id"])
    if isinstance(message.get("method"), str):
        if not isinstance(message.get("params", {}), dict):
            del message["params"]
        return message
    message.pop("method", None)
    if message.get("error") is None and "result" in message:
        message.pop("error", None)
        message["result"] = _result(message["result"])
    else:
        message.pop("result", None)
        message["error"] = _error(message.get("error"))
        message.setdefault("id", None)
    return message


def _result(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    result: dict[str, Any] = value if isinstance(value, dict) else {"toolResult": value}
    if "protocolVersion" in result:
        _forgive_start(result)
    listing.repair(result)
    results.guard(result)
    return result


def _forgive_start(result: dict[str, Any]) -> None:
    """What an answer to ``initialize`` may lack without harm."""
    if result.get("capabilities") is None:
        result["capabilities"] = {}
    if isinstance(server := result.get("serverInfo"), dict):
        server.setdefault("version", "")
        server.setdefault("name", "")


def _error(value: Any) -> dict[str, Any]:
    given = value if isinstance(value, dict) else {"message": value}
    code, message = given.get("code"), given.get("message")
    try:
        number = int(code)  # type: ignore[arg-type]  # a TypeError is one of the answers
    except (TypeError, ValueError, OverflowError):
        number = -32603
        message = f"{message} ({code})" if isinstance(code, str) and message else message
    text = message if isinstance(message, str) else "" if message is None else json.dumps(message)
    return {"code": number, "message": text, **({"data": given["data"]} if "data" in given else {})}


def _whole_text(value: Any) -> Any:
    """Halves of surrogate pairs become U+FFFD."""
    match value:
        case str():
            return value if value.isascii() else _SURROGATES.sub("\ufffd", value)
        case list():
            return [_whole_text(item) for item in value]
        case dict():
            return {_whole_text(key): _whole_text(item) for key, item in value.items()}
        case _:
            return value


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(one, levels - 1) for one in inner)


# -------------------------------------------------------------------------------------------------------------- lines


class Lines:
    """A stream of messages, one a line as MCP has it, or spread over lines: bytes in, messages out.

    A line that begins a JSON value and does not end it is held, with those that follow, until the brackets are
    balanced. Not so a line that has both an id and a result: that is a message that was cut, and its call fails at
    once. A line that is a message of its own ends what was held.
    """

    def __init__(self, most: int = _MOST_HELD) -> None:
        self._most = most
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._held: list[str] = []
        self._held_size = 0
        self._balance = _Balance()

    def feed(self, piece: bytes) -> list[Message]:
        lines = piece.split(b"\n")
        self._rest.append(lines[0])
        self._rest_size += len(lines[0])
        if self._rest_size > self._most:
            self._rest, self._rest_size = [b""], 0  # no server means such a line
        if len(lines) == 1:
            return []
        whole = [b"".join(self._rest), *lines[1:-1]]
        self._rest, self._rest_size = [lines[-1]], len(lines[-1])
        return [message for line in whole for message in self._line(line.decode("utf-8", "replace"))]

    def close(self) -> list[Message]:
        """Of what is left, without its line end or its brackets."""
        last = b"".join(self._rest).decode("utf-8", "replace")
        self._rest, self._rest_size = [], 0
        return [*self._line(last), *self._give_up()]

    def _line(self, line: str) -> list[Message]:
        text = line.strip().lstrip("\ufeff")
        if not text:
            return []
        if self._held:
            return self._continue(text)
        if text[0] in "{[" and not _is_json(text) and not (_ID.search(text) and _ANSWER.search(text)):
            self._balance = _Balance()
            return self._hold(text)
        return read(text)

    def _continue(self, text: str) -> list[Message]:
        if self._held[0][0] == "{" and text[0] == "{" and _is_json(text) and (found := read(text)):
            return [*self._give_up(), *found]
        return self._hold(text)

    def _hold(self, text: str) -> list[Message]:
        self._held.append(text)
        self._held_size += len(text)
        if self._balance.feed(text) <= 0 or self._held_size > self._most:
            return self._give_up()
        return []

    def _give_up(self) -> list[Message]:
        held, self._held, self._held_size = "\n".join(self._held), [], 0
        return read(held) if held else []


class _Balance:
    """Counts the open brackets of JSON; those within strings do not count."""

    _TOKENS = re.compile(r'[\[\]{}"]|\\.', re.DOTALL)

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False

    def feed(self, text: str) -> int:
        for found in self._TOKENS.finditer(text):
            token = found[0]
            if token == '"':
                self._in_string = not self._in_string
            elif not self._in_string and token[0] != "\\":
                self._depth += 1 if token in "[{" else -1
        return self._depth


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    except RecursionError:
        return True
    return True


# ------------------------------------------------------------------------------------------------------------- events


class Events:
    """A stream of server-sent events, rewritten: bytes in, bytes out. The data of each event is made a message that
    the SDK can parse, and ``messages`` are those since the last `feed`; all else passes as it came, but for a byte
    order mark, of which the standard skips one.
    """

    def __init__(self, most: int = _MOST_HELD) -> None:
        self.messages: list[Message] = []
        self._most = most
        self._begun = False
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self._is_message = True

    def feed(self, piece: bytes) -> bytes:
        self.messages = []
        self._rest += piece
        if not self._begun:
            if len(self._rest) < 3 and b"\xef\xbb\xbf".startswith(self._rest):
                return b""
            self._begun, self._rest = True, self._rest.removeprefix(b"\xef\xbb\xbf")
        end = max(self._rest.rfind(b"\n"), self._rest.rfind(b"\r", 0, len(self._rest) - 1)) + 1
        lines, self._rest = self._rest[:end], self._rest[end:]
        return b"".join(self._line(line) for line in lines.splitlines())

    def close(self) -> bytes:
        """What is left of an event that never ended."""
        self.messages = []
        return b"".join(b"data: " + line + b"\n" for line in self._data) + self._rest

    def _line(self, line: bytes) -> bytes:
        if line.startswith(b"data:") and self._size <= self._most:
            self._data.append(line[5:].removeprefix(b" "))
            self._size += len(line)
            return b""
        if line.startswith(b"event:"):
            self._is_message = line[6:].strip() in (b"", b"message")
        if line:
            return line + b"\n"
        data, self._data, self._size = self._data, [], 0
        is_message, self._is_message = self._is_message, True
        return (self._event(data) if is_message else _lines(data)) + b"\n"

    def _event(self, data: list[bytes]) -> bytes:
        text = b"\n".join(data).decode("utf-8", "replace")
        found = read(text) if text.strip() else []
        self.messages += found
        if not found:
            return _lines(data)
        return b"\n\n".join(b"data: " + encode(message) for message in found) + b"\n"


def _lines(data: list[bytes]) -> bytes:
    return b"".join(b"data: " + line + b"\n" for line in data)
