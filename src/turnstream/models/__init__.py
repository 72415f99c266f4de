"""Wrappers around a model, which are models themselves."""
