"""Peers as servers of chat completions, the thinnest that each can be. They run in environments of their own."""
