"""Every decoder under a fuzzer that sees which of our lines an input reaches: ``make fuzz`` (atheris, on CPython 3.11).

``python -m tests.fuzz_decoders 60`` runs for 60 seconds, from the recorded stories on; ``60 15000`` tries 15,000
inputs, for no longer than that. An input fails if a decoder raises anything but its declared error, says something else
when the same bytes are cut in two, or takes more than 5 seconds. With a number of inputs, cut texts are not compared:
the property tests do that with inputs of their own, and the search for new ones is not for a run that others wait for.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import atheris  # in an environment of its own: requirements/fuzz.txt

with atheris.instrument_imports(include=["turnstream"]):
    from tests.providers.streams import decoded
    from tests.providers.test_fuzz import STREAMS
    from turnstream import errors, events, messages
    from turnstream.dialects import DIALECTS, base
    from turnstream.parsing import aws_event_stream, ndjson, sse, text_calls
    from turnstream.parsing.collect import Collector
    from turnstream.providers import openai

FORMATS = sorted(text_calls.FORMATS)
TOOL = {"name": "echo", "parameters": {"properties": {"x": {"type": "string"}, "n": {"type": "integer"}}}}


def frames(new: Callable[[], Any], data: bytes, cut: int) -> None:
    """A decoder of bytes into frames: the same frames, whole and cut."""
    whole, again = _frames(new(), [data]), _frames(new(), [data[:cut], data[cut:]])
    assert whole == again


def _frames(decoder: Any, pieces: Iterable[bytes]) -> tuple[list[Any], str]:
    found: list[Any] = []
    try:
        for piece in pieces:
            found += decoder.feed(piece)
        found += decoder.close()
    except (errors.ProtocolError, ValueError) as error:
        return found, type(error).__name__
    return found, ""


def vendor(name: str, data: bytes, cut: int) -> None:
    new = STREAMS[name][0] if name in STREAMS else openai.PROVIDER.decoder
    whole, error = decoded(new(), [data])
    again, same = decoded(new(), [data[:cut], data[cut:]])
    assert again == whole
    assert type(error) is type(same)


def text_format(name: str, data: bytes, cut: int) -> None:
    """Beside a call that cannot be executed, how much is quoted as its text may depend on the cut."""
    text = data.decode("utf-8", "replace")
    if len(sys.argv) > 2:
        _said(name, [text[:cut], text[cut:]])
        return
    whole, again = _said(name, [text]), _said(name, [text[:cut], text[cut:]])
    assert [call for call in whole[2] if not call.malformed] == [call for call in again[2] if not call.malformed]
    if not any(call.malformed for call in (*whole[2], *again[2])):
        assert whole == again


def _said(name: str, pieces: Iterable[str]) -> tuple[str, str, list[messages.ToolCall]]:
    decoder, collector = text_calls.Decoder(name, [TOOL]), Collector()
    given: list[events.ModelEvent] = []
    for piece in pieces:
        given += decoder.feed(piece)
    collector.feed([*given, *decoder.close()])
    calls = [part for part in collector.message().parts if isinstance(part, messages.ToolCall)]
    return collector.text, collector.reasoning, calls


def dialect(one: base.Dialect, data: bytes, cut: int) -> None:
    for route in one.routes:
        if route.method == "POST":
            try:
                one.decode(base.ClientRequest(data, "run_1", 1.0, path=route.path, path_params={"agent": "a"}))
            except errors.RequestError:
                pass


TARGETS: list[Callable[[bytes, int], None]] = [
    lambda data, cut: frames(sse.Decoder, data, cut),
    lambda data, cut: frames(ndjson.Decoder, data, cut),
    lambda data, cut: frames(aws_event_stream.Decoder, data, cut),
    *((lambda data, cut, name=name: vendor(name, data, cut)) for name in (*STREAMS, "openai")),
    *((lambda data, cut, name=name: text_format(name, data, cut)) for name in FORMATS),
    *((lambda data, cut, one=one(): dialect(one, data, cut)) for one in DIALECTS),
]


def try_one(data: bytes) -> None:
    """The first byte says which decoder, the next where the rest is cut."""
    if len(data) > 2:
        TARGETS[data[0] % len(TARGETS)](data[2:], data[1] * len(data) // 256)


def seed(folder: Path) -> None:
    names = [*STREAMS, "openai"]
    for at, name in enumerate(names):
        for number, story in enumerate((STREAMS.get(name) or STREAMS["watsonx"])[1].values()):
            (folder / f"{name}-{number}").write_bytes(bytes((3 + at, 100)) + story)
    call = '{"name": "echo", "arguments": {"x": "hi", "n": 1}}'
    for at, name in enumerate(FORMATS):
        opener = min(text_calls.FORMATS[name].opens, key=len, default="")
        (folder / f"text-{name}").write_bytes(bytes((3 + len(names) + at, 90)) + f"Hello. {opener}{call}".encode())
    body = b'{"model": "a", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "input": "hi"}'
    for at in range(len(DIALECTS)):
        (folder / f"body-{at}").write_bytes(bytes((3 + len(names) + len(FORMATS) + at, 90)) + body)


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    assert len(TARGETS) <= 256
    folder = Path(tempfile.mkdtemp(prefix="turnstream-fuzz-"))
    seed(folder)
    limits = ["-timeout=5", "-rss_limit_mb=2048", "-max_len=8192", f"-artifact_prefix={folder}/failed-"]
    same = [f"-runs={sys.argv[2]}", "-seed=1"] if len(sys.argv) > 2 else []
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", *same, *limits, str(folder)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
