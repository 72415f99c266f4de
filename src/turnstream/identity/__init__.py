"""Who asks: from what a client shows to a principal."""

from turnstream.identity.keys import Key, Keys

__all__ = ["Key", "Keys"]
