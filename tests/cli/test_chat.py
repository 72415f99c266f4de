from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
AGENT = "tests/cli/agents.py:agent"
BROKEN = "tests/cli/agents.py:broken"


def chat(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "turnstream", "chat", *arguments]
    return subprocess.run(command, input=said, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)


def test_one_message_is_answered_on_standard_output() -> None:
    done = chat(AGENT, "--message", "double 21")
    assert (done.returncode, done.stdout) == (0, "It is 42.[31m\n")


def test_statuses_and_tool_calls_are_shown_beside_the_answer() -> None:
    said = re.sub(r"\d+\.\d s", "_ s", chat(AGENT, "--message", "double 21").stderr)
    assert said.splitlines() == [
        "Configuration: tests/cli/agents.py:agent",
        "· starting_generation",
        "Doubling.",
        "· tool_call_detected",
        "  → double(number=21)",
        "  ✓ double (_ s): 42",
        "· tools_executed",
        "· continuing_generation",
        "2 steps, 7 + 3 tokens",
    ]


def test_quiet_shows_the_answer_alone() -> None:
    assert chat(AGENT, "--quiet", "--message", "double 21").stderr == ""


def test_a_failed_run_is_a_failure_and_shows_no_traceback() -> None:
    done = chat(AGENT, "--quiet", "--message", "fail")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("✗ ")
    assert "Traceback" not in done.stderr


def test_a_broken_tool_is_a_sentence_unless_one_debugs() -> None:
    assert "Traceback" not in chat(BROKEN, "--message", "double 21").stderr
    assert "Traceback" in chat(BROKEN, "--message", "double 21", "--debug").stderr


def test_a_conversation_goes_on_and_can_begin_anew() -> None:
    done = chat(AGENT, said="count\ncount\n/new\ncount\n/quit\ncount\n")
    assert done.stdout.splitlines() == ["2 messages", "4 messages", "2 messages"]


def test_a_failed_answer_leaves_no_trace_in_the_conversation() -> None:
    assert chat(AGENT, said="fail\ncount\n").stdout == "2 messages\n"


def test_another_agent_can_be_asked() -> None:
    done = chat("tests/cli/agents.py:agents", said="/agent other\ncount\n")
    assert done.stdout == "1 messages\n"
    assert chat("tests/cli/agents.py:agents", "--agent", "othr").stderr.endswith(
        "there is no agent 'othr'; there are: doubler, other\n"
    )


def test_an_interrupt_stops_the_answer_and_not_the_conversation() -> None:
    command = [sys.executable, "-u", "-m", "turnstream", "chat", AGENT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as talk:
        assert talk.stdin is not None
        assert talk.stdout is not None
        talk.stdin.write("wait\n")
        talk.stdin.flush()
        assert talk.stdout.read(len("waiting")) == "waiting"
        os.kill(talk.pid, signal.SIGINT)
        out, err = talk.communicate("count\n", timeout=30)
    assert out == "\n2 messages\n"
    assert "stopped" in err
    assert talk.returncode == 0
