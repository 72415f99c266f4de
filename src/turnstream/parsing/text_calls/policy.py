"""Where reasonable readers differ: each a named option with our default; docs/tool-calls-as-text.md says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Policy:
    """How an answer is read where its format leaves a choice.

    ``unoffered``: a call of a tool that was not offered is a ``call``, or it is ``text``. ``text_after_calls``: text
    after a call is kept. ``trim``: white space that only separates text from a marker goes with the marker.
    ``untyped``: a tagged value without a schema is read as the ``family`` writes it, as ``json`` wherever it is JSON,
    or as a ``string`` always.
    """

    unoffered: Literal["call", "text"] = "call"
    text_after_calls: bool = True
    trim: bool = True
    untyped: Literal["family", "json", "string"] = "family"


DEFAULT = Policy()
