"""Rules of meaning: what the chunks say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from turnstream.doctor.recording import Frame, Recording, parse

Faults = Iterator[tuple[int, int, str]]

REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
_KNOWN = ("tool_calls", "content", "annotations")


def _at(frame: Frame, what: str) -> tuple[int, int, str]:
    return frame.start, frame.end, what


def _end(recording: Recording, what: str) -> tuple[int, int, str]:
    return len(recording.body), len(recording.body), what


def members(recording: Recording) -> Faults:
    kinds = {"id": str, "object": str, "created": int, "model": str}
    for frame, chunk in recording.chunks:
        if chunk.get("error"):
            continue
        bad = [name for name, kind in kinds.items() if not isinstance(chunk.get(name), kind)]
        if "choices" not in chunk:
            bad.append("choices")
        if bad:
            yield _at(frame, f"missing or of a wrong type: {', '.join(bad)}")


def object(recording: Recording) -> Faults:
    for frame, chunk in recording.chunks:
        if isinstance(chunk.get("object"), str) and chunk["object"] != "chat.completion.chunk":
            yield _at(frame, f"object: {chunk['object']}")


def same_id(recording: Recording) -> Faults:
    first: dict[str, Any] = {}
    for frame, chunk in recording.chunks:
        for name in ("id", "created", "model"):
            if name in chunk and first.setdefault(name, chunk[name]) != chunk[name]:
                yield _at(frame, f"{name} was {first[name]!r} and is {chunk[name]!r}")


def choices(recording: Recording) -> Faults:
    for frame, chunk in recording.chunks:
        if "choices" in chunk and not isinstance(chunk["choices"], list):
            yield _at(frame, f"choices: {chunk['choices']!r}")


def choice_index(recording: Recording) -> Faults:
    for frame, choice in recording.choices:
        if not isinstance(choice.get("index"), int):
            yield _at(frame, "a choice without index")


def first_role(recording: Recording) -> Faults:
    if recording.deltas and not recording.deltas[0][1].get("role"):
        yield _at(recording.deltas[0][0], "a first delta without role")


def one_role(recording: Recording) -> Faults:
    with_role = [(frame, delta) for frame, delta in recording.deltas if delta.get("role")]
    for frame, delta in with_role[1:]:
        yield _at(frame, f"role {delta['role']!r} again")


def role(recording: Recording) -> Faults:
    for frame, delta in recording.deltas:
        if delta.get("role") not in (None, "", "assistant"):
            yield _at(frame, f"role {delta['role']!r}")


def _finishes(recording: Recording) -> list[tuple[Frame, Any]]:
    return [(frame, c["finish_reason"]) for frame, c in recording.choices if c.get("finish_reason")]


def finish(recording: Recording) -> Faults:
    found = _finishes(recording)
    if recording.chunks and not recording.failed and not recording.cut and not found:
        yield _end(recording, "no finish reason")
    for frame, reason in found[1:]:
        yield _at(frame, f"finish reason {reason!r} again")


def finish_word(recording: Recording) -> Faults:
    for frame, reason in _finishes(recording):
        if reason not in REASONS:
            yield _at(frame, f"finish reason {reason!r}")


def _usages(recording: Recording) -> list[tuple[Frame, dict[str, Any]]]:
    return [(frame, chunk) for frame, chunk in recording.chunks if chunk.get("usage")]


def usage_asked(recording: Recording) -> Faults:
    if not recording.usage_asked or recording.failed or recording.cut or not recording.is_stream:
        return
    found = _usages(recording)
    if not found:
        yield _end(recording, "no usage, though it was asked for")
    for frame, _ in found[1:]:
        yield _at(frame, "usage again")
    for frame, chunk in found:
        usage = chunk["usage"]
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
        if not all(isinstance(count, int) for count in counts):
            yield _at(frame, "usage lacks one of prompt_tokens, completion_tokens, total_tokens")


def usage_unasked(recording: Recording) -> Faults:
    if not recording.usage_asked:
        for frame, chunk in recording.chunks:
            if chunk.get("choices") == []:
                yield _at(frame, "a chunk without choices")


def error_form(recording: Recording) -> Faults:
    for frame, chunk in recording.chunks:
        error = chunk.get("error")
        if not error:
            continue
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            yield _at(frame, "an error without a message of text")
        elif "choices" in chunk:
            yield _at(frame, "an error in a chunk with choices")


def after_error(recording: Recording) -> Faults:
    for at, (_, chunk) in enumerate(recording.chunks):
        if chunk.get("error") and at + 1 < len(recording.chunks):
            yield recording.chunks[at + 1][0].start, len(recording.body), "the stream goes on after an error"
            return


def delta_list(recording: Recording) -> Faults:
    for frame, delta in recording.deltas:
        extensions = {name: value for name, value in delta.items() if name not in _KNOWN}
        for path, value in _lists(extensions, "delta"):
            if any(isinstance(item, dict) and "index" not in item for item in value):
                yield _at(frame, f"{path}: a list of objects without index")


def _lists(value: dict[str, Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    for name, inner in value.items():
        if isinstance(inner, list):
            yield f"{path}.{name}", inner
        elif isinstance(inner, dict):
            yield from _lists(inner, f"{path}.{name}")


# ----------------------------------------------------------------------------------------------------------- tool calls


def call_index(recording: Recording) -> Faults:
    for frame, call in recording.calls:
        if not isinstance(call.get("index"), int):
            yield _at(frame, "a tool call without index")


def call_start(recording: Recording) -> Faults:
    seen: set[int] = set()
    for frame, call in recording.calls:
        index = call.get("index")
        if not isinstance(index, int) or index in seen:
            continue
        if index != len(seen):
            yield _at(frame, f"the index of the next call is {len(seen)}, not {index}")
        seen.add(index)
        function = call.get("function") or {}
        missing = [name for name, value in (("id", call.get("id")), ("name", function.get("name"))) if not value]
        if call.get("type") != "function":
            missing.append("type")
        if missing:
            yield _at(frame, f"the first fragment of call {index} has no {', '.join(missing)}")


def call_arguments(recording: Recording) -> Faults:
    texts: dict[Any, str] = {}
    last: dict[Any, Frame] = {}
    for frame, call in recording.calls:
        fragment = (call.get("function") or {}).get("arguments") or ""
        index = call.get("index")
        last[index] = frame
        if not isinstance(fragment, str):
            yield _at(frame, "arguments are not a string")
            continue
        texts[index] = texts.get(index, "") + fragment
    for index, text in texts.items():
        if not isinstance(parse(text), dict):
            yield _at(last[index], f"the arguments of call {index} are not a JSON object: {text[:60]!r}")


def call_finish(recording: Recording) -> Faults:
    for frame, reason in _finishes(recording):
        if recording.calls and reason not in ("tool_calls", "length", "content_filter"):
            yield _at(frame, f"tool calls, and then finish reason {reason!r}")


# ------------------------------------------------------------------------------------------------------- whole answers


def refusal(recording: Recording) -> Faults:
    """A status of 400 or more is an answer too."""
    if recording.status < 400:
        return
    body = parse(recording.body.decode("utf-8", "replace"))
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        yield 0, len(recording.body), f"status {recording.status} without an error object"


def parity(recording: Recording) -> Faults:
    if recording.whole is None or recording.cut or not recording.is_stream:
        return
    whole = parse(recording.whole.decode("utf-8", "replace"))
    size = len(recording.whole)
    if not isinstance(whole, dict) or whole.get("object") != "chat.completion":
        yield 0, size, "the whole answer is not a chat.completion"
        return
    found = [choice for choice in whole.get("choices") or () if isinstance(choice, dict)]
    message = found[0].get("message") if found else None
    if not isinstance(message, dict) or message.get("role") != "assistant" or "content" not in message:
        yield 0, size, "the whole answer has no message of the assistant with content"
        return
    streamed = [reason for _, reason in _finishes(recording)]
    if streamed and found[0].get("finish_reason") != streamed[0]:
        yield 0, size, f"finish reason {found[0].get('finish_reason')!r} whole, {streamed[0]!r} streamed"
    said = any(delta.get("content") for _, delta in recording.deltas)
    if said != bool(message.get("content")):
        yield 0, size, "one of the two answers has text and the other has none"
    if bool(recording.calls) != bool(message.get("tool_calls")):
        yield 0, size, "one of the two answers has tool calls and the other has none"
    if not isinstance(whole.get("usage"), dict):
        yield 0, size, "the whole answer has no usage"
