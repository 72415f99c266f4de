from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from hypothesis import given, strategies as st

from turnstream.telemetry import logs


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "turnstream.x", "levelno": logging.INFO, "levelname": "INFO", "msg": message, "args": args}
    )
    made.__dict__.update(more)
    return made


def test_a_line_is_one_object_with_the_fields_that_say_something() -> None:
    line = logs.JsonFormatter().format(record("run %s\nended", "r1", fields={"run": "r1", "thread": None, "trace": ""}))
    assert "\n" not in line
    told = json.loads(line)
    assert {key: value for key, value in told.items() if key != "time"} == {
        "level": "info",
        "logger": "turnstream.x",
        "message": "run r1\nended",
        "run": "r1",
    }
    assert told["time"].endswith("Z")


def test_a_field_does_not_take_the_place_of_the_lines_own() -> None:
    told = json.loads(logs.JsonFormatter().format(record("x", fields={"message": "y", "level": "z"})))
    assert (told["message"], told["level"]) == ("x", "info")


def test_a_traceback_is_a_field() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        told = json.loads(logs.JsonFormatter().format(record("x", exc_info=sys.exc_info())))
    assert told["exception"].endswith("RuntimeError: broken")


LIBRARY = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


@given(st.floats(0, 4e9), st.floats(0, 999.999), st.text(), st.booleans())
def test_a_line_of_text_is_the_librarys(created: float, msecs: float, said: str, failed: bool) -> None:
    error = (RuntimeError, RuntimeError("broken"), None) if failed else None
    made = record("run %s", said, created=created, msecs=msecs, exc_info=error)
    assert logs.TextFormatter().format(made) == LIBRARY.format(made)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("format", "stream", "is_json"),
    [
        ("auto", Terminal(), False),
        ("auto", io.StringIO(), True),
        ("json", Terminal(), True),
        ("text", io.StringIO(), False),
    ],
)
def test_people_at_a_terminal_read_text_and_machines_json(
    format: logs.Format, stream: io.StringIO, is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    assert logs.set_up("info", format, stream) is is_json
