"""What is decoded by the template of a stream is what is decoded of each chunk."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, strategies as st

from tests.providers.streams import decoded
from turnstream.events import ModelEvent, ProviderError, TextDelta
from turnstream.providers.decode import chat_chunks, chat_stream, template

HEAD, TAIL = b'{"id":"a","choices":[{"index":0,"delta":{"content":', b"}}]}"


class Plodding(chat_stream.Decoder):
    """Knows no shorter way."""

    def __init__(self) -> None:
        super().__init__()
        self._odd = chat_stream._MOST_ODD


LITERALS = st.one_of(
    st.text(max_size=4).map(json.dumps),
    st.text(max_size=4).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        ['"', '"a","b":"c"', "", " ", "null", '"a"\n"b"', '"\\ud83d"', '"\\ude00"', '"a"}}]}\n\n', "[]", '"\\"']
    ),
)


@given(
    literals=st.lists(LITERALS, max_size=8),
    ids=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 600), max_size=5),
)
def test_a_stream_is_read_alike_with_and_without_the_short_way(
    literals: list[str], ids: list[str], cuts: list[int]
) -> None:
    body = b""
    for at, literal in enumerate(literals):
        if literal == "null":
            body += b"data: [DONE]\n\n"
            continue
        head = HEAD.replace(b'"a"', b'"%b"' % ids[at % len(ids)].encode())
        body += b"data: " + head + literal.encode("utf-8", "replace") + TAIL + b"\n\n"
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    events = [body.find(b"\n\n", at) + 2 for at in edges[:-1]]
    for places in (edges, sorted({0, *events, len(body)})):
        pieces = [body[a:b] for a, b in itertools.pairwise(places)]
        assert merged(decoded(chat_stream.Decoder(), pieces)) == merged(decoded(Plodding(), pieces))


def merged(outcome: tuple[list[ModelEvent], ProviderError | None]) -> tuple[list[object], str]:
    found: list[object] = []
    for event in outcome[0]:
        if found and isinstance(event, TextDelta) and isinstance(found[-1], TextDelta):
            found[-1] = TextDelta(found[-1].text + event.text)
        else:
            found.append(event)
    return found, repr(outcome[1])


def test_the_text_is_found_where_it_is_read() -> None:
    data = b'{"id":"stop","choices":[{"delta":{"content":"stop"}}]}'
    assert template.learn(data, "stop", chat_chunks.read_text) is None
    learned = template.learn(HEAD + b'"no"' + TAIL, "no", chat_chunks.read_text)
    assert learned is not None
    event = b"data: " + HEAD + b'"s\\u00f6"' + TAIL + b"\n\n"
    assert learned.deltas(event) == [TextDelta("sö")]
    assert learned.deltas(event * 2) == [TextDelta("sö"), TextDelta("sö")]
    assert learned.deltas(event[:-1]) is None
    assert learned.deltas(event.replace(b'"a"', b'"b"')) is None


def test_of_an_answer_in_one_read_all_but_the_first_texts_and_the_end_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alone: list[bytes] = []
    monkeypatch.setattr(template.Template, "text", lambda self, data: alone.append(data))
    tokens = b"".join(b"data: " + HEAD + b'"t%d"' % n + TAIL + b"\n\n" for n in range(100))
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    events = chat_stream.Decoder().feed(tokens + end)
    assert [event.text for event in events if isinstance(event, TextDelta)] == [f"t{n}" for n in range(100)]
    assert len(alone) < 8
