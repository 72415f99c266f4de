"""Rules of framing: what stands between the bytes and the JSON."""

from __future__ import annotations

from collections.abc import Iterator

from turnstream.doctor.recording import DONE, Frame, Recording, parse

MAX_SILENCE = 15.0  # seconds; proxies drop connections that are idle for longer

Faults = Iterator[tuple[int, int, str]]


def content_type(recording: Recording) -> Faults:
    kind = recording.headers.get("content-type", "")
    if recording.status < 400 and not kind.startswith("text/event-stream"):
        yield 0, 0, f"it is {kind or 'of no type'}, beginning with {recording.body[:40].decode('utf-8', 'replace')!r}"
    if recording.headers.get("content-encoding", "identity") != "identity":
        yield 0, 0, f"content-encoding: {recording.headers['content-encoding']}"


def bom(recording: Recording) -> Faults:
    if recording.body.startswith(b"\xef\xbb\xbf"):
        yield 0, 3, "a byte order mark"


def thread_event(recording: Recording) -> Faults:
    for start, end, what in _lines(recording, "event"):
        if what.removeprefix("event:").strip().startswith("thread."):
            yield start, end, what


def event_line(recording: Recording) -> Faults:
    return _lines(recording, "event")


def id_line(recording: Recording) -> Faults:
    yield from _lines(recording, "id")
    yield from _lines(recording, "retry")


def comment(recording: Recording) -> Faults:
    return _lines(recording, "")


def _lines(recording: Recording, name: str) -> Faults:
    for frame in recording.frames:
        for line in frame.lines:
            if line.name == name:
                yield line.start, line.end, f"{name}: {line.value}"


def empty_event(recording: Recording) -> Faults:
    """As openai-python reads: an empty line ends an event if there was a type, data, a wait, or ever an id."""
    identified = False
    for frame in recording.frames:
        identified = identified or any(line.name == "id" and line.value for line in frame.lines)
        if frame.closed and not frame.data and (identified or frame.has("event") or frame.has("retry")):
            yield frame.start, frame.end, "an event without data"


def data_form(recording: Recording) -> Faults:
    for frame in recording.frames:
        lines = [line for line in frame.lines if line.name == "data"]
        if len(lines) > 1:
            yield lines[0].start, lines[-1].end, "several data lines in one event"
        for line in lines:
            if recording.body[line.start : line.start + 6] != b"data: ":
                yield line.start, line.end, "no space after 'data:'"
        if recording.body[frame.start : frame.end].find(b"\r") >= 0:
            yield frame.start, frame.end, "lines end with a carriage return"


def json(recording: Recording) -> Faults:
    for frame in recording.frames:
        if frame.data is not None and frame.data != DONE and not isinstance(parse(frame.data), dict):
            yield frame.start, frame.end, f"no JSON object: {frame.data[:60]!r}"


def last_event(recording: Recording) -> Faults:
    if recording.frames and not recording.frames[-1].closed:
        yield recording.frames[-1].start, recording.frames[-1].end, "the stream ends within an event"


def check_done(recording: Recording) -> Faults:
    if recording.is_stream and not recording.failed and not recording.cut and not _ends(recording):
        yield len(recording.body), len(recording.body), "no [DONE]"


def after_done(recording: Recording) -> Faults:
    ends = _ends(recording)
    if ends and ends[0].end < len(recording.body):
        yield ends[0].end, len(recording.body), "the stream goes on"


def _ends(recording: Recording) -> list[Frame]:
    return [frame for frame in recording.frames if frame.data == DONE]


def silence(recording: Recording) -> Faults:
    for at, seconds in recording.pauses:
        if seconds > MAX_SILENCE:
            yield at, at, f"{seconds:.0f} seconds of silence"


def complete(recording: Recording) -> Faults:
    if recording.cut:
        yield len(recording.body), len(recording.body), recording.cut
