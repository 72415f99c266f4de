"""A person at a terminal, which is a real one, is asked before a tool is called."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_serve import running
from turnstream.cli.printer import Printer
from turnstream.cli.text import printable
from turnstream.events import MaxStepsReached

ROOT = Path(__file__).parents[2]
CAREFUL = "tests/cli/agents.py:careful"
QUESTION = "Call double(number=21)? [y/N] "
SECONDS = 30


class Talk:
    """``turnstream chat`` in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._terminal, inside = pty.openpty()
        command = [sys.executable, "-m", "turnstream", "chat", *arguments]
        self.process = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, cwd=ROOT)
        os.close(inside)
        self.shown = ""

    def until(self, text: str) -> None:
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} was not shown, but {self.shown!r}"
            try:
                self.shown += os.read(self._terminal, 4096).decode().replace("\r\n", "\n")
            except OSError:  # the other side of a terminal is closed
                assert text in self.shown, f"{text!r} was not shown, but {self.shown!r}"

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(SECONDS)
        os.close(self._terminal)


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk(CAREFUL, "--message", "double 21")
    yield talk
    talk.close()


def test_a_yes_lets_the_call_through(talk: Talk) -> None:
    talk.until(QUESTION)
    talk.type("y\n")
    talk.until("It is 42.")
    assert talk.process.wait(SECONDS) == 0


@pytest.mark.parametrize("answer", ["\n", "yellow\n", "\x04"])
def test_anything_else_does_not(talk: Talk, answer: str) -> None:
    talk.until(QUESTION)
    talk.type(answer)
    talk.until("It is The call of double was not approved: it was not executed.")


def test_what_was_typed_before_the_question_is_no_answer_to_it() -> None:
    talk = Talk(CAREFUL)
    try:
        talk.until("> ")
        talk.type("double 21\ny\n")
        talk.until(QUESTION)
        talk.type("n\n")
        talk.until("not approved")
        assert "42" not in talk.shown
    finally:
        talk.close()


def test_an_interrupt_at_the_question_stops_the_answer_and_the_conversation_goes_on() -> None:
    talk = Talk(CAREFUL)
    try:
        talk.until("> ")
        talk.type("double 21\n")
        talk.until(QUESTION)
        talk.process.send_signal(signal.SIGINT)
        talk.until("stopped")
        talk.type("count\n")
        talk.until("1 messages")
    finally:
        talk.close()


def test_without_a_terminal_nobody_is_asked() -> None:
    command = [sys.executable, "-m", "turnstream", "chat", CAREFUL, "--message", "double 21"]
    done = subprocess.run(command, input="y\n", capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert "needs approval, and nobody can be asked" in done.stdout


def test_a_server_says_at_its_start_which_calls_wait_for_a_person() -> None:
    with running("serve", CAREFUL, "--port", "0") as (process, _):
        assert process.stderr is not None
        assert "/docs" in next(process.stderr)
        assert "careful" in next(process.stderr)
        assert next(process.stderr).startswith("  calls of * wait for a person's approval")


def test_a_question_shows_what_cannot_be_seen() -> None:
    assert printable('delete("a\u202etxt.exe\x1b[2K")') == 'delete("a�txt.exe�[2K")'


def test_a_question_is_asked_again_after_what_is_shown_meanwhile(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer()
    printer.ask("Call it? ")
    printer.show([MaxStepsReached(1)])
    printer.end_question(by_a_line=False)
    printer.show([MaxStepsReached(1)])
    assert capsys.readouterr().err == "Call it? \n· max_depth_reached\nCall it? \n· max_depth_reached\n"
