"""Who asks: from what a client shows to a principal."""

from pathlib import Path

from turnstream.identity.directory import Directory
from turnstream.identity.issuers import Issuer, is_safe
from turnstream.identity.keys import Key, Keys
from turnstream.identity.users import Users

KEYS_FILE = Path(".turnstream", "keys.json")
"""Where `turnstream keys` keeps hashes, beside a configuration that says nothing else."""

__all__ = ["KEYS_FILE", "Directory", "Issuer", "Key", "Keys", "Users", "is_safe"]
