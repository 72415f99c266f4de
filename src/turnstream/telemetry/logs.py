"""Lines of the log: for people on a terminal, JSON elsewhere."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from typing import IO, Literal, TypeAlias

from turnstream import text

Format: TypeAlias = Literal["auto", "text", "json"]

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_QUIET = ("uvicorn", "httpx2")  # one says what ours say; the other tells URLs, which may hold a key


class JsonFormatter(logging.Formatter):
    """One object a line: ``time`` (UTC), ``level``, ``logger``, ``message``, then the record's ``fields`` that say
    something, and ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in getattr(record, "fields", {}).items():
            if value not in (None, ""):
                line.setdefault(name, value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Redacting(logging.Formatter):
    """Another formatter's lines without secrets, tracebacks and what libraries log included."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self._formatter, self._secrets = formatter, set(secrets)
        self._redactor = text.Redactor(self._secrets)

    def add(self, secrets: Iterable[str]) -> None:
        self._secrets |= set(secrets)
        self._redactor = text.Redactor(self._secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.redact(self._formatter.format(record))


def set_up(level: str, format: Format, stream: IO[str], secrets: Iterable[str] = ()) -> bool:
    """``auto`` is for people if ``stream`` is a terminal. Changes no handler where logging is set up already. No line
    has one of the ``secrets``.

    Gives back whether the lines are JSON.
    """
    handler = logging.StreamHandler(stream)
    is_json = format == "json" or (format == "auto" and not stream.isatty())
    formatter = JsonFormatter() if is_json else logging.Formatter(_TEXT)
    handler.setFormatter(Redacting(formatter, secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return is_json


def redact_also(secrets: Iterable[str]) -> None:
    """From now on no line has these either."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, Redacting):
            handler.formatter.add(secrets)
