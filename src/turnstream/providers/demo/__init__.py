"""The built-in demo model: no language model, but rules, so that an agent can be tried without a key or a network.

It picks tools by the words of the last user message, fills their arguments by their schemas, and answers with the
results. The same conversation always gets the same answer.
"""

from turnstream.providers.demo.answers import answer
from turnstream.providers.demo.model import Model

__all__ = ["Model", "answer"]
