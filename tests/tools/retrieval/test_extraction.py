from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given, settings, strategies as st

from tests.tools.retrieval.folders import pdf
from turnstream.tools.retrieval import html
from turnstream.tools.retrieval.documents import Document, Section, SkippedError
from turnstream.tools.retrieval.extraction import READERS, extract

MARKDOWN = """---
title: "A guide"
url: https://example.com/guide
---
Before.

# Install #

Run it.

```sh
# no heading
```

## On Linux

Like this.
# Use
"""

PAGE = """<!doctype html><html><head><title> The
 page </title><link rel="canonical" href="https://example.com/p"><style>p {}</style></head>
<body><nav><a>Home</a></nav><h1>First</h1><p>One&nbsp;&amp; <b>two</b>.<script>alert("no")</script></p>
<h2>Second</h2><ul><li>a<li>b</ul><pre>x
  y</pre><footer>imprint</footer></body></html>"""


def texts(document: Document) -> list[Section]:
    return [Section(heading, text.strip()) for heading, text in document.sections if text.strip()]


def reason(path: str, data: bytes) -> str:
    with pytest.raises(SkippedError) as caught:
        extract(path, data)
    return caught.value.reason


def test_markdown_is_cut_at_its_headings() -> None:
    document = extract("guide.md", MARKDOWN.encode())
    assert (document.title, document.url) == ("A guide", "https://example.com/guide")
    assert texts(document) == [
        Section("", "Before."),
        Section("Install", "Run it.\n\n```sh\n# no heading\n```"),
        Section("Install › On Linux", "Like this."),
    ]


def test_html_loses_its_markup_scripts_and_navigation() -> None:
    document = extract("p.html", PAGE.encode())
    assert (document.title, document.url) == ("The page", "https://example.com/p")
    assert texts(document) == [Section("First", "One & two."), Section("First › Second", "a\nb\n\nx\n  y")]


def test_navigation_that_is_never_closed_does_not_swallow_the_page() -> None:
    assert texts(extract("p.html", b"<nav>Home<main><p>Text</main>")) == [Section("", "Text")]


def test_navigation_within_navigation_ends_with_the_outer_one() -> None:
    assert texts(extract("p.html", b"<nav>a<nav>b</nav>c</nav><p>Text")) == [Section("", "Text")]


def test_a_heading_that_is_never_closed_loses_no_text() -> None:
    page = f"<h2>A<div>{'long text ' * 50}</div>"
    assert texts(extract("p.html", page.encode()))[0].text.startswith("Along text long text")


def test_html_without_its_parser_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lxml", None)
    assert reason("p.html", b"<p>x") == "HTML needs: pip install 'turnstream[retrieval]'"


@pytest.mark.parametrize(
    "piece",
    [
        "<div>",
        "<b>",
        "<p>",
        "<table>",
        "<ul><li>",
        "<dl><dd><p>",
        "<",
        "&#",
        "<!--",
        "<div a=1 ",
        "</p>",
        "<b><i></b></i>",
    ],
)
def test_a_page_costs_no_more_than_its_length(piece: str) -> None:
    def seconds(size: int) -> float:
        page = f"<p>Text</p>{piece * (size // len(piece))}"
        began = time.thread_time()
        assert html.read(page, "p").sections[0].text.startswith("Text")
        return time.thread_time() - began

    assert seconds(400_000) < 30 * max(seconds(40_000), 0.01)


@given(st.text("<>/=\"'&;!-phdivnavtle12 \n#x\x00", max_size=80))
def test_any_text_is_a_page(text: str) -> None:
    assert html.read(text, "p").title


def test_an_address_that_is_none_is_not_cited() -> None:
    page = b'<link rel="canonical" href="javascript:alert(1)"><p>x'
    assert extract("p.html", page).url is None


def test_a_pdf_has_a_section_for_each_page() -> None:
    document = extract("a/report.pdf", pdf("First page", "Second page"))
    assert document.title == "report.pdf"
    assert texts(document) == [Section("page 1", "First page"), Section("page 2", "Second page")]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("größer".encode(), "größer"),
        ("größer".encode("utf-8-sig"), "größer"),
        ("größer".encode("utf-16"), "größer"),
        ("größer – “so”".encode("cp1252"), "größer – “so”"),
    ],
)
def test_text_is_read_in_its_encoding(data: bytes, text: str) -> None:
    assert texts(extract("a.txt", data)) == [Section("", text)]


def test_a_page_is_read_in_the_encoding_that_it_declares() -> None:
    page = '<meta charset="shift_jis"><p>日本語'.encode("shift_jis")
    assert texts(extract("p.html", page)) == [Section("", "日本語")]


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        ("a.txt", bytes(range(256)) * 10, "it is not text"),
        ("a.md", b"\x7fELF\x02\x01\x01" + b"\0" * 100, "it is not text"),
        ("a.txt", b" \n", "it has no text"),
        ("a.pdf", b"no pdf at all", "it is not a PDF that can be read"),
        ("a.pdf", pdf("x")[:-200], "it is not a PDF that can be read"),
        ("a.pdf", pdf(""), "it has no text, only pictures of it"),
    ],
)
def test_what_is_no_text_is_skipped_with_a_reason(path: str, data: bytes, said: str) -> None:
    assert reason(path, data).startswith(said)


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(READERS)),
    st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))),
)
def test_no_file_breaks_the_reading(suffix: str, data: bytes) -> None:
    try:
        extract(f"a{suffix}", data)
    except SkippedError:
        pass


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=20))
def test_no_damage_to_a_pdf_breaks_the_reading(place: int, damage: bytes) -> None:
    good = pdf("First page", "Second page")
    try:
        extract("a.pdf", good[:place] + damage + good[place + len(damage) :])
    except SkippedError:
        pass
