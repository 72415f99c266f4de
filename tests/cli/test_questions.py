"""A person at a terminal answers what a run asks, and it goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_approval import ROOT, SECONDS, Talk

ASKING, FORM = "tests/cli/agents.py:asking", "tests/cli/agents.py:form"
WHERE = json.dumps({"question": "Where to?"})
WHICH = json.dumps({"question": "Which?", "choices": ["by train", "by car"]})


@pytest.fixture
def talk(request: pytest.FixtureRequest) -> Iterator[Talk]:
    talk = Talk(*request.param)
    yield talk
    talk.close()


def pass_by(talk: Talk, text: str) -> None:
    """What was shown up to there is not looked at again."""
    talk.until(text)
    talk.shown = talk.shown.partition(text)[2]


@pytest.mark.parametrize("talk", [(ASKING, "--message", WHERE)], indirect=True)
def test_a_question_is_answered_with_a_line(talk: Talk) -> None:
    talk.until("Where to? (an empty line is no answer) ")
    talk.type("Oslo\n")
    talk.until("Heard: Oslo")
    assert talk.process.wait(SECONDS) == 0


@pytest.mark.parametrize("answer", ["\n", "\x04"])
@pytest.mark.parametrize("talk", [(ASKING, "--message", WHERE)], indirect=True)
def test_nobody_has_to_answer(talk: Talk, answer: str) -> None:
    talk.until("no answer) ")
    talk.type(answer)
    talk.until("Heard: The user did not answer.")


@pytest.mark.parametrize("answer", ["2\n", "by car\n"])
@pytest.mark.parametrize("talk", [(ASKING, "--message", WHICH)], indirect=True)
def test_a_choice_is_its_number_or_its_words(talk: Talk, answer: str) -> None:
    talk.until("1 by train")
    talk.until("2 by car")
    talk.until("no answer) ")
    talk.type(answer)
    talk.until("Heard: by car")


@pytest.mark.parametrize("talk", [(ASKING, "--message", WHICH)], indirect=True)
def test_what_is_no_choice_leaves_the_question_open(talk: Talk) -> None:
    pass_by(talk, "no answer) ")
    talk.type("by ship\n")
    pass_by(talk, "does not fit")
    talk.until("no answer) ")
    talk.type("1\n")
    talk.until("Heard: by train")


@pytest.mark.parametrize("breakfast", ["y", ""])
@pytest.mark.parametrize("talk", [(FORM, "--quiet", "--message", WHERE)], indirect=True)
def test_a_form_is_asked_field_by_field_and_each_is_checked(talk: Talk, breakfast: str) -> None:
    pass_by(talk, "nights [integer]: ")
    talk.type("many\n")
    pass_by(talk, "is not of type 'integer'")
    talk.until("nights [integer]: ")
    talk.type("2\n")
    talk.until("breakfast [boolean] [false]: ")
    talk.type(f"{breakfast}\n")
    talk.until("2 double")
    talk.until("number or words: ")
    talk.type("2\n")
    talk.until(f'Heard: {{"nights":2,"breakfast":{"true" if breakfast else "false"},"room":"double"}}')


@pytest.mark.parametrize(("answer", "heard"), [("y", "Heard: {}"), ("", "Heard: The user did not answer.")])
@pytest.mark.parametrize("talk", [("tests/cli/agents.py:confirming", "--message", WHERE)], indirect=True)
def test_a_form_without_fields_wants_a_yes_and_is_not_given_one(talk: Talk, answer: str, heard: str) -> None:
    talk.until("Where to? [y/N] ")
    talk.type(f"{answer}\n")
    talk.until(heard)


@pytest.mark.parametrize("talk", [(ASKING,)], indirect=True)
def test_the_conversation_knows_the_answer_afterwards(talk: Talk) -> None:
    for _ in range(2):
        pass_by(talk, "> ")
        talk.type(f"{WHERE}\n")
        pass_by(talk, "no answer) ")
        talk.type("Oslo\n")
        pass_by(talk, "Heard: Oslo")


def test_without_a_terminal_it_is_said_where_one_can_answer() -> None:
    command = [sys.executable, "-m", "turnstream", "chat", ASKING, "--message", WHERE]
    done = subprocess.run(command, input="Oslo\n", capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert "nobody is asked" in done.stderr
    assert "Heard: The user cannot be asked here." in done.stdout


@pytest.mark.parametrize(("answer", "told"), [("y", "sesame, it opens."), ("n", "ended by content_filter")])
@pytest.mark.parametrize("talk", [("tests/cli/agents.py:guarded", "--message", "hi")], indirect=True)
def test_a_guardrail_asks_before_the_rest_of_an_answer_is_shown(talk: Talk, answer: str, told: str) -> None:
    talk.until("holds the rest of the answer back. May it be shown? [y/N] ")
    assert "opens" not in talk.shown
    talk.type(f"{answer}\n")
    talk.until(told)


@pytest.mark.parametrize("protocol", ["new", "old"])
def test_an_mcp_server_asks_in_the_middle_of_a_call(protocol: str, tmp_path: Path) -> None:
    command = {"command": sys.executable, "args": [f"{ROOT}/tests/tools/mcp/asking_server.py", protocol]}
    (tmp_path / "agent.yaml").write_text(json.dumps({"name": "shop", "model": "demo", "tools": [{"mcp": command}]}))
    talk = Talk(str(tmp_path / "agent.yaml"), "--message", "buy what: boat")
    try:
        pass_by(talk, "agreed [boolean]: ")
        talk.type("y\n")
        pass_by(talk, "most [integer] [optional]: ")
        talk.type("\n")
        talk.until('accept: {"agreed": true}')
    finally:
        talk.close()
