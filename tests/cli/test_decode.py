from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.corpus import STREAMS, needs_corpus
from turnstream.cli import main

BODY = "".join(
    f"data: {json.dumps({'choices': [choice]}, ensure_ascii=False)}\n\n"
    for choice in (
        {"index": 0, "delta": {"role": "assistant", "content": "Voilà "}},
        {"index": 0, "delta": {"content": "Paris ☀"}},
        {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]}},
        {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
    )
)


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    file = tmp_path / "answer.sse"
    file.write_text(BODY + "data: [DONE]\n\n", "utf-8")
    return file


def decode(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    with pytest.raises(SystemExit) as exited:
        main(["decode", *map(str, arguments)])
    assert exited.value.code == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("cut", [(), ("--cut", 1), ("--cut", 7)])
def test_a_file_is_one_line_however_it_is_cut(
    cut: tuple[object, ...], answer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decode(capsys, "--api", "openai.chat", answer, answer, *cut) == 2 * [
        {
            "file": str(answer),
            "text": "Voilà Paris ☀",
            "reasoning": "",
            "tool_calls": [{"id": "c1", "name": "f", "arguments": "{}"}],
            "finish_reason": "tool_calls",
            "usage": None,
            "error": None,
        }
    ]


def test_events_are_a_line_each(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = decode(capsys, "--api", "openai.chat", "--events", answer)
    assert events[0] == {"type": "text", "text": "Voilà "}
    assert [event["type"] for event in events[-3:]] == ["tool_call_start", "tool_call_delta", "finish"]


def test_a_cut_stream_is_an_error_in_its_line(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer.write_text(BODY[:40])
    (line,) = decode(capsys, "--api", "openai.chat", answer)
    assert line["error"]
    assert decode(capsys, "--api", "openai.chat", "--events", answer)[-1]["type"] == "error"


@pytest.mark.parametrize(("api", "file"), [("openai.chta", "answer.sse"), ("openai.chat", "missing.sse")])
def test_an_unknown_api_and_a_missing_file_are_failures(
    api: str, file: str, answer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["decode", "--api", api, str(answer.with_name(file))])
    assert exited.value.code == 1
    assert capsys.readouterr().err.startswith("turnstream: ")


@needs_corpus
def test_recordings_of_the_corpus_say_what_they_are_known_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((STREAMS / "openai").glob("chat-*.sse"))
    lines = decode(capsys, "--api", "openai.chat", "--cut", 100, *files)
    assert files
    assert [line["file"] for line in lines] == [str(file) for file in files]
    for file, line in zip(files, lines, strict=True):
        expected = json.loads(file.with_suffix(".json").read_text("utf-8"))["expected"]
        assert (line["text"], line["finish_reason"]) == (expected["text"], expected["finish_reason"])
