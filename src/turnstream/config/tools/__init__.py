"""The entries of ``tools``: one file a kind, with its section, its builder and its row."""
