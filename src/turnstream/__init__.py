"""Turnstream serves LLM agents as streams, in the protocol that the client already speaks."""

__version__ = "0.1.0"
