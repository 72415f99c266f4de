"""Toolboxes: Python functions, and what else an agent can reach."""
