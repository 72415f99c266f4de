"""Prompts for models that take or write their tool calls as text: chat templates, and the same in a system message."""
