"""What Turnstream tests itself with, for your tests: models that say what you tell them to, and a client that streams.

Nothing here needs a test framework; only `cuts` needs hypothesis.
"""

from turnstream.testing.client import Client, Response, streaming_client
from turnstream.testing.models import RecordedModel, ScriptedModel, call, text
from turnstream.testing.pieces import cut, cuts, decode, joined

__all__ = [
    "Client",
    "RecordedModel",
    "Response",
    "ScriptedModel",
    "call",
    "cut",
    "cuts",
    "decode",
    "joined",
    "streaming_client",
    "text",
]
