from __future__ import annotations

import pytest

from tests.scripts import Conversation, Said
from tests.upstream import Refused, serve_in_thread
from turnstream.cli import main
from turnstream.events import Finish, TextDelta, ToolCallDelta, ToolCallStart, Usage, UsageReport

COUNTED: list[Said] = [UsageReport(Usage(11, 7)), Finish("stop")]


def calls(conversation: Conversation) -> list[Said]:
    (tool,) = conversation.tools
    return [TextDelta("one"), ToolCallStart(0, "c", tool), ToolCallDelta(0, "{}"), *COUNTED]


def only_talks(conversation: Conversation) -> list[Said]:
    if conversation.tools:
        raise Refused("tools are not supported by this model")
    return [TextDelta("one"), *COUNTED]


def pinged(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str = "upstream-key"
) -> tuple[dict[str, str], str, object]:
    monkeypatch.setenv("OPENAI_COMPATIBLE_API_KEY", key)
    with (
        serve_in_thread({"calls": calls, "talks": only_talks}) as vendor,
        pytest.raises(SystemExit) as exited,
    ):
        main(["ping", f"openai-compatible:{name}", "--base-url", vendor.url])
    out, err = capsys.readouterr()
    return {line[:16].strip(): line[16:].strip() for line in out.splitlines()}, err, exited.value.code


def test_one_call_tells_what_the_model_can_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _, code = pinged("calls", capsys, monkeypatch)
    assert (code, said["tools"], said["tokens"], said["finish reason"]) == (0, "called", "11 in, 7 out", "tool_calls")
    assert said["first token"].endswith(" ms")


def test_a_model_that_takes_no_tools_is_asked_without_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _, code = pinged("talks", capsys, monkeypatch)
    assert (code, said["tools"]) == (0, "rejected")


def test_a_refusal_is_told_with_the_vendors_words_and_without_the_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, err, code = pinged("calls", capsys, monkeypatch, key="wrong-key")
    assert (said, code) == ({}, 1)
    assert "Incorrect API key provided" in err
    assert "wrong-key" not in err


def test_the_built_in_model_can_be_pinged(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["ping", "demo"])
    assert exited.value.code == 0
    assert "first token" in capsys.readouterr().out
