"""Tool calls that a model writes into its text, in any of the forms that model families use.

>>> from turnstream.parsing import text_calls
>>> text_calls.parse('<tool_call>{"name": "add", "arguments": {"x": 1}}</tool_call>', "hermes").tool_calls
(Call(name='add', arguments='{"x": 1}'),)
"""

from turnstream.parsing.text_calls.decoder import Broken, Call, Decoder, Parsed, parse
from turnstream.parsing.text_calls.families import format_for
from turnstream.parsing.text_calls.format import Format
from turnstream.parsing.text_calls.formats import FORMATS, check_format
from turnstream.parsing.text_calls.policy import Policy
from turnstream.parsing.text_calls.state import CUT_OFF

__all__ = [
    "CUT_OFF",
    "FORMATS",
    "Broken",
    "Call",
    "Decoder",
    "Format",
    "Parsed",
    "Policy",
    "check_format",
    "format_for",
    "parse",
]
