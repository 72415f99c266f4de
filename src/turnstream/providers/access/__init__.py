"""Tokens, keys and signatures: how providers prove who asks, as data and generators of requests."""
