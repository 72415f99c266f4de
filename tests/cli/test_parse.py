from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from turnstream.cli import main

ANSWER = 'Let me see.\n<tool_call>\n{"name": "add", "arguments": {"x": 1}}\n</tool_call>'


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    path = tmp_path / "answer.txt"
    path.write_text(ANSWER, encoding="utf-8")
    return path


def parse(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    with pytest.raises(SystemExit) as exit:
        main(["parse", *map(str, arguments)])
    assert exit.value.code in (0, None)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("cut", [(), ("--cut", 1), ("--cut", 7)])
def test_each_file_is_a_line_of_json(capsys: pytest.CaptureFixture[str], answer: Path, cut: tuple[object, ...]) -> None:
    assert parse(capsys, "--format", "hermes", *cut, answer, answer) == 2 * [
        {
            "text": "Let me see.",
            "reasoning": "",
            "tool_calls": [{"name": "add", "arguments": '{"x": 1}'}],
            "malformed": [],
        }
    ]


def test_events_come_one_on_a_line(capsys: pytest.CaptureFixture[str], answer: Path) -> None:
    lines = parse(capsys, "--format", "auto", "--events", answer)
    assert [line["type"] for line in lines] == ["text", "tool_call_start", "tool_call_delta"]


def test_tools_give_the_types(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tools, text = tmp_path / "tools.json", tmp_path / "glm.txt"
    spec = {"name": "add", "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}
    tools.write_text(json.dumps([{"type": "function", "function": spec}]), encoding="utf-8")
    text.write_text("<tool_call>add<arg_key>x</arg_key><arg_value>1</arg_value></tool_call>", encoding="utf-8")
    (line,) = parse(capsys, "--format", "glm47", "--tools", tools, text)
    assert line["tool_calls"] == [{"name": "add", "arguments": '{"x": "1"}'}]


def test_an_unknown_format_is_said_with_the_nearest_name(capsys: pytest.CaptureFixture[str], answer: Path) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["parse", "--format", "hermess", str(answer)])
    assert exit.value.code not in (0, None)
    assert "hermes" in capsys.readouterr().err
